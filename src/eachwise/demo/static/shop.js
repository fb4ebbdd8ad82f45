// The storefront: hero, rail and shelves. Everything a person does here goes to `act`, which tells the engine first.

import { session, track } from "./api.js";
import { byId, capital, category, el, icon, money, percent, replace, spoken } from "./dom.js";

export const CATEGORIES = [
  "beef", "pork", "poultry", "fish", "seafood", "vegetables",
  "ready-meals", "pizza", "ice-cream", "bakery", "fruit", "potato",
];
const SHELF_SIZE = 20;
const KINDS = { offer: "An offer for you", content: "From the kitchen", list: "A list for you", message: "For you" };
const REASONS_MAX = 3;

let catalogue = [];
let shelf = "all";
let act = () => {};
let basket = [];
let lastHero = "";
let lastRail = new Set();
let whyOpen = false;

export function open(items, onAct) {
  catalogue = items;
  act = onAct;
  drawCategories();
  drawShelf();
}

export const isOpen = () => catalogue.length > 0;
export const anew = () => {
  basket = [];
  lastHero = "";
  lastRail = new Set();
  drawBasket();
  drawShelf();
};

export function product(item) {
  return {
    product_id: item.item_id,
    name: item.title,
    category: category(item.attributes),
    price: item.price ?? 0,
    currency: item.currency ?? "EUR",
  };
}

// -- what the engine decided ---------------------------------------------------------------------

export function drawHero(decided, tookMs) {
  const node = byId("hero");
  const silent = decided.experience_id === "silence";
  const changed = lastHero !== "" && lastHero !== decided.experience_id;
  lastHero = decided.experience_id;
  node.className = `hero${silent ? " silent" : ""}${changed ? " changed" : ""}`;
  node.dataset.experience = decided.experience_id;
  node.dataset.category = silent ? "" : category(decided.items[0]?.attributes) || "snow";
  node.setAttribute("aria-busy", "false");
  replace(node, silent ? silence() : offer(decided), whyBlock(decided, tookMs, silent));
}

function silence() {
  return el("div", { class: "hero-text" },
    icon("quiet", "hero-moon"),
    el("p", { class: "kicker" }, "Nothing to push today"),
    el("h1", {}, "Good to see you. Look around."),
    el("p", {}, "The engine chose to be silent: nothing that it could show was worth more than leaving you in peace."));
}

function offer(decided) {
  const about = aboutOf(decided);
  const first = decided.items[0];
  return [
    el("div", { class: "hero-text" },
      el("p", { class: "kicker" }, KINDS[decided.kind] ?? "For you"),
      el("h1", {}, decided.title || spoken(decided.experience_id)),
      decided.reasons.length ? el("p", { class: "because" }, decided.reasons[0]) : null,
      el("div", { class: "hero-actions" },
        el("button", {
          class: "button light", type: "button",
          onclick: () => act([track("Experience Clicked", about)], "You took it up."),
        }, "Show me"),
        el("button", {
          class: "button ghost", type: "button",
          onclick: () => act([track("Experience Hidden", about)], "Understood: you will not see that again."),
        }, "Not for me"))),
    first ? el("ul", { class: "hero-items" }, decided.items.slice(0, 3).map((item) => el("li", {},
      el("button", {
        class: "hero-item", type: "button", "data-category": category(item.attributes),
        "aria-label": `Look at ${item.title}`, onclick: () => look(item, about),
      }, icon(category(item.attributes) || "snow", "art"), el("span", {}, item.title))))) : null,
  ];
}

function whyBlock(decided, tookMs, silent) {
  const words = silent ? "Why am I seeing nothing?" : "Why am I seeing this?";
  const reasons = decided.reasons.slice(0, REASONS_MAX);
  return el("details", { class: "hero-why", open: whyOpen, ontoggle: (event) => { whyOpen = event.target.open; } },
    el("summary", {}, words,
      el("span", { class: "hero-probability" }, `drawn with probability ${percent(decided.probability)}`)),
    el("ul", {},
      (reasons.length ? reasons : ["Nothing is known of you yet, so this is the engine's best guess."])
        .map((reason) => el("li", {}, reason)),
      el("li", {}, `Decided for you alone in ${tookMs.toFixed(0)} ms, as this browser measured it.`)));
}

export function drawRail(decided) {
  const list = byId("rail");
  const silent = decided.experience_id === "silence" || !decided.items.length;
  byId("rail-note").textContent = silent ? "" : `${decided.items.length} of ${catalogue.length} items, in your order`;
  if (silent) {
    replace(list, el("li", { class: "rail-empty muted" }, "Silence here: the engine found nothing worth your while."));
    lastRail = new Set();
    return;
  }
  const known = lastRail;
  const about = aboutOf(decided);
  replace(list, decided.items.map((item) => tile(item, {
    fresh: known.size > 0 && !known.has(item.item_id), reasons: item.reasons, about,
  })));
  lastRail = new Set(decided.items.map((item) => item.item_id));
}

// -- tiles ---------------------------------------------------------------------------------------

function tile(item, { fresh = false, reasons = [], about = null } = {}) {
  const kind = category(item.attributes);
  const buyable = (item.price ?? 0) > 0;
  const seen = session().viewed.includes(item.item_id);
  const tags = [item.attributes.diet, item.attributes.style].flat().filter(Boolean).slice(0, 2);
  return el("li", { class: `tile${fresh ? " fresh" : ""}`, "data-item": item.item_id },
    el("button", {
      class: "tile-look", type: "button", "data-category": kind,
      "aria-label": `Look at ${item.title}`, onclick: () => look(item, about),
    }, icon(kind || "snow", "art"), seen ? el("span", { class: "seen" }, "seen") : null),
    el("div", { class: "tile-body" },
      el("p", { class: "tile-title" }, item.title),
      el("p", { class: "tile-tags muted" }, tags.map(spoken).join(" · ")),
      reasons.length ? el("p", { class: "tile-reason" }, reasons[0]) : null,
      el("div", { class: "tile-foot" },
        el("strong", {}, buyable ? money(item.price) : "Recipe"),
        buyable ? el("button", {
          class: "button small", type: "button", "aria-label": `Add ${item.title} to the basket`,
          onclick: () => add(item, about),
        }, "Add") : el("button", {
          class: "button small quiet", type: "button", "aria-label": `Read ${item.title}`, onclick: () => look(item, about),
        }, "Read"))));
}

// Looking at an item of a decided list takes the list up: `about` names the decision, null on the shelves.
const takeUp = (about) => (about ? [track("Experience Clicked", about)] : []);

export const aboutOf = (decided) => ({
  decision_id: decided.decision_id, experience_id: decided.experience_id, placement: decided.placement_id, channel: "web",
});

function look(item, about) {
  noteSeen(item);
  act([...takeUp(about), track("Product Viewed", product(item))], `Looked at ${item.title}.`);
}

export function noteSeen(item) {
  const viewed = session().viewed;
  if (!viewed.includes(item.item_id)) viewed.push(item.item_id);
  for (const node of document.querySelectorAll(`[data-item="${CSS.escape(item.item_id)}"] .tile-look`)) {
    if (!node.querySelector(".seen")) node.append(el("span", { class: "seen" }, "seen"));
  }
}

function add(item, about) {
  noteSeen(item);
  basket.push(product(item));
  drawBasket();
  act([...takeUp(about), track("Product Added", { ...product(item), quantity: 1 })], `${item.title} is in the basket.`);
}

// -- basket --------------------------------------------------------------------------------------

export function buy() {
  if (!basket.length) return;
  const total = basket.reduce((sum, line) => sum + line.price, 0);
  const order = {
    order_id: `order-page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`,
    total: Math.round(100 * total) / 100,
    currency: "EUR",
    products: basket.map((line) => ({ ...line, quantity: 1 })),
  };
  basket = [];
  drawBasket();
  act([track("Order Completed", order)], `Ordered for ${money(total)}. (Nothing will be delivered.)`);
}

function drawBasket() {
  const button = byId("buy");
  const total = basket.reduce((sum, line) => sum + line.price, 0);
  button.disabled = basket.length === 0;
  button.textContent = basket.length ? `Buy ${basket.length} for ${money(total)}` : "Basket is empty";
}

// -- shelves -------------------------------------------------------------------------------------

function drawCategories() {
  replace(byId("categories"), ["all", ...CATEGORIES].map((name) => el("button", {
    class: "chip", type: "button", "aria-pressed": String(name === shelf), "data-category": name === "all" ? null : name,
    onclick: () => {
      shelf = name;
      drawCategories();
      drawShelf();
    },
  }, name === "all" ? null : icon(name), capital(spoken(name)))));
}

function drawShelf() {
  const found = shelfItems();
  replace(byId("shelf"), found.map((item) => tile(item)));
}

function shelfItems() {
  if (shelf !== "all") return catalogue.filter((item) => category(item.attributes) === shelf).slice(0, SHELF_SIZE);
  const rows = CATEGORIES.map((name) => catalogue.filter((item) => category(item.attributes) === name));
  const mixed = [];
  for (let place = 0; mixed.length < SHELF_SIZE && place < SHELF_SIZE; place += 1) {
    for (const row of rows) if (row[place]) mixed.push(row[place]);
  }
  return mixed.slice(0, SHELF_SIZE);
}

// -- people one may be for ten clicks ------------------------------------------------------------

const has = (item, name, ...values) => [item.attributes[name]].flat().some((value) => values.includes(value));

export const PERSONAS = {
  "a vegan": (item) => has(item, "diet", "vegan"),
  "a meat lover": (item) => has(item, "category", "beef", "pork"),
  "a fish lover": (item) => has(item, "category", "fish", "seafood"),
  "a sweet tooth": (item) => has(item, "category", "ice-cream", "bakery"),
};

export function wanted(persona, count) {
  // Each click is a choice from a slate of eight, as in a shop where the others were seen and left.
  const liked = shuffled(catalogue.filter(PERSONAS[persona])).slice(0, count);
  return liked.map((item) => ({ item, slate: shuffled([item, ...shuffled(catalogue).slice(0, 7)]) }));
}

function shuffled(list) {
  const copy = [...list];
  for (let place = copy.length - 1; place > 0; place -= 1) {
    const other = Math.floor(Math.random() * (place + 1));
    [copy[place], copy[other]] = [copy[other], copy[place]];
  }
  return copy;
}

export function slateShown(items) {
  return track("Product List Viewed", {
    list_id: "home",
    products: items.map((item, place) => ({ product_id: item.item_id, position: place + 1 })),
  });
}
