// The part of the URL behind the #: which meter, which view, what is zoomed and brushed. Touches no element.
// #home/month/2026-11-01?zoom=1793487600-1794092400&brush=…-…&show=voltage&kind=power%20quality; times are UTC seconds since 1970.

export const VIEWS = ["day", "week", "month", "year"];

const DATE = /^\d{4}(-\d\d(-\d\d)?)?$/;

/** What a URL says; whatever it does not say in a way that can be understood is empty. */
export function parse(hash) {
  const [path, query] = hash.replace(/^#/, "").split("?", 2);
  const [meter, view, date] = path.split("/", 3).map(plainly);
  const more = new URLSearchParams(query ?? "");
  return {
    meter: meter || null,
    view: VIEWS.includes(view) ? view : null,
    date: DATE.test(date ?? "") ? date : "",
    zoom: pair(more.get("zoom")),
    brush: pair(more.get("brush")),
    show: more.get("show") ?? "",
    kind: more.get("kind") ?? "",
  };
}

/** The URL of a view. */
export function format({ meter, view, date, zoom, brush, show, kind }) {
  const path = [meter, ...(view ? [view, ...(date ? [date] : [])] : [])].map(encodeURIComponent).join("/");
  const more = [["zoom", zoom?.join("-")], ["brush", brush?.join("-")], ...Object.entries({ show, kind }).map(([name, value]) => [name, value && encodeURIComponent(value)])].filter(([, value]) => value);
  return `#${path}${more.length && view ? "?" : ""}${view ? more.map((one) => one.join("=")).join("&") : ""}`;
}

function plainly(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function pair(text) {
  const found = /^(\d{1,11})-(\d{1,11})$/.exec(text ?? "");
  const [from, to] = (found?.slice(1) ?? []).map(Number);
  return found && from < to ? [from, to] : null;
}
