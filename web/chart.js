// The day curve and the line of the last ten minutes, drawn by uPlot. Asks nobody; is handed columns.

import { fixed, timeOfDay } from "./format.js";

const DAY_MIN = 1440;
const RECENT_S = 600;
const GAP_S = 35; // more than three telegrams of a meter that sends every ten seconds

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Import above zero and export below it are one quantity in two colours; each is drawn only where it is, down to zero. */
export function split(values) {
  const side = (has) => values.map((w, n) => {
    if (w === null || w === undefined) return null;
    return has(w) ? w : [values[n - 1], values[n + 1]].some((next) => typeof next === "number" && has(next)) ? 0 : null;
  });
  return [side((w) => w >= 0), side((w) => w < 0)];
}

export function area(name, width) {
  const line = colour(name);
  return { stroke: line, fill: `${line}33`, width, points: { show: false } };
}

/** Zero is always in sight, and a quiet house does not look like a busy one. */
export function range(_plot, low, high) {
  const top = Math.max(high ?? 0, 0), bottom = Math.min(low ?? 0, 0);
  const room = Math.max(top - bottom, 400);
  return [bottom < 0 ? bottom - room * 0.06 : 0, Math.max(top + room * 0.06, bottom < 0 ? room * 0.06 : 400)];
}

/** A uPlot that follows its box and the colour scheme. */
export class Plot {
  constructor(box, options, data) {
    this.box = box;
    this.options = options;
    this.data = data;
    if (!window.uPlot) {
      box.textContent = "The chart library is missing in this installation.";
      return;
    }
    new ResizeObserver(() => this.resize()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
  }

  build() {
    this.plot?.destroy();
    const { clientWidth: width, clientHeight: height } = this.box;
    this.plot = new window.uPlot({ width, height, ...this.options() }, this.data, this.box);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    if (!this.plot) this.build();
    else if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  set(data) {
    this.data = data;
    this.plot?.setData(data);
  }
}

/** Columns of a series answer, as means of equal slots of the local day; a slot that nothing covers stays null. */
export function slots(day, series, name, count) {
  const sums = new Float64Array(count), weights = new Float64Array(count);
  const size = 86400 / count;
  (series?.[name]?.mean ?? []).forEach((mean, row) => {
    if (mean === null) return;
    const last = Math.min(slotOf(day, series.end[row] - 0.001, size), count - 1);
    for (let slot = Math.max(slotOf(day, series.start[row], size), 0); slot <= last; slot++) {
      sums[slot] += mean;
      weights[slot] += 1;
    }
  });
  return Array.from(sums, (sum, slot) => (weights[slot] ? sum / weights[slot] : null));
}

/** Fills the slots that the history has not got yet with the means of what just came: [seconds of POSIX time, power]. */
export function newest(day, columns, points) {
  const size = 86400 / columns.length, sums = new Map();
  for (const [at, power] of points) {
    const slot = slotOf(day, at, size);
    if (slot < 0 || slot >= columns.length || columns[slot] !== null) continue;
    const [sum, count] = sums.get(slot) ?? [0, 0];
    sums.set(slot, [sum + power, count + 1]);
  }
  sums.forEach(([sum, count], slot) => { columns[slot] = sum / count; });
  return columns;
}

/** Seconds of the local day's clock: the hour that a change of clocks takes or gives is accounted for. */
export function ofDay(day, at) {
  return at - day.start + (day.shift_at !== null && at >= day.shift_at ? day.shift_by : 0);
}

function slotOf(day, at, size) {
  return Math.floor(ofDay(day, at) / size);
}

/** Today against yesterday, 0 to 24 h. */
export class DayChart {
  constructor(box, under, exported) {
    this.under = under;
    this.exported = exported;
    this.now = null;
    this.plot = new Plot(box, () => this.options(), [[0, DAY_MIN], [null, null], [null, null], [null, null]]);
  }

  /** Slots that the width can show: five minutes on a phone, two on a desk. */
  get count() {
    return innerWidth < 600 ? 288 : 720;
  }

  /** Columns of as many slots each; `now` in minutes. */
  show(today, yesterday, now) {
    this.now = now;
    this.exported.hidden = !today.some((power) => power < 0);
    const size = DAY_MIN / today.length;
    this.plot.set([today.map((_w, slot) => (slot + 0.5) * size), yesterday, ...split(today)]);
  }

  options() {
    const quiet = colour("quiet");
    const line = { stroke: quiet, font: "12px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: colour("grid"), width: 1 } };
    return {
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { time: false, range: [0, DAY_MIN] }, y: { range } },
      axes: [
        { ...line, size: 24, gap: 4, splits: (plot) => hours(plot.width), values: (_plot, at) => at.map((m) => fixed(m / 60)) },
        { ...line, size: 52, gap: 4, space: 36, values: (_plot, at) => at.map((w) => fixed(w)) },
      ],
      series: [
        {},
        { stroke: colour("yesterday"), width: 1.25, dash: [4, 4], points: { show: false } },
        area("import", 1.5),
        area("export", 1.5),
      ],
      hooks: { ready: [followTouch], draw: [(plot) => this.mark(plot)], setCursor: [(plot) => this.tell(plot)] },
    };
  }

  mark(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour("quiet");
    ctx.lineWidth = devicePixelRatio;
    for (const [x, y, to, down] of [[this.now === null ? null : plot.valToPos(this.now, "x", true), bbox.top, 0, bbox.height], [bbox.left, plot.valToPos(0, "y", true), bbox.width, 0]]) {
      if (x === null) continue;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x + to, y + down);
      ctx.stroke();
    }
    ctx.restore();
  }

  tell(plot) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined || plot.cursor.left < 0) {
      this.under.textContent = "";
      return;
    }
    const [minutes, yesterday, above, below] = plot.data.map((column) => column[at]);
    const today = below || above;
    const half = DAY_MIN / plot.data[0].length / 2;
    this.under.textContent = `${timeOfDay(minutes - half)}  ${fixed(today)} W, yesterday ${fixed(yesterday)} W`;
  }
}

/** uPlot follows a mouse; a finger that moves along the curve asks the same. */
function followTouch(plot) {
  plot.over.addEventListener("touchmove", (event) => {
    const box = plot.over.getBoundingClientRect();
    plot.setCursor({ left: event.touches[0].clientX - box.left, top: event.touches[0].clientY - box.top });
  }, { passive: true });
}

function hours(width) {
  const step = width < 600 ? 240 : 120;
  return Array.from({ length: DAY_MIN / step + 1 }, (_none, n) => n * step);
}

/** The last ten minutes. */
export class Spark {
  constructor(box) {
    this.points = [];
    this.gap = GAP_S;
    this.plot = new Plot(box, () => this.options(), [[], [], []]);
  }

  /** How often the meter sends, as the daemon has seen it. */
  pace(seconds) {
    this.gap = Math.max(GAP_S, 3.5 * (seconds ?? 0));
  }

  /** Starts again from what the daemon remembers. */
  reset(points) {
    this.points = points;
    this.draw();
  }

  /** One more reading, at a monotonic moment in seconds. */
  add(at, power) {
    const newest = this.points.at(-1);
    if (typeof power !== "number" || (newest && at - newest[0] < 0.2)) return;
    this.points.push([at, power]);
    while (this.points.length && at - this.points[0][0] > RECENT_S) this.points.shift();
    this.draw();
  }

  /** `now` where nothing comes any more: the line moves on to the left, and the gap shows. */
  draw(now) {
    const times = [], values = [];
    let before = null;
    for (const [at, power] of this.points) {
      if (before !== null && at - before > this.gap) {
        times.push(before + 1);
        values.push(null);
      }
      times.push(at);
      values.push(power);
      before = at;
    }
    this.end = now ?? before ?? 0;
    this.plot.set([times, ...split(values)]);
  }

  options() {
    return {
      padding: [4, 4, 2, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: () => [this.end - RECENT_S, this.end] }, y: { range } },
      axes: [{ show: false }, { show: false }],
      series: [{}, area("import", 1.5), area("export", 1.5)],
    };
  }
}
