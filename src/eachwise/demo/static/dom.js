// Building blocks of the page. Data only ever becomes text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = "/demo/static/icons.svg";

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

export function icon(name, cssClass = "icon") {
  return svg("svg", { class: cssClass, "aria-hidden": "true" }, svg("use", { href: `${ICONS}#${name}` }));
}

export const byId = (id) => document.getElementById(id);

export function replace(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== false));
}

// -- words and figures ---------------------------------------------------------------------------

const whole = new Intl.NumberFormat("en");

export const number = (value) => whole.format(Math.round(value));
export const percent = (share, digits = share > 0 && share < 0.01 ? 1 : 0) => `${(100 * share).toFixed(digits)}\u00a0%`;
export const money = (value) => `€${value.toFixed(2)}`;
export const signed = (value, digits = 2) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

export function spoken(value) {
  // "category=ice-cream" reads as "ice cream".
  const bare = value.includes("=") ? value.slice(value.indexOf("=") + 1) : value;
  return bare.replaceAll("-", " ");
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function category(attributes) {
  const found = attributes ? attributes.category ?? "" : "";
  return Array.isArray(found) ? found[0] ?? "" : found;
}

let fading = 0;

export function toast(text) {
  const node = byId("toast");
  node.textContent = text;
  node.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => node.classList.remove("shown"), 2600);
}
