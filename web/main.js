// Puts the page together: who is asked, when, and what is shown. Nothing runs while the tab is hidden.

import { DayChart, Spark, newest, ofDay, slots } from "./chart.js";
import { span } from "./format.js";
import { Feed, ask } from "./live.js";
import { Past } from "./past.js";
import { format, parse } from "./route.js";
import * as view from "./view.js";

const STATUS_MS = 10000;
const HISTORY_MS = 60000;
const LATE_S = 30; // until the daemon has told how often this meter speaks
const TICK_MS = 1000;
const EVENTS = 8; // older ones are in the history, for those who ask
const LOST_S = 10; // a restart of the daemon takes less

const page = { meter: "", told: null, catalogue: {}, health: null, kept: null, today: null, phases: new Set(), most: 0, decimals: 0 };
const seconds = () => performance.now() / 1000;
const feed = new Feed(heard, () => { lostSince ??= seconds(); });
const chart = new DayChart(document.getElementById("curve"), document.getElementById("under"), document.getElementById("exported"));
const past = new Past(page);
const spark = new Spark(document.getElementById("spark"));
let came = null; // when the newest telegram came, on this page's monotonic clock
let lostSince = null;
let yesterday = { start: null, columns: [] };
let timers = [];

function heard(told) {
  lostSince = null;
  if (told === null || told.meter !== page.meter) return;
  if (told.age_s === null) {
    view.showWaiting(page.health?.source);
  } else {
    came = seconds() - told.age_s;
    page.told = told;
    spark.add(came, told.values.power_w);
    if (unknownName(told)) learn();
    show();
    past.heard();
  }
  tick();
}

function show() {
  for (const part of [view.showNow, view.showMessage, view.showToday, view.showPhases, view.showDemand, view.showRegisters, view.showLink, view.showEvery]) part(page);
}

/** A name without a title: the meter says something new. Unknown objects get their code as title, so this ends. */
function unknownName(told) {
  return [told, ...told.devices].some(({ values, held }) => [...Object.keys(values), ...held].some((name) => !(name in page.catalogue)));
}

async function learn() {
  await quietly(async () => { page.catalogue = (await ask("catalogue", page.meter)).told; });
  if (page.told) show();
}

/** Live, late, stale, lost or waiting: by the age the daemon told and this page's own monotonic clock. */
function tick() {
  const late = page.health?.stale_after_s ?? LATE_S;
  const age = came === null ? null : Math.max(0, seconds() - came);
  if (lostSince !== null && seconds() - lostSince > LOST_S) {
    view.showState("lost", `no connection for ${span(seconds() - lostSince)}`, "no connection to p1monitor");
  } else if (age === null) {
    view.showState(document.body.dataset.state === "loading" && !page.health ? "loading" : "waiting", "waiting", "waiting for the first telegram");
  } else {
    const state = age <= late ? "live" : age <= Math.max(60, late) ? "late" : "stale";
    const spoken = { live: "live", late: "the numbers are late", stale: "no data; the numbers are old" }[state];
    view.showState(state, view.ageWords(state, age), spoken);
    if (state !== "live") spark.draw(seconds());
  }
}

async function status() {
  await quietly(async () => {
    const { meters, sinks } = (await ask("status", page.meter)).told;
    page.health = meters?.[page.meter] ?? null;
    spark.pace(page.health?.period_s);
    page.kept = sinks?.recorder ?? null;
    view.showLink(page);
    if (came === null) view.showWaiting(page.health?.source);
  });
  tick();
}

async function series(day, until, count) {
  const query = `series?names=power_w&from=${day.start}&to=${until}&points=${count}`;
  return slots(day, (await ask(query, page.meter)).told, "power_w", count);
}

async function history() {
  const trouble = await quietly(async () => {
    const { told } = await ask("today", page.meter);
    const asked = seconds();
    page.today = told;
    if (page.told) view.showToday(page);
    const count = chart.count;
    if (yesterday.start !== told.yesterday.start || yesterday.columns.length !== count) {
      yesterday = { start: told.yesterday.start, columns: await series(told.yesterday, told.yesterday.end, count) };
    }
    if (told.at > told.today.start) {
      const columns = await series(told.today, told.at, count);
      const zero = told.at - asked; // this page's monotonic clock was 0 then
      newest(told.today, columns, spark.points.map(([at, power]) => [zero + at, power]));
      document.getElementById("day").hidden = false;
      chart.show(columns, yesterday.columns, ofDay(told.today, told.at) / 60);
    }
  });
  // A lost connection is said above; without a history the page simply has no curve.
  view.showTrouble(trouble?.key && trouble.key !== "history" ? `The day's curve cannot be shown: ${trouble.message}` : "");
}

async function events() {
  const trouble = await quietly(async () => view.showEvents((await ask(`events?limit=${EVENTS}`, page.meter)).told.events));
  if (trouble) view.showEvents([]);
}

async function recent() {
  await quietly(async () => {
    const { told } = await ask("recent", page.meter);
    const now = seconds();
    spark.reset(told.age_s.map((age, n) => [now - age, told.power_w[n]]));
  });
}

/** Runs a question; what goes wrong is given back, for the next round asks again. */
async function quietly(question) {
  try {
    await question();
    return null;
  } catch (error) {
    return error;
  }
}

function wake() {
  sleep();
  feed.start(page.meter);
  status();
  events();
  recent().then(history); // what is in no profile yet is drawn from the last ten minutes
  timers = [[status, STATUS_MS], [history, HISTORY_MS], [events, HISTORY_MS], [() => past.refresh(), HISTORY_MS], [tick, TICK_MS]].map(([task, pause]) => setInterval(task, pause));
}

function sleep() {
  feed.stop();
  timers.forEach(clearInterval);
  timers = [];
}

function choose(meter) {
  Object.assign(page, { meter, told: null, health: null, today: null, phases: new Set(), most: 0, decimals: 0 });
  came = null;
  spark.reset([]);
  yesterday = { start: null, columns: [] };
  document.getElementById("meter").textContent = meter;
  learn();
  wake();
}

/** The URL has changed: another meter, or another view of its history. */
function follow(names, select) {
  const route = parse(location.hash);
  const meter = names.includes(route.meter) ? route.meter : names[0];
  if (meter !== page.meter) choose(select.value = meter);
  past.follow({ ...route, meter });
}

async function begin() {
  const failure = await quietly(async () => {
    const { meters } = (await ask("meters")).told;
    const names = meters.map((meter) => meter.name);
    const select = document.getElementById("meters");
    select.replaceChildren(...names.map((name) => new Option(name)));
    select.hidden = names.length < 2;
    document.getElementById("meter").hidden = names.length > 1;
    select.onchange = () => { location.hash = format({ ...parse(location.hash), zoom: null, brush: null, meter: select.value }); };
    onhashchange = () => follow(names, select);
    follow(names, select);
    document.addEventListener("visibilitychange", () => (document.hidden ? sleep() : wake()));
    document.getElementById("every").addEventListener("toggle", () => page.told && view.showEvery(page));
  });
  if (failure) {
    view.showState("lost", "no connection", "no connection to p1monitor");
    setTimeout(begin, 5000);
  }
}

begin();
