"""The engine in a world: it hears the browsing, decides once a visit, and hears what the person did about it.

Nothing here looks inside: the same ``Engine`` that serves, in one process, over the store in memory, with the world's
clock. Learning, settling and publishing happen when the engine itself finds them due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from eachwise.adapters.clocks import SettableClock
from eachwise.bootstrap import Engine
from eachwise.contracts.arrays import Ints
from eachwise.contracts.decision import Decided
from eachwise.maths.times import iso
from eachwise.proofs.world_stream import RawEvent, World, time_us
from eachwise.settings import Settings
from eachwise.worlds import SILENCE

PLACEMENT = "home_hero"
SECOND_US = 1_000_000
# A person takes this long to answer what is shown, and as long again to order or to unsubscribe.
ANSWERS_AFTER_US = 10 * SECOND_US
# The history is sent in batches of this many events.
BATCH_EVENTS = 200

Begin = Callable[[Engine], None]
Watch = Callable[[Engine, int], None]
Keep = Callable[[Engine, Decided], None]


def play(
    world: World,
    settings: Settings,
    watch: Watch | None = None,
    *,
    begin: Begin | None = None,
    keep: Keep | None = None,
) -> Ints:
    """The experience that the engine chose at each decision (D,), ``SILENCE`` for none.

    ``begin(engine)`` is called before the first decision, ``watch(engine, i)`` after decision i, and
    ``keep(engine, decided)`` with what was decided, before that; all may look at the engine and must change nothing.
    """
    shop = world.shop
    clock = SettableClock(round(shop.settings.opened_at_s * SECOND_US))
    with Engine.open(settings=settings, clock=clock) as engine:
        engine.put_items(shop.items())
        engine.define({"placements": shop.placements(), "experiences": shop.experiences()})
        _tell_history(engine, clock, world.history)
        if begin is not None:
            begin(engine)
        return _decide_for_all(engine, clock, world, watch, keep)


def _tell_history(engine: Engine, clock: SettableClock, history: Iterator[RawEvent]) -> None:
    """Send what happened before, each batch at the time of its last event."""
    while batch := list(islice(history, BATCH_EVENTS)):
        clock.set(time_us(batch[-1]))
        engine.send(batch)


def _decide_for_all(
    engine: Engine, clock: SettableClock, world: World, watch: Watch | None, keep: Keep | None
) -> Ints:
    """Visit after visit in the order of time; answers come in between, when they are given."""
    choice = np.full(len(world.visits), SILENCE, dtype=np.int64)
    answers: list[tuple[int, int, list[RawEvent]]] = []
    # What was seen comes with the next batch that anybody sends, as from a storefront that sends batches.
    seen: list[RawEvent] = []
    for row, visit in enumerate(world.visits):
        while answers and answers[0][0] <= visit.end_us:
            due_us, _, events = heapq.heappop(answers)
            clock.set(due_us)
            engine.send([*seen, *events])
            seen.clear()
        clock.set(visit.end_us)
        events = visit.events
        engine.send([*seen, *events])
        seen.clear()
        ids = _identity(events)
        decided = engine.decide(
            ids.get("userId"), anonymous_id=ids["anonymousId"], placements=[PLACEMENT]
        ).decisions[0]
        if keep is not None:
            keep(engine, decided)
        if not decided.is_silence:
            choice[row] = world.shop.experience_index(decided.experience_id)
            seen.append(_event("Experience Viewed", visit.end_us, decided, ids))
            said = _answers(world, row, int(choice[row]), decided, ids)
            if said:
                heapq.heappush(answers, (visit.end_us + 2 * ANSWERS_AFTER_US, row, said))
        if watch is not None:
            watch(engine, row)
    return choice


def _identity(events: list[RawEvent]) -> dict[str, str]:
    """The ids under which the shop sees the visitor at the end of the visit."""
    last = events[-1]
    return {name: last[name] for name in ("anonymousId", "userId") if name in last}


def _answers(
    world: World, row: int, chosen: int, decided: Decided, ids: dict[str, str]
) -> list[RawEvent]:
    """What the person truly does about an experience, as events; mostly nothing."""
    truth, end_us = world.truth, world.visits[row].end_us
    first_us, then_us = end_us + ANSWERS_AFTER_US, end_us + 2 * ANSWERS_AFTER_US
    events = []
    if truth.clicked[row, chosen]:
        events.append(_event("Experience Clicked", first_us, decided, ids))
    if truth.purchased[row, chosen]:
        events.append(_event("Order Completed", then_us, decided, ids))
        events[-1]["properties"] |= _order(world, row, chosen, decided)
    if truth.hidden[row, chosen]:
        events.append(_event("Experience Hidden", first_us, decided, ids))
    if truth.unsubscribed[row, chosen]:
        events.append(_event("Unsubscribed", then_us, decided, ids))
    return events


def _order(world: World, row: int, chosen: int, decided: Decided) -> RawEvent:
    """What is bought after a click: the item that tempts this person most among those the experience showed."""
    visit, shown = world.visits[row], [item.item_id for item in decided.items]
    picked = world.shop.pick(visit.person, shown, float(world.t[row]), visit.number, which=99)
    bought = [picked] if picked is not None else shown[:1]
    return {
        "order_id": f"{decided.decision_id}-order",
        "total": round(float(world.truth.money[row, chosen]), 2),
        "currency": "EUR",
        "products": [{"product_id": item_id, "quantity": 1} for item_id in bought],
    }


def _event(name: str, at_us: int, decided: Decided, ids: dict[str, str]) -> RawEvent:
    """One answer in Segment's shape, as a storefront would send it."""
    return {
        "type": "track",
        "event": name,
        "messageId": f"{decided.decision_id}-{name.casefold().replace(' ', '-')}",
        "timestamp": iso(at_us),
        "properties": {
            "decision_id": decided.decision_id,
            "experience_id": decided.experience_id,
            "placement": PLACEMENT,
        },
        **ids,
    }
