// The history: a day, week, month or year in one card. Keeps the URL; asks the daemon for what it shows.

import { keyed } from "./keys.js";
import { ask } from "./live.js";
import { Panel } from "./panel.js";
import { showChoices, showHappened, showLegend, showOver, showReading, showReport, showVolumes } from "./pastview.js";
import { VIEWS, format } from "./route.js";
import { choices, extent, namesOf } from "./shown.js";
import { Span } from "./spans.js";

const VIEW = "month"; // of a URL that names none
const NARROWEST_S = 1800;
const EVENTS = 1000;
const PAUSE_MS = 250; // a wheel turns many times
const PARTS = 100; // rows of which a brushed part is read
const byId = (id) => document.getElementById(id);

export class Past {
  constructor(page) {
    this.page = page;
    this.card = byId("past");
    this.panels = [new Panel(byId("bars"), this, 0.5)];
    this.moments = []; // of what happened
    this.volumes = new Map();
    this.route = null;
    this.span = null;
    this.seen = false;
    this.asked = 0;
    for (const view of VIEWS) this.button(`past-${view}`, () => this.go({ view, date: this.dateIn(view) }));
    this.button("past-previous", () => this.span && this.go({ view: this.view, date: this.span.previous }));
    this.button("past-next", () => this.span && this.go({ view: this.view, date: this.span.next }));
    this.button("past-today", () => this.go({ view: this.view }));
    this.button("past-open", () => this.open());
    this.button("past-out", () => this.windowed(this.span.start, this.span.end, true));
    this.button("past-clear", () => this.brushed(null));
    byId("past-kind").addEventListener("change", (event) => {
      this.keep({ kind: event.target.value });
      this.happen();
    });
    byId("past-show").addEventListener("change", (event) => {
      this.keep({ show: event.target.value });
      this.load(false);
    });
    byId("past-charts").addEventListener("keydown", (event) => keyed(this, event) && event.preventDefault());
    new IntersectionObserver(([entry]) => {
      const first = entry.isIntersecting && !this.seen;
      this.seen = entry.isIntersecting;
      if (first && this.route && !this.span) this.load();
    }, { rootMargin: "200px" }).observe(this.card);
  }

  button(id, act) {
    byId(id).addEventListener("click", act);
  }

  get view() {
    return this.route?.view ?? VIEW;
  }

  /** A URL was opened: show what it says. */
  follow(route) {
    const before = this.route;
    this.route = route;
    this.brush = route.brush;
    const other = before?.meter !== route.meter || (before?.view ?? VIEW) !== this.view || before?.date !== route.date;
    if (other) this.span = null;
    if (!before && route.view) this.aim();
    if (route.view || this.seen) this.load(other);
  }

  /** A URL names a view: it stays in sight while what is above it grows, until somebody moves. */
  aim() {
    const grown = new ResizeObserver(() => this.card.scrollIntoView());
    grown.observe(this.card.parentElement);
    for (const kind of ["wheel", "pointerdown", "touchstart", "keydown"]) addEventListener(kind, () => grown.disconnect(), { once: true, passive: true });
  }

  /** Another period: the URL says so, and its change does the rest. */
  go(to) {
    location.hash = format({ meter: this.page.meter, show: this.route.show, kind: this.route.kind, ...to });
  }

  /** The same period: back leads away from it, not through every brush. */
  keep(change) {
    Object.assign(this.route, { view: this.view }, change);
    history.replaceState(null, "", format({ ...this.route, meter: this.page.meter }));
  }

  /** The date with which another view shows the same moments. */
  dateIn(view) {
    if (!this.span || (!this.route.date && !this.brush)) return "";
    const moment = this.brush?.[0] ?? (VIEWS.indexOf(view) < VIEWS.indexOf(this.view) ? this.span.start : (this.span.start + this.span.end) / 2);
    return this.span.dateOf(moment);
  }

  /** The first telegram says what can be shown. */
  heard() {
    if (this.span && !this.offered && this.page.told) this.load(false);
  }

  /** Once a minute, while it can be seen. */
  refresh() {
    if (this.seen && this.route && (!this.span || this.span.at < this.span.end + 3600)) this.load(false);
  }

  async load(other = true) {
    const turn = ++this.asked;
    const { meter } = this.page;
    this.mark(other ? "loading" : null);
    try {
      const { told } = await ask(`periods/${this.view}?date=${this.route.date}`, meter);
      if (turn !== this.asked) return;
      const span = new Span(told);
      this.window = this.clamp(...(this.route.zoom ?? [span.start, span.end]), span);
      const choice = this.choose(span);
      const series = await this.curve(span, choice);
      const used = this.brush ? (await ask(`used?from=${this.brush[0]}&to=${this.brush[1]}`, meter)).told : told;
      const read = await this.extents(span, choice);
      if (turn !== this.asked) return;
      Object.assign(this, { span, choice });
      this.show(series, used, read);
      await this.happened();
      this.heard();
    } catch (error) {
      if (turn !== this.asked) return;
      this.card.hidden = error.key === "history";
      // What is shown already stays; the page's head says that the connection is lost.
      this.mark(!other && this.span ? "shown" : "error", error.key ? `The history cannot be shown: ${error.message}` : "The history cannot be shown: no connection to p1monitor. It is asked again every minute.");
    }
  }

  /** What the chart shows: what the URL names, if the meter sends it. */
  choose(span) {
    const all = choices(Object.keys(this.page.told?.values ?? {}), span.volumes(this.page.catalogue), span.period === "day");
    const chosen = all.find(({ key }) => key === this.route.show) ?? all[0];
    this.offered = this.page.told !== null;
    showChoices(all, chosen.key);
    return chosen;
  }

  async curve(span, choice) {
    const points = innerWidth < 600 ? 288 : 720;
    return this.series(span, namesOf(choice), this.window, points);
  }

  /** Least, mean and most of each line, in what is brushed or the whole period; none where registers are shown. */
  async extents(span, choice) {
    const names = choice.lines && !choice.power ? namesOf(choice) : [];
    const series = await this.series(span, names, this.brush ?? [span.start, span.end], PARTS);
    return names.map((name) => series && extent(series, name));
  }

  async series(span, names, [from, to], points) {
    if (!names.length || from >= span.at) return null;
    const until = Math.min(Math.round(to), Math.round(span.at));
    const some = Math.max(1, Math.round((points * (until - from)) / (to - from))); // what is still to come needs none
    return (await ask(`series?names=${names.join()}&from=${Math.round(from)}&to=${until}&points=${some}`, this.page.meter)).told;
  }

  show(series, used, read) {
    const { span } = this;
    const empty = Object.values(span.steps).every((registers) => Object.keys(registers).length === 0);
    this.mark(empty ? "empty" : "shown", empty ? (span.first ? `Nothing was recorded in this ${this.view}. The history begins on ${span.opened}.` : "Nothing is recorded yet. The history begins with the first telegrams.") : "");
    byId("past-title").textContent = span.title;
    for (const view of VIEWS) byId(`past-${view}`).setAttribute("aria-pressed", String(view === this.view));
    byId("past-next").disabled = span.end > span.at;
    byId("past-today").disabled = span.start <= span.at && span.at < span.end;
    byId("past-previous").disabled = !span.first || Date.parse(span.first) / 1000 >= span.start;
    const { choice } = this, flows = span.flows;
    showLegend(span, flows, choice, this.page.catalogue);
    if (choice.power) this.panels[0].line(span, series);
    else if (choice.lines) this.panels[0].numbers(span, series, choice);
    else this.panels[0].bars(span, choice.volume ? [choice.volume] : flows);
    showOver(span, null);
    const volumes = this.volumesBelow();
    const boxes = showVolumes(volumes);
    this.panels.length = 1;
    volumes.forEach((one, n) => {
      if (!this.volumes.has(boxes[n])) this.volumes.set(boxes[n], new Panel(boxes[n], this, 0.05));
      this.panels.push(this.volumes.get(boxes[n]));
      this.panels.at(-1).bars(span, [one]);
    });
    this.read(used, read);
  }

  /** The other meters whose charts stand below: not the one that is shown above. */
  volumesBelow() {
    return this.span.volumes(this.page.catalogue).filter((one) => `${one.role}/${one.name}` !== this.choice.key);
  }

  read(used, read) {
    const { span, brush } = this;
    const zoomed = this.window[1] - this.window[0] < span.end - span.start - 1;
    const inside = brush && span.inside(brush);
    showReading(span, brush, used, this.page.catalogue, this.choice, read);
    showReport(span, this.page);
    byId("past-open").hidden = !brush;
    byId("past-open").textContent = inside ? `Open this ${inside.view}` : "Zoom in";
    byId("past-clear").hidden = !brush;
    byId("past-out").hidden = !zoomed;
    this.card.toggleAttribute("data-zoomed", zoomed);
    this.panels.forEach((panel) => panel.paint());
  }

  /** What happened in the period, or in what is brushed of it. */
  async happened() {
    const { span, page: { meter } } = this;
    const query = `events?limit=${EVENTS}&from=${span.start}&to=${span.end}`;
    const events = (await ask(query, meter).catch(() => ({ told: { events: [] } }))).told.events;
    if (span !== this.span) return;
    this.events = events;
    this.happen();
  }

  happen() {
    const [from, to] = this.brush ?? [this.span.start, this.span.end];
    const when = ({ at, received }) => (at ? Date.parse(at) / 1000 : received);
    const within = (low, high) => (this.events ?? []).filter((event) => when(event) >= low && when(event) < high);
    const kinds = [...new Set(within(this.span.start, this.span.end).map((event) => event.kind))].sort();
    showHappened(within(from, to), kinds, this.route.kind);
    this.moments = within(this.span.start, this.span.end).filter((event) => !this.route.kind || event.kind === this.route.kind).map(when);
    this.panels[0].drawn?.redraw(false);
  }

  mark(state, words = "") {
    if (!state) return;
    this.card.dataset.state = state;
    byId("past-words").textContent = state === "loading" ? "Loading …" : words;
    this.card.setAttribute("aria-busy", String(state === "loading"));
  }

  /** A panel is pointed at. */
  moved(at, panel) {
    if (!this.span || this.following) return;
    this.following = true;
    this.panels.forEach((one) => one !== panel && one.follow(at));
    this.following = false;
    showOver(this.span, at, this.panels[0].series, this.span.flows, this.volumesBelow(), this.choice);
  }

  /** A part is being brushed (in any direction), was brushed, or is no longer (null). */
  async brushed(from, to, done = true) {
    if (!this.span) return;
    this.brush = from === null ? null : this.span.snap(from, to, this.window);
    this.panels.forEach((panel) => panel.paint());
    if (done) await this.settle();
  }

  unbrushed(before) {
    this.brush = before;
    this.panels.forEach((panel) => panel.paint());
  }

  async settle() {
    const turn = this.asked, { brush } = this;
    this.keep({ brush });
    const query = brush ?? [this.span.start, this.span.end];
    const asked = [ask(`used?from=${query[0]}&to=${query[1]}`, this.page.meter), this.extents(this.span, this.choice)];
    const [answer, read] = await Promise.all(asked).catch(() => []);
    if (turn !== this.asked || brush !== this.brush) return;
    if (answer) this.read(answer.told, read);
    this.happen();
  }

  /** A touch chooses one bar, and opens it the second time; on the curve it ends the brush. */
  tapped(at) {
    if (!this.span) return;
    if (this.span.period === "day") this.brushed(null);
    else if (this.brush && this.brush[0] <= at && at < this.brush[1] && this.span.inside(this.brush)) this.open();
    else this.brushed(at, at);
  }

  open() {
    const inside = this.brush && this.span.inside(this.brush);
    if (inside) this.go(inside);
    else if (this.brush) this.windowed(...this.brush, true);
  }

  clamp(from, to, span = this.span) {
    const size = Math.min(Math.max(to - from, NARROWEST_S), span.end - span.start);
    const begin = Math.min(Math.max((from + to - size) / 2, span.start), span.end - size);
    return [begin, begin + size];
  }

  /** The window is zoomed or dragged. */
  windowed(from, to, done) {
    const { span } = this;
    this.window = this.clamp(from, to);
    this.panels.forEach((panel) => panel.turn());
    if (!done) return;
    const whole = this.window[1] - this.window[0] > span.end - span.start - 1;
    this.keep({ zoom: whole ? null : this.window.map(Math.round) });
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.load(false), PAUSE_MS);
  }
}
