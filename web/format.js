// Numbers, times and durations as texts, by the reader's locale. Touches no element.

const formats = new Map();

function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(undefined, options));
  return formats.get(key);
}

/** A number with so many decimals, thousands by locale, and a true minus sign. */
export function fixed(value, decimals = 0) {
  if (typeof value !== "number") return "–";
  const text = format({ minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
}

/** A difference: always with its sign. */
export function signed(value, decimals) {
  const text = fixed(value, decimals);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** A register as on the meter's own display: fixed width, leading zeros. */
export function register(value, decimals = 3) {
  return format({ minimumIntegerDigits: 6, minimumFractionDigits: decimals, maximumFractionDigits: decimals, useGrouping: false }).format(value);
}

/** A number with the decimals it has. */
export function plain(value) {
  return format({ maximumFractionDigits: 6 }).format(value).replace("-", "−");
}

/** An age in words: 12 s, 3 min, 2 h, 4 days. */
export function span(seconds) {
  for (const [size, most, unit] of [[1, 120, "s"], [60, 120, "min"], [3600, 48, "h"]]) {
    if (seconds < size * most) return `${fixed(Math.floor(seconds / size))} ${unit}`;
  }
  return `${fixed(Math.floor(seconds / 86400))} days`;
}

/** The time of day that an ISO time itself says: the meter's own local time, wherever the reader is. */
export function clock(iso, seconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, timeZone: "UTC" };
  return new Date(`${iso.slice(0, 19)}Z`).toLocaleTimeString([], options);
}

/** Date and time of an ISO time, in its own offset. */
export function moment(iso) {
  return new Date(`${iso.slice(0, 19)}Z`).toLocaleString([], { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
}

/** Day and month of an ISO time, in its own offset. */
export function day(iso) {
  return new Date(`${iso.slice(0, 10)}Z`).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" });
}

/** Minutes after midnight as a time of day. */
export function timeOfDay(minutes) {
  const time = new Date(Date.UTC(2000, 0, 1, 0, minutes));
  return time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
}

const UNITS = { m3: "m³", gj: "GJ", kwh: "kWh" };

/** The unit as people write it. */
export function unit(name) {
  return UNITS[name] ?? name;
}

/** "gas_2" as words. */
export function words(name) {
  return name.replaceAll("_", " ");
}
