"""Visitors in wall-clock time: each plays the same visit in a copy of the world for every method.

The engine is asked through the real HTTP API, as a shop would ask it; the other methods are the world's own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from eachwise.contracts.decision import Decided, DecideResponse
from eachwise.contracts.events import BatchResult
from eachwise.demo.messages import Tick
from eachwise.demo.programme import HERO
from eachwise.demo.score import BLANKET, INDIVIDUALS, ORACLE, Played, Scoreboard
from eachwise.worlds import FrozenFoodShop, Group, Response

LABELS = {
    BLANKET: "blanket (steak for everybody)",
    "segment:demographic-3": "3 segments (families, younger, older)",
    "segment:age-gender": "8 segments (age × gender)",
    "segment:demographic-32": "32 segments (age, gender, household)",
    INDIVIDUALS: "individuals (Eachwise, one by one)",
    ORACLE: "oracle (knows every taste)",
}
TRUTHS = {Group.VEGAN: "vegan", Group.FISH_OR_CHICKEN: "fish or chicken"}
# The events of a visit, whose own gaps make minutes, are played within this many milliseconds an event.
GAP_MS = 20

RawEvent = dict[str, Any]


class Api(Protocol):
    """The two calls that a shop makes; ``RemoteEngine`` makes them over HTTP."""

    def send(self, events: Sequence[Mapping[str, Any]]) -> BatchResult:
        """Send events."""
        ...

    def decide(
        self,
        user_id: str | None,
        *,
        anonymous_id: str | None,
        placements: Sequence[str],
        context: Mapping[str, Any] | None,
    ) -> DecideResponse:
        """Ask what to show."""
        ...


class Visitors:
    """Draws visitors by how often they come, and plays their visits one after another."""

    def __init__(self, shop: FrozenFoodShop, engine: Api, *, started_at_s: float) -> None:
        self._shop = shop
        self._engine = engine
        self._others = {arm: shop.campaign(arm) for arm in LABELS if arm != INDIVIDUALS}
        self.board = Scoreboard(LABELS)
        # Visit numbers must be new in the store, also when an earlier demo was played in it.
        self._number = int(started_at_s * 1000.0)
        self._draws = np.random.default_rng([shop.settings.seed & (2**63 - 1), self._number])
        weights = np.cumsum(shop.people.visits_per_day)
        self._cumulative = weights / weights[-1]
        self._titles = {each["experience_id"]: str(each["title"]) for each in shop.experiences()}

    def play(self) -> Tick:
        """One visit by one person: browse, be decided for, respond. Scores every method; returns what happened."""
        shop = self._shop
        self._number += 1
        number = self._number
        person = min(
            int(np.searchsorted(self._cumulative, self._draws.random())), shop.settings.people - 1
        )
        now_s = time.time()
        ids = shop.identity(person, now_s, number)
        visit = with_checkout(shop.visit(person, now_s, number), number)
        self._engine.send(_in_wall_time(visit, now_s))
        decided = self._engine.decide(
            ids.get("userId"),
            anonymous_id=ids["anonymousId"],
            placements=[HERO],
            context={
                "page": {"path": "/"},
                "device": {"type": ids["anonymousId"].rpartition("-")[2]},
            },
        ).decisions[0]
        response = shop.respond(person, decided.experience_id, now_s, number)
        events = outcome_events(decided, response, ids, number, datetime.now(UTC))
        if events:
            self._engine.send(events)
        self._score(person, decided.experience_id, now_s, number)
        return self._tick(person, ids, decided, response, now_s)

    def _score(self, person: int, experience_id: str, t: float, number: int) -> None:
        """What every method got for this visit, with the same luck for all."""
        shop = self._shop
        arms = [INDIVIDUALS, *self._others]
        choices = [shop.experience_index(experience_id)]
        choices += [int(campaign.choose(person, t, number)) for campaign in self._others.values()]
        responses = shop.respond_many(person, choices, t, number)
        against = shop.conflict(person, t)
        self.board.add(
            {
                arm: Played(
                    silent=choice < 0,
                    clicked=bool(responses.clicked[row]),
                    hidden=bool(responses.hidden[row]),
                    against=choice >= 0 and bool(against[choice]),
                    value=float(responses.value[row]),
                )
                for row, (arm, choice) in enumerate(zip(arms, choices, strict=True))
            }
        )

    def _tick(
        self, person: int, ids: dict[str, str], decided: Decided, response: Response, t: float
    ) -> Tick:
        shown = self._shop.experience_index(decided.experience_id)
        return Tick(
            number=self.board.visits,
            who=ids.get("userId", ids["anonymousId"]),
            truth=TRUTHS.get(self._shop.group(person), ""),
            decision_id=decided.decision_id,
            experience_id=decided.experience_id,
            title=self._titles.get(decided.experience_id, decided.experience_id),
            probability=decided.probability,
            outcome=_outcome(response),
            against=shown >= 0 and bool(self._shop.conflict(person, t)[shown]),
            reason=decided.reasons[0] if decided.reasons else "",
        )


def with_checkout(events: Sequence[RawEvent], number: int) -> list[RawEvent]:
    """A visit's events with the start of the checkout, where something lies in the basket; it names the order."""
    basket = [each for each in events if each.get("event") == "Product Added"]
    if not basket:
        return list(events)
    last = events[-1]
    ordered = last.get("event") == "Order Completed"
    lines = [each["properties"] for each in basket]
    checkout = {
        name: value for name, value in last.items() if name not in ("type", "name", "traits")
    } | {
        "type": "track",
        "event": "Checkout Started",
        "messageId": f"checkout-{last['messageId']}",
        "properties": {
            "order_id": last["properties"]["order_id"] if ordered else f"basket-{number}",
            "value": round(float(sum(line["price"] for line in lines)), 2),
            "item_id": lines[-1]["product_id"],
        },
    }
    return [*events[:-1], checkout, last] if ordered else [*events, checkout]


def outcome_events(
    decided: Decided, response: Response, ids: dict[str, str], number: int, at: datetime
) -> list[RawEvent]:
    """What the shop's page would send after a decision: that it was seen, and what the person did. None for silence."""
    if decided.is_silence:
        return []
    about = {
        "decision_id": decided.decision_id,
        "experience_id": decided.experience_id,
        "placement": decided.placement_id,
        # A page says that it is one: the caps of other channels do not count what it showed.
        "channel": "web",
    }
    steps: list[tuple[str, dict[str, Any]]] = [("Experience Viewed", about)]
    if response.clicked:
        steps.append(("Experience Clicked", about))
    if response.purchased:
        steps.append(("Order Completed", about | _order(decided, number)))
    if response.hidden:
        steps.append(("Experience Hidden", about))
    return [
        {
            "type": "track",
            "event": name,
            "messageId": f"{decided.decision_id}-{place}",
            "timestamp": at.isoformat(),
            "properties": properties,
        }
        | ids
        for place, (name, properties) in enumerate(steps)
    ]


def _order(decided: Decided, number: int) -> dict[str, Any]:
    """An order of two packs of the first item shown, in the shape of Segment's e-commerce spec."""
    lines = [(item.item_id, item.price or 0.0) for item in decided.items[:1]]
    return {
        "order_id": f"order-live-{number}",
        "total": round(sum(2 * price for _, price in lines), 2),
        "currency": "EUR",
        "products": [
            {"product_id": item_id, "quantity": 2, "price": price} for item_id, price in lines
        ],
    }


def _in_wall_time(events: Sequence[RawEvent], now_s: float) -> list[RawEvent]:
    """The visit's events as just happened, in their order, the last of them now."""
    found = []
    for place, event in enumerate(events):
        ago_s = (len(events) - 1 - place) * GAP_MS / 1000.0
        at = datetime.fromtimestamp(now_s - ago_s, UTC)
        found.append(event | {"timestamp": at.isoformat()})
    return found


def _outcome(response: Response) -> str:
    if response.purchased:
        return "bought"
    if response.clicked:
        return "clicked"
    return "hid it" if response.hidden else ""
