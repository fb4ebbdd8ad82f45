"""One fault, one refusal or one long piece of work keeps nobody else from going on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput, NotFound, StoreError
from eachwise.contracts.ports import Committed
from eachwise.flow.drive import Flow, run
from eachwise.flow.occasions import PEOPLE_A_PAGE
from tests.flow.programme import BASKET, DAY_S, HOUR_S, consenting, later, put, standing
from tests.flow.shop import view

API = """
journeys:
  - journey_id: api
    entry: {api: true}
    reentry: always
    steps:
      - {id: w, wait: 3d}
"""
DAILY = """
  - journey_id: daily
    entry: {schedule: "15:00"}
    steps:
      - {id: w, wait: 1d}
      - {id: told, emit: Daily Told}
"""
REACTS = """
  - journey_id: reacts
    entry: {event: Asked}
    reentry: always
    steps:
      - {id: told, emit: Answered}
"""
MOVED = """
  - journey_id: long
    entry: {event: Product Viewed}
    on_edit: move
    steps:
      - {id: w, wait: %s}
"""


def turns(work: Flow[Any], between: Callable[[int], bool]) -> list[bool]:
    """Drive ``work`` to its end, and ask something at each of its turns, which are counted from 1."""
    told: list[bool] = []
    try:
        future = next(work)
        while True:
            told.append(between(len(told) + 1))
            future = work.send(future.result())
    except StopIteration:
        return told


def answered_in(engine: Engine, work: Flow[Any]) -> list[bool]:
    """Whether what somebody asks at the second turn is answered by then, turn by turn."""

    def between(turn: int) -> bool:
        if turn == 2:
            asked = {"type": "track", "userId": "u1", "event": "Asked", "properties": {}}
            run(engine.core.ingest_raw([asked]))
        logged = engine.core._store.events_of(user_ids=["u1"])
        return any(each.event.name == "Answered" for each in logged)

    return turns(work, between)


def edited(engine: Engine, document: str) -> None:
    """Journeys are put, and nothing else is done yet."""
    run(engine.core.programme.journeys.put(document))


def crowd(engine: Engine, clock: SettableClock, pages: int) -> None:
    """So many pages of people, each of whom looked at something, and the state of each stored."""
    people = [f"u{number}" for number in range(pages * PEOPLE_A_PAGE)]
    engine.send(
        [
            {
                "type": "track",
                "userId": user,
                "event": "Product Viewed",
                "properties": {"product_id": "fish-1"},
            }
            for user in people
        ]
    )
    later(engine, clock, 2)


# -- what cannot be kept -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("properties", {"properties": {"deep": [{"x": 2**70}]}}),
        ("properties", {"properties": {"x": "\ud800"}}),
        ("key", {"key": "\ud800"}),
        ("request_id", {"request_id": "\ud800"}),
    ],
)
def test_what_could_not_be_kept_is_refused_before_it_stands_in_anybodys_way(
    engine: Engine, field: str, given: dict[str, Any]
) -> None:
    put(engine, API)
    consenting(engine, "u1", "u2")
    with pytest.raises(InvalidInput, match=f"^{field}: cannot be kept") as refused:
        engine.enter_journey("api", "u1", **given)
    assert refused.value.field == field
    assert engine.enter_journey("api", "u2").status == "active"
    assert not standing(engine, "user:u1")


def test_who_is_told_that_it_failed_does_not_begin_later(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, API + BASKET.removeprefix("\njourneys:\n"))
    consenting(engine, "u1", "u2")
    engine.track("u2", "Checkout Started", {"order_id": "A", "value": 30})

    def full(_: object) -> Future[Committed]:
        refused: Future[Committed] = Future()
        refused.set_exception(StoreError("the disk is full"))
        return refused

    with monkeypatch.context() as patched:
        patched.setattr(engine.core.programme.orchestrating._store, "commit", full)
        with pytest.raises(StoreError, match="full"):
            run(engine.core.programme.enter("api", "user:u1"))
    engine.tick()
    assert not standing(engine, "user:u1")
    # What the log has is not lost by it.
    assert [each.key for each in standing(engine, "user:u2")] == ["A"]
    assert engine.enter_journey("api", "u1").status == "active"


def test_whoever_began_is_told_so_though_something_else_failed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, API)
    consenting(engine, "u1")
    orchestrating = engine.core.programme.orchestrating

    def broken() -> Flow[int]:
        raise RuntimeError("broken")

    with monkeypatch.context() as patched:
        patched.setattr(orchestrating, "_take_timers", broken)
        assert run(engine.core.programme.enter("api", "user:u1")).status == "active"


def test_who_gives_up_waiting_for_an_answer_breaks_no_round(engine: Engine) -> None:
    put(engine, API)
    consenting(engine, "u1", "u2")
    entering = [engine.core.programme.enter("api", f"user:{user}") for user in ("u1", "u2")]
    engine.core.programme.orchestrating._working = True
    answers = [next(each) for each in entering]
    engine.core.programme.orchestrating._working = False
    assert not answers[0].cancel()
    engine.tick()
    for user in ("u1", "u2"):
        assert [each.status for each in standing(engine, f"user:{user}")] == ["active"]


# -- one part of the tick, one person of a page ------------------------------------------------------------


@pytest.mark.parametrize("part", ["programme", "delivery"])
def test_a_part_that_fails_keeps_no_other_from_its_turn(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    put(engine, "journeys:" + REACTS)
    engine.tick()
    clock.advance(seconds=2)
    engine.track("u1", "Asked")
    done: list[str] = []

    def broken() -> Flow[int]:
        raise RuntimeError(f"{part} is broken")

    def noted(name: str) -> Any:
        def work() -> Flow[int]:
            done.append(name)
            yield from ()
            return 0

        return work

    core = engine.core
    others = {
        "programme": core.programme,
        "delivery": core.delivery,
        "learning": core._state.learning,
    }
    with monkeypatch.context() as patched:
        for name, holder in others.items():
            work = broken if name == part else noted(name)
            method = "tick" if name == "learning" else "work"
            replaced = work if method == "work" else lambda _sequence, work=work: work()
            patched.setattr(holder, method, replaced)
        with pytest.raises(RuntimeError, match=f"{part} is broken"):
            engine.tick()
    assert set(others) - {part} <= set(done)
    # It is raised once, and not kept for another tick.
    engine.tick()


def test_one_persons_fault_stops_no_schedule(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, "journeys:" + DAILY)
    view(engine, "u1", "fish-1")
    view(engine, "u2", "fish-1")
    engine.tick()
    later(engine, clock, 2)
    entering = engine.core.programme.entering
    whole = entering.on_occasion

    def on_occasion(round_: Any, journey: Any, entry: Any, person: str, occurrence: Any) -> bool:
        if person == "user:u1":
            raise RuntimeError("broken")
        return whole(round_, journey, entry, person, occurrence)

    with monkeypatch.context() as patched:
        patched.setattr(entering, "on_occasion", on_occasion)
        later(engine, clock, HOUR_S)
    assert not standing(engine, "user:u1")
    assert [each.journey_id for each in standing(engine, "user:u2")] == ["daily"]


# -- something long ----------------------------------------------------------------------------------------


def test_a_schedule_for_everybody_holds_no_reaction_up(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, "journeys:" + DAILY + REACTS)
    engine.tick()
    crowd(engine, clock, 3)
    clock.advance(seconds=HOUR_S)
    answered = answered_in(engine, engine.core.tick())
    assert answered.index(True) < len(answered) / 2
    assert len(engine.core._store.instances_at("daily", limit=10_000)) == 3 * PEOPLE_A_PAGE


def test_a_wave_of_timers_holds_no_reaction_up(engine: Engine, clock: SettableClock) -> None:
    put(engine, "journeys:" + DAILY + REACTS)
    engine.tick()
    crowd(engine, clock, 2)
    later(engine, clock, HOUR_S)
    clock.advance(seconds=DAY_S)
    answered = answered_in(engine, engine.core.tick())
    assert answered.index(True) < len(answered) / 2
    assert engine.journey("daily").statuses == {"completed": 2 * PEOPLE_A_PAGE}


def test_those_who_are_moved_along_hold_no_reaction_up(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, "journeys:" + MOVED % "1d" + REACTS)
    engine.tick()
    crowd(engine, clock, 5)
    edited(engine, "journeys:" + MOVED % "2d" + REACTS)
    answered = answered_in(engine, engine.core.tick())
    assert answered.index(True) < len(answered) - 3
    moved = engine.core._store.instances_at("long", limit=10_000)
    assert {each.version for each in moved} == {2}


def test_an_edit_while_people_are_moved_moves_them_again(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, "journeys:" + MOVED % "1d")
    engine.tick()
    crowd(engine, clock, 2)
    edited(engine, "journeys:" + MOVED % "2d")

    def between(turn: int) -> bool:
        if turn == 1:
            edited(engine, "journeys:" + MOVED % "3d")
        return True

    assert turns(engine.core.programme.work(), between)
    moved = engine.core._store.instances_at("long", limit=10_000)
    assert {each.version for each in moved} == {3}


def test_a_round_while_an_edit_is_written_does_not_take_everybody_for_moved(
    engine: Engine, clock: SettableClock
) -> None:
    edited(engine, "journeys:" + MOVED % "1d")
    view(engine, "u1", "fish-1")
    engine.tick()
    putting = engine.core.programme.journeys.put("journeys:" + MOVED % "2d")

    def between(_: int) -> bool:
        run(engine.core.programme.work())
        return True

    assert turns(putting, between)
    engine.tick()
    assert [each.version for each in standing(engine, "user:u1")] == [2]


def test_a_clock_that_is_ahead_for_a_moment_drops_nothing(
    engine: Engine, clock: SettableClock
) -> None:
    engine.tick()
    (decided,) = engine.decide("u1", placements=["hero"]).decisions
    right = clock.now_us()
    clock.set(right + 120 * DAY_S * 1_000_000)
    engine.tick()
    clock.set(right)
    engine.tick()
    assert engine.decision(decided.decision_id).decision_id == decided.decision_id
    # States are written as before, and what is really past its time is dropped.
    engine.track("u1", "Product Viewed", {"product_id": "fish-1"})
    later(engine, clock, 2)
    assert engine.core._store.individual("user:u1") is not None
    clock.advance(seconds=120 * DAY_S)
    for _ in range(2):
        engine.tick()
    with pytest.raises(NotFound):
        engine.decision(decided.decision_id)
