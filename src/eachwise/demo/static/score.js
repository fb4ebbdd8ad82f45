// The live panel's common half: the running score, the ticker, the engine's pulse, the back-fill.

import { byId, el, money, number, percent, replace, signed, svg } from "./dom.js";

const ROW = 33;
const TOP = 6;
const FOOT = 22;
const WIDTH = 420;
const LEFT = 152;
const RIGHT = 54;
const TICKS_MAX = 7;

let parts = null;

export function drawNotice(state, lost) {
  const node = byId("notice");
  const past = state ? state.backfill : null;
  let content = null;
  if (lost) content = el("span", {}, "The server does not answer. If it was stopped, start it again: eachwise demo");
  else if (state.phase === "stopped") content = el("span", {}, `${state.trouble} The shop still decides for you; nobody else visits.`);
  else if (state.phase === "starting") content = el("span", {}, "Starting: the catalogue is on its way.");
  else if (state.phase === "backfill") {
    content = [
      el("span", {}, `Importing ${past.days} simulated days: ${percent(past.share)}, ${number(past.events)} events, ${number(past.events_per_s)} a second. The shop already works.`),
      el("progress", { max: 1, value: past.share, "aria-label": "Back-fill" }),
    ];
  }
  node.hidden = content === null;
  node.classList.toggle("bad", lost || state.phase === "stopped");
  if (content !== null) replace(node, content);
}

export function drawScore(state) {
  const node = byId("score");
  const score = state.score;
  if (!score) {
    replace(node, el("p", { class: "muted" },
      "Once the past is in, visitors come. Each visit is played by every method in a copy of the same world with the same luck."));
    parts = null;
    return;
  }
  if (!parts) {
    parts = { verdict: el("div", { role: "status", "aria-live": "polite" }), chart: el("div"), table: el("div"), legend: el("p", { class: "legend muted" }) };
    replace(node, parts.verdict, parts.chart, el("details", { class: "more" }, el("summary", {}, "In figures"), parts.table), parts.legend);
  }
  const said = score.verdict.headline + score.verdict.detail;
  if (parts.said !== said) {
    parts.said = said;
    parts.verdict.className = `verdict ${score.verdict.state}`;
    replace(parts.verdict, el("strong", {}, score.verdict.headline), el("span", {}, score.verdict.detail));
  }
  replace(parts.chart, chart(score.arms));
  replace(parts.table, table(score.arms));
  parts.legend.textContent = `Click rate, n = ${number(score.visits)} visits for each method: all play the same visits in copies of one world, ` +
    "with the same luck. The 95\u00a0% intervals hold whenever you look.";
}

// -- the chart: a dot and its interval for each method -------------------------------------------

function chart(arms) {
  const height = TOP + arms.length * ROW + FOOT;
  const edge = axisEdge(arms);
  const x = (rate) => LEFT + (WIDTH - LEFT - RIGHT) * Math.min(rate / edge, 1);
  const bottom = TOP + arms.length * ROW;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => part * edge);
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": chartWords(arms) },
    marks.map((rate) => [
      svg("line", { class: "grid", x1: x(rate), x2: x(rate), y1: TOP, y2: bottom }),
      svg("text", { class: "axis", x: x(rate), y: bottom + 15, "text-anchor": "middle" }, percent(rate, edge < 0.04 ? 1 : 0)),
    ]),
    arms.map((arm, place) => armRow(arm, TOP + place * ROW + ROW / 2, x)));
}

function armRow(arm, y, x) {
  const rate = arm.click_rate;
  const [name, rest] = split(arm.label);
  return svg("g", { class: `arm ${kind(arm.arm)}` },
    svg("text", { class: "arm-name", x: 0, y: rest ? y - 2 : y + 4 }, name),
    rest ? svg("text", { class: "arm-rest", x: 0, y: y + 11 }, rest) : null,
    rate.low === null || rate.low === undefined ? null : svg("line", { class: "reach", x1: x(rate.low), x2: Math.max(x(rate.high), x(rate.low) + 1), y1: y, y2: y }),
    svg("circle", { class: "dot", cx: x(rate.value), cy: y, r: 5.5 }),
    svg("text", { class: "arm-value", x: WIDTH, y: y + 4, "text-anchor": "end" }, percent(rate.value, 1)));
}

function axisEdge(arms) {
  const top = Math.max(...arms.map((arm) => Math.max(arm.click_rate.value, Math.min(arm.click_rate.high ?? 0, 2.2 * arm.click_rate.value + 0.01))));
  return [0.04, 0.08, 0.12, 0.16, 0.2, 0.4].find((edge) => edge >= top) ?? 1;
}

const kind = (arm) => arm.split(":")[0];
const chartWords = (arms) => `Click rate by method: ${arms.map((arm) => `${arm.label} ${percent(arm.click_rate.value, 1)}`).join(", ")}`;

function split(label) {
  const at = label.indexOf(" (");
  return at < 0 ? [label, ""] : [label.slice(0, at), label.slice(at + 2, -1)];
}

function table(arms) {
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Score in figures" }, el("table", { class: "figures score" },
    el("thead", {}, el("tr", {},
      ["Method", "n", "Clicks", "Value a visit", "Against taste", "Hidden"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, arms.map((arm) => el("tr", { class: kind(arm.arm) },
      el("th", { scope: "row" }, split(arm.label)[0]),
      el("td", {}, number(arm.n)),
      el("td", {}, number(arm.clicks)),
      el("td", { title: interval(arm.value) }, money(arm.value.value)),
      el("td", {}, percent(arm.against_rate, 1)),
      el("td", {}, percent(arm.hide_rate, 2)))))));
}

const interval = (figure) => (figure.low === null || figure.low === undefined
  ? "too few visits for an interval" : `95 %: ${signed(figure.low)} … ${signed(figure.high)}`);

// -- ticker and pulse ----------------------------------------------------------------------------

export function drawTicker(state) {
  const node = byId("ticker");
  if (!state.ticks.length) {
    replace(node, el("p", { class: "muted" }, "Nobody else is here yet."));
    return;
  }
  replace(node, el("ul", { class: "ticks" }, state.ticks.slice(0, TICKS_MAX).map((tick) => el("li", {
    class: `tick${tick.against ? " against" : ""}`, title: tick.reason,
  },
  el("span", { class: "tick-what" }, el("span", {}, tick.experience_id === "silence" ? "silence" : tick.title),
    el("span", { class: "tick-who" }, visitor(tick.who), tick.truth ? el("em", {}, `truly ${tick.truth}`) : null)),
  el("span", { class: "tick-p" }, percent(tick.probability)),
  el("span", { class: `tick-out ${tick.outcome.replace(" ", "-")}` }, tick.outcome)))));
}

// "anon-000085-phone" reads as "visitor 85, phone", "user-002130" as "customer 2130".
function visitor(who) {
  const [, kind_, digits, device] = /^(user|anon)-0*(\d+)(?:-(\w+))?$/.exec(who) ?? [];
  if (!kind_) return who;
  return kind_ === "user" ? `customer ${digits}` : `visitor ${digits}, ${device}`;
}

export function drawEngine(state) {
  const engine = state.engine;
  const ages = Object.entries(engine.model_age_s).map(([name, age]) => `${name} v${engine.models[name] ?? "?"}, ${age < 90 ? `${age.toFixed(0)} s` : `${(age / 60).toFixed(0)} min`} old`);
  replace(byId("engine"),
    el("span", {}, `${number(engine.events_per_s)} events/s, ${number(engine.decisions_per_s)} decisions/s, ${number(state.visits_per_s)} visits/s`),
    el("span", {}, `${number(engine.counts.events ?? 0)} events of ${number(engine.counts.individuals ?? 0)} individuals; ${number(engine.counts.decisions ?? 0)} decisions`),
    ages.length ? el("span", {}, `Models: ${ages.join("; ")}`) : null);
}
