// Wires the page: one queue of actions (tell the engine, decide again, redraw), and a poll for what all visitors share.

import * as api from "./api.js";
import { drawJourneys } from "./journeys.js";
import * as panel from "./panel.js";
import * as score from "./score.js";
import * as shop from "./shop.js";
import { byId, capital, category, el, icon, replace, spoken, toast } from "./dom.js";

const POLL_MS = 1000;
const RETRY_MS = 400;
const CLICKS = 10;
const CLICK_PAUSE_MS = 160;
const AVOIDABLE = ["beef", "pork", "poultry", "fish", "seafood", "ice-cream", "bakery"];

let queue = Promise.resolve();
let playing = false;
const onScreen = new Map();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Actions run one after another, so that a decision always knows the click before it.
function enqueue(task) {
  queue = queue.then(task).catch((error) => toast(`That did not work: ${error.message}`));
  return queue;
}

function act(events, words) {
  return enqueue(async () => {
    await api.send(...events);
    if (words) toast(words);
    await redecide();
  });
}

async function redecide() {
  const started = performance.now();
  const { decisions } = await api.decide();
  const tookMs = performance.now() - started;
  const [hero, rail] = decisions;
  shop.drawHero(hero, tookMs);
  shop.drawRail(rail);
  document.body.dataset.decided = String(Number(document.body.dataset.decided ?? 0) + 1);
  const shown = decisions.filter(isNewToTheEye).map((decided) => api.track("Experience Viewed", shop.aboutOf(decided)));
  if (shown.length) await api.send(...shown);
  const me = await api.me([hero.decision_id, rail.decision_id]);
  panel.drawWho(me.profile, api.session());
  panel.drawBelief(me.profile);
  panel.drawWhy(me.why);
  api.remember({});
}

// What stays on the screen while one clicks elsewhere was not shown a second time.
function isNewToTheEye(decided) {
  const before = onScreen.get(decided.placement_id);
  onScreen.set(decided.placement_id, decided.experience_id);
  return decided.experience_id !== "silence" && decided.experience_id !== before;
}

// -- things to tell the engine -------------------------------------------------------------------

function drawDeclare() {
  const avoided = api.session().avoided;
  replace(byId("declare"), AVOIDABLE.map((name) => {
    const on = avoided.includes(name);
    return el("button", {
      class: "chip", type: "button", "aria-pressed": String(on), "data-category": name, onclick: () => declare(name, !on),
    }, icon(name), capital(spoken(name)));
  }));
}

function declare(name, avoid) {
  const avoided = api.session().avoided.filter((one) => one !== name);
  api.remember({ avoided: avoid ? [...avoided, name] : avoided });
  drawDeclare();
  const said = { attribute: "category", value: name, preference: avoid ? "dislike" : "none" };
  return act([api.track("Preference Declared", said)], avoid ? `No ${spoken(name)} for you.` : `${capital(spoken(name))} is welcome again.`);
}

function drawPersonas() {
  replace(byId("personas"), Object.keys(shop.PERSONAS).map((name) => el("button", {
    class: "chip", type: "button", onclick: () => play(name),
  }, capital(name))));
}

async function play(persona) {
  if (playing || !shop.isOpen()) return;
  playing = true;
  const buttons = [...byId("personas").querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  let place = 0;
  for (const { item, slate } of shop.wanted(persona, CLICKS)) {
    place += 1;
    shop.noteSeen(item);
    await act([shop.slateShown(slate), api.track("Product Viewed", shop.product(item))], `Click ${place} of ${CLICKS}: ${item.title} (${spoken(category(item.attributes))})`);
    await pause(CLICK_PAUSE_MS);
  }
  for (const button of buttons) button.disabled = false;
  playing = false;
}

function becomeNew() {
  return enqueue(async () => {
    api.becomeNew();
    onScreen.clear();
    shop.anew();
    drawDeclare();
    toast("You are someone new: the engine knows nothing of you.");
    await api.send({ type: "page", name: "Home", properties: { path: "/" } });
    await redecide();
  });
}

function logIn(event) {
  event.preventDefault();
  const email = byId("email").value.trim();
  if (!email) return null;
  byId("login-box").open = false;
  return enqueue(async () => {
    api.logIn(email);
    await api.send(api.identify(email));
    toast(`Logged in as ${email}: what you did before now belongs to you.`);
    await redecide();
  });
}

// -- start ---------------------------------------------------------------------------------------

async function poll() {
  let state = null;
  try {
    state = await api.state();
    score.drawNotice(state, false);
    score.drawScore(state);
    score.drawTicker(state);
    score.drawEngine(state);
    drawJourneys(state);
  } catch {
    score.drawNotice(state, true);
  }
  setTimeout(poll, POLL_MS);
}

async function openShop() {
  for (;;) {
    try {
      const items = await api.items();
      if (items.length) {
        shop.open(items, act);
        await api.send({ type: "page", name: "Home", properties: { path: "/" } });
        await redecide();
        return;
      }
    } catch {
      // The placements come a moment after the items; and a server that is gone is told by the poll.
    }
    await pause(RETRY_MS);
  }
}

async function start() {
  await api.open();
  drawDeclare();
  drawPersonas();
  byId("anew").addEventListener("click", becomeNew);
  byId("buy").addEventListener("click", shop.buy);
  byId("login").addEventListener("submit", logIn);
  poll();
  await enqueue(openShop);
}

start();
