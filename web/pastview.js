// What is shown of the history beside its charts: names, readings, events. Asks nobody; numbers change in place.

import { clock, day, fixed, moment, plain, span as lasting, unit, words } from "./format.js";
import { rowAt, wordsAt } from "./shown.js";
import { list, make, put } from "./view.js";

const SHOWN = 12; // events; the rest on request
const MINUTE_S = 60, DAY_S = 80000; // a row that is longer is a day
const byId = (id) => document.getElementById(id);
let every = false;

/** What the colours mean. */
export function showLegend(span, flows, choice, catalogue) {
  const sides = [{ label: "from the grid", colour: "import" }, ...(flows.some((one) => one.flow === "export") ? [{ label: "to the grid", colour: "export" }] : [])];
  const keys = choice.power ? sides : choice.lines ?? (choice.volume ? [choice.volume] : flows);
  const made = keys.map(({ label, name, colour }) => key(called(label, name, catalogue), colour));
  const size = choice.power ? "W" : choice.unit ?? "kWh";
  byId("past-legend").replaceChildren(...(size ? [make("span", "unit", size)] : []), ...made);
}

/** What the chart can show. */
export function showChoices(all, chosen) {
  const select = byId("past-show");
  const keys = all.map(({ key: one, label }) => `${one} ${label}`).join("\n");
  if (select.keys !== keys) {
    select.keys = keys;
    select.replaceChildren(...all.map(({ key: one, label }) => new Option(label[0].toUpperCase() + label.slice(1), one)));
  }
  select.value = chosen;
  select.hidden = all.length < 2;
}

/** The month's voltages as a page to print, where the meter sends any. */
export function showReport(span, { meter, told }) {
  const link = byId("past-report");
  link.hidden = span.period !== "month" || !Object.keys(told?.values ?? {}).some((name) => /^voltage_l\d_v$/.test(name));
  link.href = `/report/${span.date.slice(0, 7)}?meter=${encodeURIComponent(meter)}`;
}

/** What this meter's owner calls the tariff, as its title ends: "import, low (1)" for "import, tariff 1". */
function called(label, name, catalogue) {
  const [, own] = /\(([^)]*)\)$/.exec(catalogue[name]?.title ?? "") ?? [];
  return own ? label.replace(/tariff (\d)$/, `${own} ($1)`) : label;
}

function key(label, colour) {
  const made = make("span", "patch", label);
  made.style.setProperty("--of", `var(--${colour})`);
  return made;
}

/** A box for the chart of each other meter, by its name. */
export function showVolumes(volumes) {
  const parent = byId("volumes");
  const keys = volumes.map((one) => `${one.role} ${one.name}`).join("\n");
  if (parent.keys !== keys) {
    parent.keys = keys;
    parent.boxes = volumes.map(() => make("div", "plot"));
    parent.replaceChildren(...volumes.flatMap((one, n) => {
      const legend = make("p", "legend");
      legend.append(make("span", "unit", one.unit), key(one.label, one.colour));
      return [legend, parent.boxes[n]];
    }));
  }
  return parent.boxes ?? [];
}

/** Every value at the moment that is pointed at. */
export function showOver(span, at, series, flows, volumes, choice) {
  const over = byId("past-over");
  over.className = at === null ? "hint" : "";
  if (at === null || at < span.start || at >= span.end) {
    put(over, "Drag over the chart to read a part of it.");
    return;
  }
  const bar = span.barOf(at);
  const parts = [];
  const lines = choice.lines && !choice.power;
  if (choice.power || lines) {
    const row = rowAt(series, at);
    parts.push(span.momentOf(row && row[1] - row[0] >= DAY_S ? row : [at, at]));
  }
  if (lines) {
    parts.push(...wordsAt(choice, series, at));
  } else if (choice.power) {
    const row = series?.end.findIndex((end) => end > at) ?? -1;
    const known = row >= 0 && series.start[row] <= at ? series.power_w : null;
    parts[0] += `  ${fixed(known?.mean[row])} W`;
    const [least, most] = ["min", "max"].map((part) => fixed(known?.[part][row]));
    if (least !== most) parts.push(`${least} to ${most} W`);
  } else {
    parts.push(span.nameOf([span.edges[bar], span.edges[bar + 1]]));
    if (choice.volume) parts.push(`${choice.label} ${fixed(choice.volume.steps[bar], 2)} ${choice.unit}`);
    else for (const flow of new Set(flows.map((one) => one.flow))) {
      parts.push(`${flow} ${flows.filter((one) => one.flow === flow).map((one) => fixed(one.steps[bar], 2)).join(" + ")} kWh`);
    }
  }
  parts.push(...volumes.map((one) => `${one.label} ${fixed(one.steps[bar], 2)} ${one.unit}`));
  put(over, parts.join("  ·  "));
}

/** What the registers say of a range: of what is brushed, or of the whole period. */
export function showReading(span, brush, told, catalogue, choice, read) {
  put(byId("past-range"), brush ? span.nameOf(brush) : `The ${span.end > span.at ? `${span.period} so far` : `whole ${span.period}`}`);
  const { electricity = {}, ...others } = told.used;
  const kwh = (name, label) => ({ key: name, label, title: name, value: fixed(electricity[name], 3), unit: "kWh" });
  const items = ["import", "export"].filter((flow) => typeof electricity[`energy_${flow}_kwh`] === "number" && (flow === "import" || electricity.energy_export_kwh > 0))
    .map((flow) => kwh(`energy_${flow}_kwh`, flow));
  for (const [role, registers] of Object.entries(others)) {
    for (const [name, value] of Object.entries(registers)) {
      const { unit: size = name.split("_").at(-1), title = name, kind = "register" } = catalogue[name] ?? {};
      if (kind === "register") items.push({ key: `${role} ${name}`, label: words(role), title, value: fixed(value, 3), unit: size });
    }
  }
  const { mean_w: mean, highest, lowest } = told.power;
  const peak = (one, label) => ({ key: label, label, value: fixed(Math.abs(one.w)), unit: "W", small: whenOf(one, span.period) });
  if (typeof mean === "number") items.push({ key: "mean", label: "mean power", title: "over the readings there are; below zero: to the grid", value: fixed(mean), unit: "W" });
  if (highest?.w > 0) items.push(peak(highest, "peak import"));
  if (lowest?.w < 0) items.push(peak(lowest, "peak export"));
  choice.lines?.forEach(({ name, label }, n) => {
    const found = read?.[n];
    if (!found) return;
    const [least, mean, most] = [found.least, found.mean, found.most].map((one) => fixed(one, choice.places));
    const several = choice.lines.length > 1 ? `${choice.short} ${label}` : choice.short;
    items.push({ key: `shown ${name}`, label: several, title: `${name}: mean, least and most`, value: mean, unit: choice.unit, small: `${least} to ${most}` });
  });
  list(byId("past-numbers"), items.length ? items : [{ key: "none", label: "Nothing was recorded here.", value: "" }]);
  const rates = Object.keys(electricity).filter((name) => electricity[name] > 0 ? /_t\d_/.test(name) : /_t[12]_/.test(name) && electricity[name.replace(/t\d_/, "")] > 0);
  list(byId("past-rates"), rates.map((name) => kwh(name, called(`${name.split("_")[1]}, tariff ${/_t(\d)_/.exec(name)[1]}`, name, catalogue))));
}

/** When a peak was: its minute, the quarter it lies in, or the day. */
function whenOf({ from, to }, period) {
  const length = (Date.parse(to) - Date.parse(from)) / 1000;
  const time = period === "day" ? clock : (iso) => `${day(iso)}, ${clock(iso)}`;
  if (length > DAY_S) return `on ${day(from)}`;
  return length <= MINUTE_S ? `at ${time(to)}` : `${time(from)} – ${clock(to)}`;
}

/** What happened, newest first, of one kind or all, in words; `kinds` are those of the whole period. */
export function showHappened(events, kinds, kind) {
  const select = byId("past-kind");
  const known = kind && !kinds.includes(kind) ? [...kinds, kind] : kinds;
  if (select.keys !== known.join("\n")) {
    select.keys = known.join("\n");
    select.replaceChildren(new Option("everything", ""), ...known.map((name) => new Option(name, name)));
  }
  select.value = kind;
  select.hidden = known.length < 2 && !kind;
  const chosen = events.filter((event) => !kind || event.kind === kind);
  const card = byId("happened");
  const more = byId("past-more");
  const items = (every ? chosen : chosen.slice(0, SHOWN)).map((event, n) => ({
    key: `${n} ${event.at} ${event.words}`, title: event.kind, value: sentence(event),
    label: event.at ? moment(event.at) : event.received ? new Date(event.received * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "–",
  }));
  list(card, items.length ? items : [{ key: "none", label: "Nothing.", value: "" }]);
  card.hidden = kinds.length === 0 && !kind;
  more.hidden = chosen.length <= SHOWN || every;
  more.textContent = `All ${fixed(chosen.length)}`;
  more.onclick = () => {
    every = true;
    showHappened(events, kinds, kind);
  };
}

/** An event in words, with how long it lasted and how far it went, where that is told. */
function sentence({ words: said, phase, seconds, value, unit: size }) {
  const known = [
    phase && !said.toLowerCase().includes(String(phase).toLowerCase()) && `phase ${String(phase).toUpperCase()}`,
    typeof seconds === "number" && `for ${lasting(seconds)}`,
    typeof value === "number" && `${plain(value)} ${unit(size ?? "")}`,
  ].filter(Boolean);
  return [said, ...known].join(", ");
}
