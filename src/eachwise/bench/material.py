"""What is sent: the frozen-food shop's catalogue, experiences and people, in Segment's shape."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from eachwise.worlds import FrozenFoodShop

SEED = 7
DAY_S = 86_400.0
DAYS = 60.0
ITEMS = 1000
EXPERIENCES = 40
PLACEMENT = "home_hero"
# Short, so that the learner has outcomes to take in while it is measured.
OUTCOME_WINDOW_S = 2
# Short, so that the same people can be asked for again and again without unconfirmed decisions piling up.
RESERVE_S = 5

RawEvent = dict[str, Any]
# The world's prices may be numpy's floats.
_encode = msgspec.json.Encoder(enc_hook=float).encode


class Material:
    """One shop that opened 60 days ago, and what its people have done since."""

    def __init__(self, *, people: int, items: int = ITEMS, days: float = DAYS) -> None:
        """Draw the shop, and the events of its people in time order. ``known``: whose user id the engine learns."""
        self.people = people
        # Whole days: a part of a day may see nobody.
        opened_at_s = (time.time() // DAY_S - days) * DAY_S
        self.shop = FrozenFoodShop(SEED, people, items, opened_at_s=opened_at_s)
        self.events = list(self.shop.history(opened_at_s, days))
        self.ids = sorted({str(event["anonymousId"]) for event in self.events})

    def catalogue(self) -> bytes:
        """The items as JSON Lines."""
        return b"\n".join(_encode(item) for item in self.shop.items())

    def definitions(self) -> bytes:
        """Forty experiences, all of which may appear in the placement that is asked for."""
        experiences = self.shop.experiences()
        more = EXPERIENCES - len(experiences)
        for number, experience in enumerate(experiences[:more]):
            experiences.append(
                experience | {"experience_id": f"{experience['experience_id']}-{number}"}
            )
        placements = [
            placement | {"outcome_window_s": OUTCOME_WINDOW_S, "reserve_s": RESERVE_S}
            for placement in self.shop.placements()
        ]
        return _encode({"placements": placements, "experiences": experiences})

    def lines(self, suffix: str = "") -> list[bytes]:
        """The events as JSON lines. A suffix makes other people and other messages of them."""
        return [_encode(event) for event in self.told_of(suffix)]

    def batches(self, size: int, suffix: str = "") -> list[bytes]:
        """The events as bodies of ``/v1/batch``; see ``lines``."""
        events = list(self.told_of(suffix))
        return [
            _encode({"batch": events[start : start + size]})
            for start in range(0, len(events) - size + 1, size)
        ]

    def told_of(self, suffix: str) -> Iterator[RawEvent]:
        """The events as if other people, whose ids end on the suffix, had done the same."""
        for event in self.events:
            renamed: RawEvent = {
                name: f"{event[name]}{suffix}"
                for name in ("messageId", "anonymousId", "userId")
                if name in event
            }
            if "email" in event.get("traits", {}):
                traits = event["traits"]
                renamed["traits"] = traits | {"email": f"{suffix}{traits['email']}"}
            yield event | renamed

    def decide_bodies(self) -> list[bytes]:
        """One decision for each anonymous id that the shop has seen."""
        return [decide_body(anonymous_id=each) for each in self.ids]

    def bytes_a_person(self) -> list[int]:
        """How long each person's events are as JSON, all together."""
        sizes: dict[str, int] = {}
        for event in self.events:
            # anon-PERSON-DEVICE
            person = str(event["anonymousId"]).split("-")[1]
            sizes[person] = sizes.get(person, 0) + len(_encode(event))
        return list(sizes.values())


def decide_body(*, anonymous_id: str) -> bytes:
    """The body of one ``/v1/decide``: one person, one placement."""
    return _encode({"anonymousId": anonymous_id, "placements": [PLACEMENT]})


def touch_bodies(
    material: Material, user_ids: Sequence[str], name: str, size: int = 100
) -> list[bytes]:
    """Bodies of ``/v1/batch`` with one view of an item by each of these people; ``name`` tells rounds apart."""
    viewed = next(each for each in material.events if each.get("event") == "Product Viewed")
    events = [
        viewed | {"messageId": f"{name}-{each}", "userId": each, "anonymousId": f"anon-{each}"}
        for each in user_ids
    ]
    return [
        _encode({"batch": events[start : start + size]}) for start in range(0, len(events), size)
    ]
