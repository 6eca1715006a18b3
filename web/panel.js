// One chart of a period: a power curve or stacked bars on a time axis that can be brushed, zoomed and dragged. Asks nobody.

import { Plot, area, colour, range, split } from "./chart.js";
import { fixed } from "./format.js";

const TAP_PX = 6; // a finger that moves less has touched, not brushed
const WHEEL = 1.25;
const MARK_PX = 12;

/** Stacked bars need no curve: uPlot keeps their axes, they are drawn here. */
const UNDRAWN = { paths: () => null, points: { show: false } };

function room(least) {
  return (_plot, low, high) => {
    const top = Math.max(high ?? 0, 0), bottom = Math.min(low ?? 0, 0);
    const size = Math.max(top - bottom, least);
    return [bottom < 0 ? bottom - size * 0.06 : 0, Math.max(top, bottom < 0 ? 0 : least) + size * 0.06];
  };
}

/** A scale that needs no zero: what there is, and some room; `least` is the finest step that is told. */
function around(least) {
  return (_plot, low, high) => {
    if (low === null || low === undefined) return [0, 1];
    const space = Math.max((high - low) * 0.08, 5 * least);
    return [low - space, high + space];
  };
}

/** A line of means for each name, and a band from least to most. */
function lines({ lines: all }) {
  const bound = { stroke: "transparent", width: 0, points: { show: false } };
  const of = all.map(({ colour: name }) => colour(name));
  return {
    series: [{}, ...of.flatMap((stroke) => [bound, { stroke, width: 1.5, points: { show: false } }, bound])],
    bands: of.map((stroke, n) => ({ series: [3 * n + 1, 3 * n + 3], fill: `${stroke}2e` })),
  };
}

export class Panel {
  /** `owner` has the window and is told: moved(at), brushed(from, to, done), tapped(at), windowed(from, to, done). */
  constructor(box, owner, least) {
    this.owner = owner;
    this.least = least;
    this.stacks = [];
    this.curve = null;
    this.box = box;
    this.plot = null;
  }

  /** Bars: of each part {colour, sign, steps}. */
  bars(span, stacks) {
    this.span = span;
    this.changed(false);
    this.stacks = stacks;
    const middles = span.edges.slice(0, -1).map((edge, bar) => (edge + span.edges[bar + 1]) / 2);
    const pile = (sign) => middles.map((_at, bar) => {
      const known = stacks.filter((one) => one.sign === sign && typeof one.steps[bar] === "number");
      return known.length ? sign * known.reduce((sum, one) => sum + one.steps[bar], 0) : null;
    });
    this.show([middles, pile(1), pile(-1)]);
  }

  /** The power between two moments: columns of a series answer. */
  line(span, series) {
    this.span = span;
    this.changed(true);
    this.stacks = [];
    this.series = series;
    const means = series?.power_w?.mean ?? [];
    const at = means.map((_mean, row) => (series.start[row] + series.end[row]) / 2);
    this.show([at, ...split(means)]);
  }

  /** Numbers in lines, each with what it reached around it: columns of a series answer. */
  numbers(span, series, choice) {
    this.span = span;
    this.changed(true, choice);
    this.stacks = [];
    this.series = series;
    const at = (series?.start ?? []).map((start, row) => (start + series.end[row]) / 2);
    const part = (name, which) => series?.[name]?.[which] ?? at.map(() => null);
    this.show([at, ...choice.lines.flatMap(({ name }) => ["max", "mean", "min"].map((which) => part(name, which)))]);
  }

  changed(curve, choice = null) {
    const key = `${curve} ${choice?.lines.map(({ name }) => name).join() ?? ""}`;
    const other = this.key !== undefined && this.key !== key;
    Object.assign(this, { key, curve, choice });
    if (other && this.plot) {
      this.plot.data = [[]];
      this.plot.build();
    }
  }

  show(data) {
    if (this.plot) this.plot.set(data);
    else this.plot = new Plot(this.box, () => this.options(), data);
    this.paint();
  }

  /** The uPlot, once its box has a size. */
  get drawn() {
    return this.plot?.plot;
  }

  /** The window has moved. */
  turn() {
    const [min, max] = this.owner.window;
    this.drawn?.setScale("x", { min, max });
    this.paint();
  }

  /** Shows what is brushed. */
  paint() {
    const plot = this.drawn;
    if (!plot) return;
    const [min, max] = this.owner.window;
    const [from, to] = this.owner.brush ?? [0, 0];
    const [left, right] = [Math.max(from, min), Math.min(to, max)].map((at) => plot.valToPos(at, "x"));
    const seen = right > left;
    plot.setSelect({ left: seen ? left : 0, width: seen ? right - left : 0, top: 0, height: plot.over.clientHeight }, false);
  }

  /** The hover line at a moment, on a panel beside the one that is pointed at. */
  follow(at) {
    const plot = this.drawn;
    if (!plot) return;
    const left = at === null ? -10 : plot.valToPos(at, "x");
    if (Math.abs(left - plot.cursor.left) > 0.5) plot.setCursor({ left, top: 10 }, false);
  }

  options() {
    const line = { stroke: colour("quiet"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: colour("grid"), width: 1 };
    const scale = this.choice ? (this.choice.least ? room(this.choice.least) : around(10 ** -this.choice.places)) : this.curve ? range : room(this.least);
    const curve = (name) => (this.curve ? area(name, 1.5) : UNDRAWN);
    const ticks = (plot) => this.span?.ticks(this.owner.window, plot.width - 60) ?? [];
    return {
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: Boolean(this.curve), size: 7 }, drag: { x: false, y: false } },
      scales: { x: { time: false, range: () => this.owner.window }, y: { range: scale } },
      axes: [
        { ...line, size: 24, gap: 4, grid: { ...grid, show: Boolean(this.curve) }, splits: (plot) => ticks(plot).map(([at]) => at), values: (plot) => ticks(plot).map(([, label]) => label) },
        { ...line, size: 52, gap: 4, space: 32, grid, values: (_plot, marks) => marks.map((mark) => fixed(mark, decimals(marks))) },
      ],
      ...(this.choice ? lines(this.choice) : { series: [{}, curve("import"), curve("export")] }),
      hooks: {
        ready: [(plot) => this.listen(plot), () => this.paint()],
        setSize: [() => this.paint()],
        drawAxes: [(plot) => this.draw(plot)],
        setCursor: [(plot) => this.tell(plot)],
      },
    };
  }

  tell(plot) {
    const { left } = plot.cursor;
    const known = typeof left === "number" && left >= 0;
    this.owner.moved(known ? plot.posToVal(left, "x") : null, this);
  }

  draw(plot) {
    if (!this.span) return;
    const { ctx, bbox } = plot;
    const x = (at) => plot.valToPos(at, "x", true), y = (value) => plot.valToPos(value, "y", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("line");
    for (const at of this.span.partings) ctx.fillRect(Math.round(x(at)), bbox.top, 1, bbox.height);
    const sums = { 1: [], "-1": [] };
    for (const { colour: name, sign, steps } of this.stacks) {
      ctx.fillStyle = colour(name);
      steps.forEach((step, bar) => {
        if (!step) return;
        const [left, right] = [x(this.span.edges[bar]), x(this.span.edges[bar + 1])];
        const gap = right - left > 5 * devicePixelRatio ? Math.min((right - left) * 0.2, 6 * devicePixelRatio) : 0;
        const before = sums[sign][bar] ?? 0;
        sums[sign][bar] = before + sign * step;
        ctx.fillRect(left + gap / 2, y(sums[sign][bar]), Math.max(right - left - gap, 1), y(before) - y(sums[sign][bar]));
      });
    }
    ctx.fillStyle = colour("quiet");
    if (plot.scales.y.min <= 0) ctx.fillRect(bbox.left, Math.round(y(0)) - devicePixelRatio, bbox.width, devicePixelRatio);
    this.mark(ctx, bbox, x);
    const { at } = this.span;
    if (this.curve && at > this.span.start && at < this.span.end) ctx.fillRect(Math.round(x(at)), bbox.top, devicePixelRatio, bbox.height);
    ctx.restore();
  }

  /** What happened in a day: a short stroke from above at each moment. */
  mark(ctx, bbox, x) {
    if (this.span.period !== "day" || !this.curve) return;
    ctx.save();
    ctx.fillStyle = colour("fault");
    for (const at of this.owner.moments) ctx.fillRect(Math.round(x(at)), bbox.top, 2 * devicePixelRatio, MARK_PX * devicePixelRatio);
    ctx.restore();
  }

  /** Brush: drag over the chart. Move: drag the time axis. Zoom: pinch the pad, or the wheel with Ctrl. */
  listen(plot) {
    const { owner } = this;
    const drag = (element, begin) => element.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      const left = plot.over.getBoundingClientRect().left;
      const act = begin(down.clientX - left);
      const move = (event) => {
        plot.setCursor({ left: event.clientX - left, top: 10 });
        act.move(event.clientX - left, Math.abs(event.clientX - down.clientX) > TAP_PX);
      };
      const end = (event) => {
        element.removeEventListener("pointermove", move);
        element.removeEventListener("pointerup", end);
        element.removeEventListener("pointercancel", end);
        act.end(event.clientX - left, Math.abs(event.clientX - down.clientX) > TAP_PX, event.type === "pointercancel");
      };
      element.setPointerCapture(down.pointerId);
      element.addEventListener("pointermove", move);
      element.addEventListener("pointerup", end);
      element.addEventListener("pointercancel", end);
    });
    const at = (left) => plot.posToVal(left, "x");
    drag(plot.over, (from) => {
      const before = owner.brush;
      let brushing = false;
      return {
        move: (to, far) => { if (brushing ||= far) owner.brushed(at(from), at(to), false); },
        end: (to, _far, cancelled) => {
          if (cancelled) owner.unbrushed(before); // the finger scrolls the page
          else if (brushing) owner.brushed(at(from), at(to), true);
          else owner.tapped(at(to));
        },
      };
    });
    drag(plot.root.querySelector(".u-axis"), (from) => {
      const [low, high] = owner.window;
      const shift = (to, done) => {
        const by = ((from - to) / plot.over.clientWidth) * (high - low);
        owner.windowed(low + by, high + by, done);
      };
      return { move: (to) => shift(to, false), end: (to) => shift(to, true) };
    });
    plot.over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const [low, high] = owner.window;
      const here = at(event.clientX - plot.over.getBoundingClientRect().left);
      const by = event.deltaY < 0 ? 1 / WHEEL : WHEEL;
      owner.windowed(here - (here - low) * by, here + (high - here) * by, true);
    }, { passive: false });
  }
}

/** As many as the steps between the marks have. */
function decimals(marks) {
  const step = marks.length > 1 ? Math.abs(marks[1] - marks[0]) : 1;
  return [0, 1, 2].find((places) => Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) < 1e-6) ?? 3;
}
