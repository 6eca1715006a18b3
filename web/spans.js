// One period as the server cut it into bars: its local times, names, ticks and the parts that are stacked. Touches no element.

import { fixed, unit } from "./format.js";

const QUARTER_S = 900, MINUTE_S = 60, HOUR_S = 3600;
const FINE_S = 3 * HOUR_S; // a window so narrow is brushed by minutes
const TICKS_S = [300, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200];
const HOURLY = ["day", "week"];
const ROUNDED = 0.02; // kWh, and share of a bar: each register is rounded for itself, and one may be told a little later than the other
const MOST_SHADES = 3; // of a stack: what is beyond them looks like the last
const formats = new Map();

/** Local times are told as if they were UTC: the meter's own clock, wherever the reader is. */
function dates(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" }));
  return formats.get(key);
}

const NAMED = {
  day: { weekday: "short", day: "numeric", month: "long", year: "numeric" },
  week: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
  year: { year: "numeric" },
};
const DAY = { weekday: "short", day: "numeric", month: "short" };
const MONTH = { month: "long", year: "numeric" };
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

export class Span {
  constructor(told) {
    Object.assign(this, told);
    this.start = told.edges[0];
    this.end = told.edges.at(-1);
    this.walls = told.local.map((iso) => Date.parse(`${iso.slice(0, 19)}Z`));
  }

  /** The bar that a moment lies in. */
  barOf(at) {
    const next = this.edges.findIndex((edge) => edge > at);
    return next < 0 ? this.edges.length - 2 : Math.max(next - 1, 0);
  }

  /** A moment by the clock on the wall. */
  wall(at) {
    if (at >= this.end) return this.walls.at(-1) + (at - this.end) * 1000;
    const bar = this.barOf(at);
    return this.walls[bar] + (at - this.edges[bar]) * 1000;
  }

  /** The next moments around two others at which a brush may begin and end. */
  snap(from, to, window) {
    const [low, high] = [Math.max(Math.min(from, to), this.start), Math.min(Math.max(from, to), this.end - 1)];
    if (this.period !== "day") return [this.edges[this.barOf(low)], this.edges[this.barOf(high) + 1]];
    const size = this.grain(window);
    const begin = this.start + Math.floor((low - this.start) / size) * size;
    return [begin, Math.min(Math.max(this.start + Math.ceil((high - this.start) / size) * size, begin + size), this.end)];
  }

  /** Seconds between two moments at which a brush of the day may begin. */
  grain(window) {
    return window[1] - window[0] <= FINE_S ? MINUTE_S : QUARTER_S;
  }

  /** What the whole period is called. */
  get title() {
    const [first, last] = [this.walls[0], this.walls.at(-1) - 1];
    return this.period === "week" ? dates(NAMED.week).formatRange(first, last) : dates(NAMED[this.period]).format(first);
  }

  /** When the history begins. */
  get opened() {
    return dates({ dateStyle: "long" }).format(Date.parse(`${this.first.slice(0, 19)}Z`));
  }

  /** What a part of it is called. */
  nameOf([from, to]) {
    if (from <= this.start && to >= this.end) return this.title;
    const [begin, end] = [this.wall(from), this.wall(to)];
    if (this.period === "year") return dates(MONTH).formatRange(begin, end - 1);
    if (this.period === "month") return dates(DAY).formatRange(begin, end - 1);
    if (dates(DAY).format(begin) === dates(DAY).format(end - 1)) {
      return `${dates(DAY).format(begin)}, ${dates(TIME).format(begin)} – ${end % 86400000 ? dates(TIME).format(end) : "24:00"}`;
    }
    return `${dates({ ...DAY, ...TIME }).format(begin)} – ${dates({ ...DAY, ...TIME }).format(end)}`;
  }

  /** A moment of a curve, or one of its rows that is a day or longer. */
  momentOf([from, to]) {
    if (this.period === "day") return this.timeOf(from);
    return to > from ? dates(DAY).formatRange(this.wall(from), this.wall(to) - 1) : dates({ ...DAY, ...TIME }).format(this.wall(from));
  }

  /** A moment of the day's curve. */
  timeOf(at) {
    return dates(TIME).format(this.wall(at));
  }

  /** The views that a part can be opened in, and the date there. */
  inside([from, to]) {
    const deeper = { year: "month", month: "day", week: "day" }[this.period];
    const one = deeper && (this.period === "week" ? this.dateOf(from) === this.dateOf(to - 1) : this.barOf(from) === this.barOf(to - 1));
    return one ? { view: deeper, date: this.dateOf(from) } : null;
  }

  dateOf(at) {
    return new Date(this.wall(at)).toISOString().slice(0, 10);
  }

  /** Where the time axis has marks, and what they say. */
  ticks([from, to], width) {
    const wide = (this.edges.length - 1) * ((to - from) / (this.end - this.start));
    if (HOURLY.includes(this.period) && to - from <= 2.2 * 86400) return this.hours(from, to, width);
    const middle = (bar, bars = 1) => (this.edges[bar] + this.edges[Math.min(bar + bars, this.edges.length - 1)]) / 2;
    if (this.period === "week") {
      const days = this.edges.slice(0, -1).map((_edge, bar) => bar).filter((bar) => this.walls[bar] % 86400000 === 0);
      const label = dates(width < 480 ? { weekday: "short" } : { weekday: "short", day: "numeric" });
      return days.map((bar, n) => [middle(bar, (days[n + 1] ?? this.edges.length - 1) - bar), label.format(this.walls[bar])]);
    }
    const room = width / wide;
    const bars = this.edges.slice(0, -1).map((_edge, bar) => bar);
    if (this.period === "year") {
      const label = dates({ month: room < 36 ? "narrow" : "short" });
      return bars.map((bar) => [middle(bar), label.format(this.walls[bar])]);
    }
    const step = [1, 2, 5, 10].find((size) => room * size >= 24) ?? 10;
    return bars.filter((bar) => bar % step === 0).map((bar) => [middle(bar), fixed(bar + 1)]);
  }

  hours(from, to, width) {
    const step = TICKS_S.find((size) => (width * size) / (to - from) >= (size < HOUR_S ? 52 : 32)) ?? TICKS_S.at(-1);
    const found = [];
    this.edges.forEach((edge, bar) => {
      const hour = bar === this.edges.length - 1 ? 24 : (this.walls[bar] / 3600000) % 24;
      if (step >= HOUR_S) {
        const twice = bar > 0 && this.walls[bar] === this.walls[bar - 1]; // the hour that comes twice in autumn
        if (hour % (step / HOUR_S) === 0 && !twice) found.push([edge, fixed(hour)]);
        return;
      }
      for (let at = edge; at < edge + HOUR_S && at <= this.end; at += step) found.push([at, this.timeOf(at)]);
    });
    return found;
  }

  /** Midnights within a week: where its days part. */
  get partings() {
    return this.period === "week" ? this.edges.filter((_edge, bar) => bar > 0 && this.walls[bar] % 86400000 === 0).slice(0, -1) : [];
  }

  /** The stacks: import up and export down, by tariff where the tariffs make up the total. */
  get flows() {
    const registers = this.steps.electricity ?? {};
    return ["import", "export"].flatMap((flow) => {
      const total = registers[`energy_${flow}_kwh`];
      const rates = Object.keys(registers).filter((name) => new RegExp(`^energy_${flow}_t\\d_kwh$`).test(name)).filter((name) => registers[name].some((step) => step > 0));
      const whole = !total || total.every((step, bar) => step === null || Math.abs(rates.reduce((sum, name) => sum + (registers[name][bar] ?? 0), 0) - step) < ROUNDED + ROUNDED * step);
      const shown = rates.length > 0 && whole ? rates : total?.some((step) => step > 0 || flow === "import") ? [`energy_${flow}_kwh`] : [];
      const several = Object.keys(registers).filter((name) => name.startsWith(`energy_${flow}_t`)).length > 1;
      return shown.map((name) => {
        const tariff = Number(/_t(\d)_/.exec(name)?.[1] ?? 0);
        return {
          name, flow, colour: tariff > 1 ? `${flow}-${Math.min(tariff, MOST_SHADES)}` : flow, sign: flow === "import" ? 1 : -1,
          steps: registers[name], label: several && tariff ? `${flow}, tariff ${tariff}` : flow, unit: "kWh",
        };
      });
    });
  }

  /** Gas, water, heat: a small chart for each register of the other meters. */
  volumes(catalogue) {
    return Object.entries(this.steps).filter(([role]) => role !== "electricity").flatMap(([role, registers]) => {
      const medium = role.replace(/_\d+$/, "");
      return Object.entries(registers).filter(([name]) => (catalogue[name]?.kind ?? "register") === "register").map(([name, steps], n) => ({
        role, name, steps, sign: 1, colour: { warm_water: "water", cold: "heat" }[medium] ?? (["gas", "water", "heat"].includes(medium) ? medium : "quiet"),
        label: n ? catalogue[name]?.title ?? name : role.replaceAll("_", " "), unit: unit(catalogue[name]?.unit ?? name.split("_").at(-1)),
      }));
    });
  }
}
