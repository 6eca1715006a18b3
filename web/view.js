// What is shown of a reading, element by element. Asks nobody; numbers change in place.

import { clock, fixed, moment, plain, register, signed, span, unit, words } from "./format.js";

const byId = (id) => document.getElementById(id);

/** Sets a text only if it is another one, so that a screen reader is not told the same twice. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An element with a class and a text. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** One row per item: built when the set of keys changes, else only updated. */
function rows(parent, items, build, update) {
  const keys = items.map((item) => item.key).join("\n");
  if (parent.keys !== keys) {
    parent.keys = keys;
    parent.parts = items.map(build);
    parent.replaceChildren(...parent.parts.flat());
  }
  items.forEach((item, n) => update(parent.parts[n], item));
}

/** Rows of a description list: {key, label, title, value, unit, small, held, className}. */
export function list(card, items) {
  card.hidden = items.length === 0;
  const build = () => {
    const value = make("dd");
    value.append(make("span"), make("span", "unit"), make("small"));
    return [make("dt"), value];
  };
  rows(card.querySelector("dl"), items, build, ([label, value], item) => {
    put(label, item.label);
    label.title = item.title ?? "";
    label.className = item.active ? "active" : "";
    put(value.children[0], item.held ? "being checked" : item.value);
    value.title = item.held ? `the ${item.label} reading is being checked` : "";
    value.children[0].className = item.held ? "held" : item.className ?? "";
    put(value.children[1], item.held ? "" : unit(item.unit ?? ""));
    put(value.children[2], item.small ?? "");
  });
}

/** Title and code of a name, for those who hover. */
function titleOf(page, name) {
  const row = page.catalogue[name];
  return row ? [row.obis, row.title].filter(Boolean).join(", ") : name;
}

/** State (live, late, stale, lost, waiting) and its words. */
export function showState(state, text, spoken) {
  document.body.dataset.state = state;
  put(byId("age"), text);
  put(byId("spoken"), spoken);
}

/** The sentence of what does not work on the page itself; empty when all does. */
export function showTrouble(text) {
  put(byId("trouble"), text);
  byId("trouble").hidden = !text;
}

/** Nothing came yet: say on what we wait. */
export function showWaiting(source) {
  byId("now").removeAttribute("data-flow");
  put(byId("arrow"), "");
  put(byId("words"), `Waiting for the first telegram${source ? ` on ${source}` : ""}`);
}

/** The one big number. */
export function showNow({ told }) {
  const power = told.values.power_w;
  const known = typeof power === "number";
  const flow = !known ? "" : power < 0 ? "export" : "import";
  byId("now").dataset.flow = flow;
  put(byId("watts"), fixed(power));
  put(byId("arrow"), { import: "↓", export: "↑" }[flow] ?? "");
  const held = told.held.includes("power_w");
  put(byId("words"), known ? (power < 0 ? "to the grid" : "from the grid") : held ? "power is being checked" : "this meter sends no power");
}

/** The message of the grid company, as text and nothing else. */
export function showMessage({ told }) {
  const parts = ["message_text", "message_code"].map((name) => told.values[name]).filter((text) => text !== null && text !== undefined && text !== "");
  byId("message").hidden = parts.length === 0;
  put(byId("text"), parts.join("\n"));
}

/** Today's use, and how it compares with yesterday until this time of day. */
export function showToday(page) {
  const { told, today } = page;
  const used = (when, role, name) => today?.[when].used?.[role]?.[name];
  const items = ["import", "export"]
    .filter((side) => typeof told.values[`energy_${side}_kwh`] === "number" && (side === "import" || told.values.energy_export_kwh > 0))
    .map((side) => ({ key: side, of: side, name: `energy_${side}_kwh`, unit: "kWh", decimals: 2, value: told.values[`energy_${side}_today_kwh`], role: "electricity" }));
  for (const device of told.devices) {
    const name = registerOf(page, device);
    if (!name || device.medium === "unknown") continue;
    const size = page.catalogue[name]?.unit ?? "";
    const value = device.values[name.replace(device.medium, `${device.medium}_today`)];
    items.push({ key: device.role, of: device.medium, name, unit: size, decimals: size === "GJ" ? 3 : 2, value, role: device.role, held: device.held.includes(name) });
  }
  for (const item of items) {
    item.value ??= used("today", item.role, item.name);
    item.before = used("yesterday", item.role, item.name);
  }
  byId("today").hidden = items.length === 0;
  const build = (item) => {
    const row = make("tr");
    row.dataset.of = item.of;
    row.append(make("td", "", words(item.key)), make("td"), make("td"));
    row.children[0].title = titleOf(page, item.name);
    row.children[1].append(make("span"), make("span", "unit"));
    return [row];
  };
  rows(byId("today").querySelector("tbody"), items, build, ([row], item) => {
    const [, value, versus] = row.children;
    put(value.children[0], item.held ? "being checked" : fixed(item.value, item.decimals));
    value.children[0].className = item.held ? "held" : "";
    put(value.children[1], item.held ? "" : unit(item.unit));
    const known = !item.held && typeof item.value === "number" && typeof item.before === "number";
    put(versus, known ? signed(item.value - item.before, item.decimals === 2 ? 1 : 2) : "");
  });
}

function registerOf(page, device) {
  const names = [...Object.keys(device.values), ...device.held];
  return names.find((name) => page.catalogue[name]?.kind === "register" && !name.includes("_today") && name.startsWith(device.medium));
}

const FUSES = [25, 35, 40, 50, 63, 80, 100, 125, 160, 250];

/** One bar per phase, to the fuse; a phase that was never connected is not drawn. */
export function showPhases(page) {
  const { told: { values } } = page;
  const phases = [1, 2, 3].map((n) => ({
    key: `L${n}`, n, power: values[`power_l${n}_w`], current: values[`current_l${n}_a`], voltage: values[`voltage_l${n}_v`],
  }));
  for (const one of phases) {
    // Many meters print whole amperes only; the power says more of a small load.
    one.amperes = Math.max(one.current ?? 0, Math.abs(one.power ?? 0) / (one.voltage || 230));
    if (one.voltage > 50 || one.power || one.current || (one.voltage === undefined && typeof one.power === "number" && one.n === 1)) page.phases.add(one.key);
    page.most = Math.max(page.most, one.amperes);
  }
  const shown = phases.filter((one) => page.phases.has(one.key));
  for (const one of shown) page.decimals = Math.max(page.decimals, (String(one.current ?? "").split(".")[1] ?? "").length);
  const told = [values.limiter_threshold_a, values.current_limit_l1_a].find((limit) => limit > 5 && limit < 250);
  const fuse = Math.max(told ?? 0, FUSES.find((size) => size >= Math.max(page.most, told ?? 0)) ?? 250);
  byId("phases").hidden = shown.length === 0;
  const build = (one) => {
    const row = make("div", "phase");
    const bar = make("div", "bar");
    bar.append(make("i"));
    row.append(make("b", "", one.key), bar);
    for (const [name, size] of [[`power_l${one.n}_w`, "W"], [`current_l${one.n}_a`, "A"], [`voltage_l${one.n}_v`, "V"]]) {
      const cell = make("span");
      cell.title = titleOf(page, name);
      cell.append(make("span"), make("span", "unit", size));
      row.append(cell);
    }
    return [row];
  };
  rows(byId("phases"), shown, build, ([row], one) => {
    const [, bar, ...cells] = row.children;
    const part = Math.min(one.amperes / fuse, 1);
    bar.className = `bar ${one.power < 0 ? "export" : part > 0.9 ? "high" : ""}`;
    bar.title = `of ${fuse} A`;
    bar.firstChild.style.transform = `scaleX(${part.toFixed(4)})`;
    [[one.power, fixed(one.power)], [one.current, fixed(one.current, Math.min(page.decimals, 2))], [one.voltage, fixed(one.voltage, 1)]]
      .forEach(([value, text], n) => {
        cells[n].style.visibility = typeof value === "number" ? "visible" : "hidden";
        put(cells[n].firstChild, text);
      });
  });
}

/** This quarter-hour and the month's peak, where the meter counts them. */
export function showDemand(page) {
  const items = [["average_power_15m_w", "average of this quarter-hour"], ["monthly_power_peak_w", "peak of this month"],
    ["power_left_w", "left below the limit"]]
    .filter(([name]) => typeof page.told.values[name] === "number")
    .map(([name, label]) => ({ key: name, label, title: titleOf(page, name), value: fixed(page.told.values[name]), unit: "W", small: page.told.times[name] ? `at ${moment(page.told.times[name])}` : "" }));
  list(byId("demand"), items);
}

/** The registers, as on the meter's own display. */
export function showRegisters(page) {
  const { told, catalogue } = page;
  const all = Object.keys(told.values).concat(told.held).filter((name) => /^energy_(import|export)_(t\d_)?kwh$/.test(name));
  // A total is shown where there are no tariffs; imports first.
  const shown = all.filter((name) => /_t\d_/.test(name) || !all.some((other) => other.startsWith(name.replace("kwh", "t"))));
  shown.sort((a, b) => b.split("_")[1].localeCompare(a.split("_")[1]) || a.localeCompare(b));
  const items = shown.map((name) => ({
    key: name, label: catalogue[name]?.title ?? words(name), title: titleOf(page, name), value: register(told.values[name] ?? 0), unit: "kWh",
    held: told.held.includes(name), active: told.values.tariff > 0 && name.includes(`_t${told.values.tariff}_`),
  }));
  for (const device of told.devices) {
    const name = registerOf(page, device);
    if (!name) continue;
    const title = [titleOf(page, name), device.equipment_id].filter(Boolean).join(", ");
    items.push({
      key: device.role, label: words(device.role), title, value: register(device.values[name] ?? 0), unit: catalogue[name]?.unit,
      small: device.at ? `at ${sameDay(device.at, told) ? clock(device.at) : moment(device.at)}` : "", held: device.held.includes(name),
    });
  }
  list(byId("registers"), items);
}

/** Whether a capture is of the day that the telegram says, by the meter's own clock or the host's. */
function sameDay(at, told) {
  const now = told.at ?? ofHost(Date.parse(told.received) / 1000);
  return at.slice(0, 10) === now.slice(0, 10);
}

/** Who the meter is, and how well its telegrams arrive. */
export function showLink(page) {
  const { told, health, kept } = page;
  const version = told?.values.dsmr_version ?? told?.values.emucs_version;
  const refused = Object.entries(health?.refused ?? {}).filter(([, count]) => count > 0);
  const errors = Object.entries(health?.port_errors ?? {});
  const items = [
    ["meter", health?.identification], ["number", health?.equipment_id], ["P1 version", version && String(version).replace(/^(\d)(\d)$/, "$1.$2")],
    ["the meter reports", told?.standing.join("; "), true], ["source", health?.source], ["one telegram every", health?.period_s && `${plain(Math.round(health.period_s * 10) / 10)} s`],
    ["good telegrams", health && fixed(health.telegrams)],
    ["refused", health && (refused.length ? refused.map(([reason, count]) => `${fixed(count)} ${words(reason)}`).join(", ") : "none"), refused.length > 0],
    ["values held back to be confirmed", health?.held > 0 && fixed(health.held)],
    ["lines not understood", health?.bad_lines > 0 && fixed(health.bad_lines), true],
    ["CRC", health?.crc && { valid: "valid", absent: "this meter sends none", gcm: "encrypted, proven" }[health.crc]],
    ["connected again", health?.reconnects > 0 && `${fixed(health.reconnects)} times`, true],
    ["port errors", errors.length > 0 && errors.map(([kind, count]) => `${fixed(count)} ${kind}`).join(", "), errors.some(([, count]) => count > 0)],
    ["last trouble", health?.last_trouble, true],
    ["history", kept && (kept.state === "retrying" ? kept.last_error : kept.archive !== "ok" && kept.archive), true],
  ];
  list(byId("link"), items.filter(([, value]) => value).map(([label, value, fault]) => ({ key: label, label, value: String(value), className: fault ? "fault" : "" })));
}

/** What happened, newest first; no card where nothing ever did. */
export function showEvents(events) {
  const when = ({ at, received }) => (at ? moment(at) : received ? moment(ofHost(received)) : "–");
  const items = events.map((event, n) => ({ key: `${n} ${event.at} ${event.words}`, label: when(event), title: event.kind, value: event.words, small: howFar(event) }));
  list(byId("events"), items);
}

/** How long it lasted, and how far it went. */
function howFar({ seconds, value, unit: sign }) {
  const parts = [typeof seconds === "number" && `for ${span(seconds)}`, typeof value === "number" && `to ${plain(value)} ${sign}`];
  return parts.filter(Boolean).join(", ");
}

/** The reader's local time as an ISO time: for meters without a clock. */
function ofHost(received) {
  return new Date((received - new Date(received * 1000).getTimezoneOffset() * 60) * 1000).toISOString();
}

/** Everything that the meter sends; only while the list is open. */
export function showEvery(page) {
  const card = byId("every");
  card.hidden = false;
  if (!card.open) return;
  const row = (values, held, prefix) => [...Object.keys(values), ...held].map((name) => ({
    key: prefix + name, label: `${prefix && `${words(prefix)}: `}${page.catalogue[name]?.title ?? name}`, title: titleOf(page, name),
    value: text(values[name]), unit: page.catalogue[name]?.unit, held: held.includes(name),
  }));
  const { told } = page;
  list(card, [...row(told.values, told.held, ""), ...told.devices.flatMap((device) => row(device.values, device.held, device.role))]);
}

function text(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return plain(value);
  if (Array.isArray(value)) return value.map((entry) => (Array.isArray(entry) ? entry.map(text).join(", ") : text(entry))).join("; ");
  if (typeof value === "object") return `${text(value.at)}, ${span(value.seconds ?? 0)}`;
  return /^\d{4}-\d\d-\d\dT/.test(value) ? moment(value) : String(value);
}

/** The words for an age. */
export function ageWords(state, age) {
  if (state === "live") return `live · ${span(age)} ago`;
  return state === "late" ? `${span(age)} ago` : `no data for ${span(age)}`;
}
