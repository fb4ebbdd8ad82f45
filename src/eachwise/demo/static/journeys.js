// The journeys: how many people stand at each step, some of them by name, and what became of their mail.

import { byId, el, number, replace } from "./dom.js";

const KIND_WORDS = {
  wait: "waits", wait_for: "waits for an event", wait_until: "waits until", decide: "the best mail, or none",
  send: "wants to send", exit: "ends", branch: "decides the way", split: "by lot",
};
const STATUS_WORDS = {
  active: "under way", goal: "reached the goal", completed: "came to the end", exited: "left early",
  holdout: "held out, to compare", merged: "were someone else",
};
const open = new Set();

export function drawJourneys(state) {
  const node = byId("journeys");
  if (!state.journeys.length) {
    replace(node, el("p", { class: "muted" }, "They begin when the past is in."));
    return;
  }
  replace(node,
    state.journeys.map(drawJourney),
    state.mail.received ? el("p", { class: "legend muted" }, mailWords(state.mail)) : null);
}

function drawJourney(journey) {
  const here = journey.statuses.active ?? 0;
  return el("details", {
    class: "journey", open: open.has(journey.journey_id), ontoggle: (event) => remember(journey.journey_id, event.target.open),
  },
  el("summary", {}, el("strong", {}, journey.title), el("span", { class: "muted" }, `${number(here)} under way, ${number(journey.statuses.goal ?? 0)} at the goal`)),
  el("ol", { class: "steps" }, journey.steps.map(drawStep)),
  el("p", { class: "legend muted" }, statusWords(journey.statuses)));
}

function drawStep(step) {
  return el("li", { class: step.here ? "step" : "step empty" },
    el("span", { class: "step-name" }, step.step_id.replaceAll("_", " "), el("span", { class: "muted" }, ` ${KIND_WORDS[step.kind] ?? step.kind}`)),
    el("strong", { class: "step-here" }, number(step.here)),
    step.people.length ? el("span", { class: "step-people muted" }, step.people.join(", ") + (step.here > step.people.length ? " …" : "")) : null);
}

function remember(id, isOpen) {
  if (isOpen) open.add(id);
  else open.delete(id);
}

const statusWords = (statuses) => Object.entries(statuses)
  .map(([name, count]) => `${number(count)} ${STATUS_WORDS[name] ?? name}`).join(" · ");

const mailWords = (mail) =>
  `${number(mail.received)} mails came: ${number(mail.opened)} opened, ${number(mail.clicked)} clicked, ${number(mail.bought)} bought, ${number(mail.unsubscribed)} unsubscribed.`;
