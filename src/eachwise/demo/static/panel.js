// The live panel's personal half: what the engine believes of the person at the page, and why it decided so.

import { byId, capital, el, number, percent, replace, signed, spoken, svg } from "./dom.js";

const TASTES_MAX = 7;
const CANDIDATES_MAX = 6;
const FILTERED_MAX = 4;
const SCALE = 1.6; // log-odds at the edge of the chart
const FILTER_WORDS = {
  schedule: "not running now", eligibility: "not meant for this person", consent: "no consent",
  suppression: "hidden by this person", frequency: "shown often enough", conflict: "against this person's taste",
  no_items: "nothing left to show",
};

export function drawWho(profile, session) {
  const known = profile && profile.identifiers.some((one) => one.startsWith("email:") || one.startsWith("user:"));
  byId("who").textContent = known ? session.userId ?? "known" : "anonymous";
  byId("who").classList.toggle("known", Boolean(known));
}

export function drawBelief(profile) {
  const node = byId("belief");
  if (!profile) {
    replace(node, el("p", { class: "muted" }, "Nothing yet: you are new. Look at something, and it will have a first idea."));
    return;
  }
  const merged = profile.merged.filter((part) => part.left !== part.right);
  replace(node,
    el("div", { class: "facts" },
      fact("stage", profile.stage + (profile.lapsed ? ", lapsed" : "")),
      fact("engagement", `${profile.engagement.toFixed(0)} / 100`),
      fact("events", number(profile.events)),
      fact("orders", `${profile.orders.count}`)),
    merged.length ? el("p", { class: "merged" }, `Anonymous and known are one person now: ${merged.map((part) => `${part.left} = ${part.right}`).join("; ")}.`) : null,
    tastes("Likes more than others do", profile.likes),
    tastes("Avoids", profile.dislikes),
    tastes("At this moment", momentary(profile)),
    profile.likes.length + profile.dislikes.length + profile.now.length ? legend() : el("p", { class: "muted" }, profile.summary.at(-1) ?? ""));
}

function momentary(profile) {
  const told = new Set(profile.likes.map((taste) => taste.value));
  return profile.now.filter((taste) => !told.has(taste.value)).slice(0, 4);
}

const fact = (name, value) => el("div", { class: "fact" }, el("span", { class: "muted" }, name), el("strong", {}, value));

function tastes(title, list) {
  if (!list.length) return null;
  return el("div", { class: "tastes" }, el("h3", {}, title),
    el("ul", {}, list.slice(0, TASTES_MAX).map((taste) => el("li", { class: "taste", title: taste.words },
      el("span", { class: "taste-name" }, capital(spoken(taste.value)),
        taste.declared ? el("em", { class: "said" }, "you said") : null),
      bar(taste),
      el("span", { class: "taste-sure" }, taste.declared ? "sure" : `${percent(certainty(taste.z))} sure`),
      el("span", { class: "hidden" }, taste.words)))));
}

function bar(taste) {
  const at = (value) => 100 * (0.5 + Math.max(-1, Math.min(1, value / SCALE)) / 2);
  const low = at(taste.log_odds - 1.96 * taste.sd);
  const high = at(taste.log_odds + 1.96 * taste.sd);
  const end = at(taste.log_odds);
  return svg("svg", {
    class: `taste-bar ${taste.log_odds < 0 ? "against" : "for"}`, viewBox: "0 0 100 14", preserveAspectRatio: "none",
    role: "img", "aria-label": `${signed(taste.log_odds)}, between ${signed(taste.log_odds - 1.96 * taste.sd)} and ${signed(taste.log_odds + 1.96 * taste.sd)}`,
  },
  svg("rect", { class: "track", x: 0, y: 5.5, width: 100, height: 3, rx: 1.5 }),
  svg("rect", { class: "reach", x: low, y: 3.5, width: Math.max(high - low, 0.5), height: 7 }),
  svg("rect", { class: "mass", x: Math.min(50, end), y: 3.5, width: Math.max(Math.abs(end - 50), 0.8), height: 7 }),
  svg("line", { class: "zero", x1: 50, x2: 50, y1: 0, y2: 14 }));
}

const legend = () => el("p", { class: "legend muted" },
  "Left of the line: less than others; right: more. Pale: the 95 % interval. It shrinks as evidence comes in.");

// Probability that the sign is right: the normal distribution at |z| (Abramowitz & Stegun 26.2.17).
function certainty(z) {
  const x = Math.abs(z);
  const t = 1 / (1 + 0.2316419 * x);
  const tail = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) *
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return Math.min(1 - tail, 0.999);
}

// -- why -----------------------------------------------------------------------------------------

export function drawWhy(why) {
  const node = byId("why");
  const hero = why[0];
  if (!hero) {
    replace(node, el("p", { class: "muted" }, "No decision for you yet."));
    return;
  }
  const out = Object.entries(hero.filters);
  const left = hero.considered - out.reduce((sum, [, count]) => sum + count, 0);
  replace(node,
    el("p", {}, "Hero: ", el("strong", {}, hero.experience_id === "silence" ? "silence" : hero.title),
      `, drawn with probability ${percent(hero.probability)}.`),
    el("ol", { class: "funnel", "aria-label": "What was left after each filter" },
      el("li", {}, el("strong", {}, hero.considered), " possible"),
      out.map(([name, count]) => el("li", { class: "out" }, el("strong", {}, `−${count}`), ` ${FILTER_WORDS[name] ?? name}`)),
      el("li", {}, el("strong", {}, left), " weighed")),
    el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Leading candidates" }, el("table", { class: "figures" },
      el("thead", {}, el("tr", {},
        ["Candidate", "Probability", "Take-up", "Disconnect", "Priority"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, hero.leading.slice(0, CANDIDATES_MAX).map((one) => el("tr", { class: one.chosen ? "chosen" : null },
        el("th", { scope: "row" }, one.chosen ? "▸ " : "", one.experience_id === "silence" ? "silence" : one.title),
        el("td", { class: "drawn" }, meter(one.probability), percent(one.probability)),
        el("td", {}, percent(one.p_takeup, 1)),
        el("td", {}, percent(one.p_disconnect, 1)),
        el("td", {}, one.priority.toFixed(3))))))),
    hero.filtered.length ? el("details", { class: "filtered" },
      el("summary", {}, "What was taken out, and why"),
      el("ul", {}, hero.filtered.slice(0, FILTERED_MAX).map((one) => el("li", {}, el("strong", {}, one.title), `: ${one.reason}`)))) : null,
    el("p", { class: "legend muted" },
      `Priority = take-up × value − κ × disconnect. Policy ${hero.policy.replace("_", " ")}; models ${Object.entries(hero.models).map(([name, version]) => `${name} v${version}`).join(", ")}.`));
}

function meter(share) {
  return svg("svg", { class: "meter", viewBox: "0 0 40 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 40, height: 6, rx: 3 }),
    svg("rect", { class: "mass", width: Math.max(40 * share, 1), height: 6, rx: 3 }));
}
