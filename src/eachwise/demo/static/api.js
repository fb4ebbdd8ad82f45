// The page's talk with the server: the real /v1 routes with the write key, and the demo's own read-only routes.

const KEPT = "eachwise-demo-shopper";
let config = null;
let shopper = null;

export async function open() {
  config = await json("/demo/config");
  shopper = restored() ?? fresh();
  keep();
  return config;
}

export const session = () => shopper;

export function becomeNew() {
  shopper = fresh();
  keep();
}

export function logIn(email) {
  shopper.userId = email;
  keep();
}

export function remember(changes) {
  Object.assign(shopper, changes);
  keep();
}

function fresh() {
  return { anonymousId: config.shopper + randomId(), userId: null, avoided: [], viewed: [] };
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function restored() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT));
    return found && String(found.anonymousId).startsWith(config.shopper) ? { ...fresh(), ...found } : null;
  } catch {
    return null;
  }
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(shopper));
  } catch {
    // A browser that keeps nothing still lets one shop.
  }
}

// -- /v1 -----------------------------------------------------------------------------------------

export function track(event, properties = {}) {
  return { type: "track", event, properties };
}

export function identify(email) {
  return { type: "identify", traits: { email } };
}

export async function send(...events) {
  const now = Date.now();
  const batch = events.map((event, place) => ({
    ...event,
    messageId: `page-${randomId()}`,
    anonymousId: shopper.anonymousId,
    ...(shopper.userId ? { userId: shopper.userId } : {}),
    timestamp: new Date(now - (events.length - 1 - place)).toISOString(),
    context: { page: { path: "/" }, locale: navigator.language },
  }));
  const answer = await json("/v1/batch", { batch, sentAt: new Date(now).toISOString() });
  if (answer.rejected && answer.rejected.length) throw new Error(answer.rejected[0].reason);
  return answer;
}

export function decide() {
  return json("/v1/decide", {
    placements: [config.hero, config.rail],
    anonymousId: shopper.anonymousId,
    ...(shopper.userId ? { userId: shopper.userId } : {}),
    context: { page: { path: "/" }, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone },
  });
}

// -- the demo's own ------------------------------------------------------------------------------

export const items = () => json("/demo/items");
export const state = () => json("/demo/state");

export function me(decisions) {
  const query = new URLSearchParams({ anonymousId: shopper.anonymousId });
  for (const decision of decisions) query.append("decision", decision);
  return json(`/demo/me?${query}`);
}

async function json(path, body = null) {
  const options = body === null
    ? {}
    : {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${config.write_key}` },
        body: JSON.stringify(body),
      };
  const response = await fetch(path, { ...options, cache: "no-store", credentials: "omit" });
  const content = await response.json();
  if (!response.ok) throw new Error(content.message ?? `the server answered ${response.status}`);
  return content;
}
