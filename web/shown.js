// What the chart of the past shows: energy, or the numbers of a family, or another meter. Touches no element, asks nobody.

import { fixed } from "./format.js";

/** Families of names that have one axis; what a meter does not send is not offered. With `least` the axis has zero in it, and that much. */
const FAMILIES = [
  { key: "power", label: "Power", unit: "W", least: 400, names: /^power_w$/ },
  { key: "phases", label: "Power by phase", short: "power", unit: "W", least: 400, names: /^power_(l\d)_w$/ },
  { key: "voltage", label: "Voltage", unit: "V", places: 1, names: /^voltage_(?:(l\d)_)?v$/ },
  { key: "current", label: "Current", unit: "A", least: 1, places: 2, names: /^current_(?:(l\d|neutral)_)?a$/ },
  { key: "reactive", label: "Reactive power", unit: "var", least: 400, names: /^power_reactive_(import|export)_var$/ },
  { key: "frequency", label: "Frequency", unit: "Hz", places: 2, names: /^frequency_hz$/ },
  { key: "factor", label: "Power factor", unit: "", places: 3, names: /^power_factor$/ },
];
const COLOURS = ["l1", "l2", "l3", "quiet"];
const MOST = 4;

/** What can be chosen; the first is what is shown where nothing is. `names` are those of the newest telegram. */
export function choices(names, volumes, day) {
  const found = FAMILIES.map(({ names: pattern, ...family }) => {
    const lines = names.map((name) => [name, pattern.exec(name)]).filter(([, match]) => match).slice(0, MOST);
    return { ...family, short: family.short ?? family.label.toLowerCase(), places: family.places ?? 0, lines: lines.map(([name, match], n) => ({ name, label: match[1]?.replace(/^l/, "L") ?? family.label, colour: lines.length > 1 ? COLOURS[n] : "import" })) };
  }).filter(({ key, lines }) => lines.length && !(key === "power" && day));
  const others = volumes.map((one) => ({ key: `${one.role}/${one.name}`, label: one.label, unit: one.unit, volume: one }));
  return [{ key: "", label: day ? "Power" : "Energy", power: day }, ...found.map((one) => ({ ...one, power: one.key === "power" })), ...others];
}

/** The names that are asked for; none where registers alone are shown. */
export function namesOf(choice) {
  return choice.power ? ["power_w"] : (choice.lines ?? []).map(({ name }) => name);
}

/** Least, mean and most of rows that are alike: what is read of a brushed part. */
export function extent(series, name) {
  const { min, mean, max } = series[name];
  let least = Infinity, most = -Infinity, sum = 0, seconds = 0;
  mean.forEach((one, row) => {
    if (one === null) return;
    const length = series.end[row] - series.start[row];
    [least, most] = [Math.min(least, min[row]), Math.max(most, max[row])];
    [sum, seconds] = [sum + one * length, seconds + length];
  });
  return seconds ? { least, mean: sum / seconds, most } : null;
}

/** Every line's number at a moment, in words. */
export function wordsAt({ lines, unit, places }, series, at) {
  const row = series?.end.findIndex((end) => end > at) ?? -1;
  const known = row >= 0 && series.start[row] <= at;
  return lines.map(({ name, label }) => {
    const [least, mean, most] = ["min", "mean", "max"].map((part) => (known ? series[name]?.[part][row] : null));
    const apart = lines.length === 1 && typeof most === "number" && most - least >= 10 ** -places; // of several there is no room
    return `${lines.length > 1 ? `${label} ` : ""}${fixed(mean, places)} ${unit}${apart ? ` (${fixed(least, places)} to ${fixed(most, places)})` : ""}`;
  });
}

/** The row of a series that a moment lies in: its start and end. */
export function rowAt(series, at) {
  const row = series?.end.findIndex((end) => end > at) ?? -1;
  return row >= 0 && series.start[row] <= at ? [series.start[row], series.end[row]] : null;
}
