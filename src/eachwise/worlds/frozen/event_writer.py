"""Visits written as raw events, in the shape in which Segment's libraries send them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eachwise.maths.times import iso
from eachwise.worlds.frozen.browsing import ROUNDS_MAX, Journal, VisitRecord, Visits
from eachwise.worlds.frozen.catalogue import SHOP_URL, Catalogue, Item
from eachwise.worlds.frozen.draws import IntArray, Stream, uniform
from eachwise.worlds.frozen.people import AGE_BANDS, GENDERS, HOUSEHOLDS, People
from eachwise.worlds.frozen.vocabulary import VALUES

RawEvent = dict[str, Any]

DEVICES = ("phone", "laptop")
# A page, an identify, and four events a round at most, then an order.
EVENTS_PER_VISIT_MAX = 3 + 4 * ROUNDS_MAX
GAP_S = (2.0, 45.0)  # between two events of a visit; a visit lasts less than 21 minutes
MAIL_CONSENT_SHARE = 0.8  # of the people who log in; the others never say

Step = tuple[str, str, dict[str, Any]]  # type, event name, properties or traits


def user_id(person: int) -> str:
    """The id by which the shop knows a person who has logged in."""
    return f"user-{person:06d}"


def anonymous_id(person: int, device: int) -> str:
    """The id in the cookie of one of the person's devices."""
    return f"anon-{person:06d}-{DEVICES[device]}"


@dataclass(frozen=True, kw_only=True)
class EventWriter:
    """Turns journals of visits into raw events."""

    seed: int
    people: People
    catalogue: Catalogue

    def write(self, journal: Journal) -> list[RawEvent]:
        """All events of the visits, in time order; equal times keep the order of the visits."""
        times_ms = _times_ms(self.seed, journal.visits).tolist()
        stamped: list[tuple[int, RawEvent]] = []
        for record, at_ms in zip(journal.records(), times_ms, strict=True):
            stamped.extend(zip(at_ms, self._visit(record, at_ms), strict=False))
        stamped.sort(key=lambda pair: pair[0])
        return [event for _, event in stamped]

    def _visit(self, visit: VisitRecord, times_ms: list[int]) -> Iterator[RawEvent]:
        """The events of one visit; they are anonymous until the login."""
        ids = {"anonymousId": anonymous_id(visit.person, visit.device)}
        for place, (kind, name, body) in enumerate(self._steps(visit)):
            event: RawEvent = {
                "type": kind,
                "messageId": f"frozen-{self.seed}-{visit.person}-{visit.number}-{place}",
                "timestamp": iso(times_ms[place] * 1000),
                "context": _context(visit.device),
            }
            if kind == "identify":
                ids["userId"] = user_id(visit.person)
                event["traits"] = body
                event["context"] |= self._consent(visit.person)
            else:
                event["event" if kind == "track" else "name"] = name
                event["properties"] = body
            yield event | ids

    def _steps(self, visit: VisitRecord) -> Iterator[Step]:
        """What the person does in a visit, step by step."""
        yield "page", "Home", {"path": "/", "url": f"{SHOP_URL}/", "title": "Frozen food"}
        if visit.known:
            yield "identify", "", self._traits(visit.person)
        basket: list[dict[str, Any]] = []
        for which in range(visit.rounds):
            query = "" if visit.searched[which] < 0 else VALUES[visit.searched[which]].split("=")[1]
            if query:
                yield "track", "Products Searched", {"query": query}
            yield "track", "Product List Viewed", self._list(query, visit.slate[which])
            if visit.chosen[which] < 0:
                continue
            product = self._products[visit.chosen[which]]
            yield "track", "Product Viewed", dict(product)
            if visit.added[which]:
                basket.append(product | {"quantity": 1})
                yield "track", "Product Added", dict(basket[-1])
        if visit.ordered:
            yield "track", "Order Completed", _order(visit, basket)

    def _list(self, query: str, slate: list[int]) -> dict[str, Any]:
        """The slate that was shown: an exposure of its items."""
        return {
            "list_id": f"search:{query}" if query else "home",
            "products": [
                {"product_id": self._products[row]["product_id"], "position": position}
                for position, row in enumerate(slate, start=1)
            ],
        }

    @cached_property
    def _products(self) -> list[dict[str, Any]]:
        """Each item in the shape of Segment's e-commerce spec."""
        return [_product(item) for item in self.catalogue.items]

    def _traits(self, person: int) -> dict[str, Any]:
        """What the shop knows of a person who has logged in: demography, and nothing of taste."""
        return {
            "email": f"{user_id(person)}@frozen.example",
            "age_band": AGE_BANDS[self.people.age_band[person]],
            "gender": GENDERS[self.people.gender[person]],
            "household": HOUSEHOLDS[self.people.household[person]],
        }

    def _consent(self, person: int) -> dict[str, Any]:
        """Consent in the shape of Segment's consent context, for those who gave it."""
        if float(uniform(self.seed, Stream.KNOWN, person, 2)) >= MAIL_CONSENT_SHARE:
            return {}
        return {"consent": {"categoryPreferences": {"personalization": True}}}


def _times_ms(seed: int, visits: Visits) -> IntArray:
    """When each event of a visit may happen, ms since 1970; (visits, EVENTS_PER_VISIT_MAX)."""
    place = np.arange(EVENTS_PER_VISIT_MAX)
    draw = uniform(seed, Stream.GAP, visits.person[:, None], visits.number[:, None], place)
    gap_s = np.where(place > 0, GAP_S[0] + (GAP_S[1] - GAP_S[0]) * draw, 0.0)
    at_s = visits.t[:, None] + gap_s.cumsum(axis=1)
    return np.asarray(np.rint(at_s * 1000.0), dtype=np.int64)


def _order(visit: VisitRecord, basket: list[dict[str, Any]]) -> dict[str, Any]:
    """An order of everything in the basket, in the shape of Segment's e-commerce spec."""
    return {
        "order_id": f"order-{visit.person:06d}-{visit.number}",
        "total": round(sum(line["price"] for line in basket), 2),
        "currency": "EUR",
        "products": basket,
    }


def _context(device: int) -> dict[str, Any]:
    """The part of Segment's context that the engine may read."""
    return {"device": {"type": DEVICES[device]}, "locale": "en-DE", "timezone": "Europe/Berlin"}


def _product(item: Item) -> dict[str, Any]:
    """A product in the shape of Segment's e-commerce spec."""
    category = next(value for value in item.values if value.startswith("category="))
    return {
        "product_id": item.item_id,
        "name": item.title,
        "category": category.split("=")[1],
        "price": item.price_eur,
        "currency": "EUR",
        "url": item.url,
    }
