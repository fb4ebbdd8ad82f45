"""Stages over time and journeys' effects, asked of a whole engine on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.journey import Instance
from eachwise.contracts.ports import Commit
from eachwise.contracts.relations import JourneyEffect
from eachwise.maths.times import iso
from eachwise.settings import parse_settings
from tests.flow.shop import furnish

# A midnight of UTC.
START_US = 1_789_948_800_000_000
DAY_S = 86_400
DAY_US = DAY_S * 1_000_000
SETTINGS = {"store": {"synchronous": "OFF", "checkpoint_interval_s": 3600.0}}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_US)


@pytest.fixture(params=["memory", "sqlite"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock
) -> Iterator[Engine]:
    path = tmp_path / "store" if request.param == "sqlite" else None
    with Engine.open(path, settings=parse_settings(SETTINGS), clock=clock) as opened:
        furnish(opened)
        yield opened


def days(clock: SettableClock, count: float) -> None:
    clock.advance(seconds=count * DAY_S)


def buy(engine: Engine, user: str, order_id: str, total: float = 40.0) -> None:
    order = {"order_id": order_id, "total": total, "products": []}
    assert engine.track(user, "Order Completed", order).accepted == 1


# -- stages ------------------------------------------------------------------------------------------------


def test_one_persons_stages(engine: Engine, clock: SettableClock) -> None:
    days(clock, 0.5)
    engine.track(None, "Product Viewed", {"product_id": "beef-1"}, anonymousId="a1")
    days(clock, 1.0)
    # The same person, it turns out: the visit of the day before is theirs.
    engine.identify("u1", {}, anonymousId="a1")
    days(clock, 2.0)
    buy(engine, "u1", "o1")
    days(clock, 100.0)
    found = engine.stages_of("u1")
    assert (found.individual_id, found.stage, found.lapsed, found.events) == (
        "user:u1",
        "customer",
        True,
        3,
    )
    assert [(each.before, each.stage, each.lapsed) for each in found.moves] == [
        ("", "new", False),
        ("new", "known", False),
        ("known", "customer", False),
        ("customer", "customer", True),
    ]
    assert found.since == found.moves[2].at == iso(START_US + round(3.5 * DAY_US))
    # 90 days and more without activity, from the midnight on.
    assert found.moves[3].at == iso(START_US + 94 * DAY_US)
    assert found.words[0].endswith("first seen, new")
    assert found.words[3].endswith("lapsed, still customer")
    profile = engine.individual("u1")
    assert (profile.stage, profile.lapsed) == (found.stage, found.lapsed)


def test_nobody_has_no_stages(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no individual 'u9'"):
        engine.stages_of("u9")


def test_everybodys_stages(engine: Engine, clock: SettableClock) -> None:
    """Ten are new in the first week; six become known in the second, three of these customers in the third."""
    days(clock, 1.25)
    for number in range(10):
        engine.track(None, "Product Viewed", {"product_id": "beef-1"}, anonymousId=f"a{number}")
    days(clock, 7.0)
    for number in range(6):
        engine.identify(f"u{number}", {}, anonymousId=f"a{number}")
    days(clock, 7.0)
    for number in range(3):
        buy(engine, f"u{number}", f"o{number}")
    days(clock, 7.0)
    found = engine.stages(since=iso(START_US), period="week")
    assert (found.since, found.until) == (iso(START_US), iso(START_US + 21 * DAY_US))
    assert (found.people, found.read, found.period_days) == (10, 10, 7)
    told = {
        (each.before, each.after): (each.count, each.of, each.people) for each in found.transitions
    }
    assert told == {
        ("new", "new"): (8, 14, 4),
        ("new", "known"): (6, 14, 6),
        ("known", "known"): (3, 6, 3),
        ("known", "customer"): (3, 6, 3),
    }
    first, second, third = found.periods
    assert sum(first.stood.values()) == 0
    assert first.came["new"] == 10
    assert (second.stood["new"], third.stood["known"], found.stood["customer"]) == (10, 6, 3)
    assert {each.stage: (each.people, each.rose) for each in found.rungs} == {
        "new": (10, 6),
        "known": (6, 3),
        "customer": (3, 0),
    }
    assert found.rungs[0].median_days == pytest.approx(7.0, abs=0.01)
    assert any(line.startswith("new → known in 7 days: 42.9%") for line in found.words)
    # Without a beginning: the last twelve periods before the last midnight.
    assert len(engine.stages(period="day").periods) == 12
    day = engine.stages(since=iso(START_US), until=iso(START_US + 2 * DAY_US), period="day")
    assert [sum(each.came.values()) for each in day.periods] == [0, 10]


def test_of_more_people_a_fixed_sample_is_read(clock: SettableClock) -> None:
    few = parse_settings({**SETTINGS, "relations": {"people_max": 7}})
    with Engine.open(settings=few, clock=clock) as engine:
        for number in range(40):
            engine.track(f"u{number}", "Product Viewed", {"product_id": "beef-1"})
        days(clock, 1.0)
        found = engine.stages(since=iso(START_US), period="day")
        assert (found.people, found.read, sum(found.stood.values())) == (40, 7, 7)
        assert "a fixed sample" in found.words[0]
        assert engine.stages(since=iso(START_US), period="day") == found


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"period": "month"}, "period"),
        ({"since": "soon"}, "since"),
        ({"until": "soon"}, "until"),
        ({"since": "2026-09-21"}, "since"),
        ({"since": "2020-01-01", "period": "day"}, "since"),
    ],
)
def test_what_cannot_be_asked(engine: Engine, asked: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        engine.stages(**asked)
    assert caught.value.field == field


# -- journeys ----------------------------------------------------------------------------------------------


def journey(holdout: float = 0.4, **more: Any) -> dict[str, Any]:
    """Whoever signs up waits for a day; the goal is an order within a week."""
    return {
        "journeys": [
            {
                "journey_id": "welcome",
                "goal": {"event": "Order Completed", "within": "7d"},
                "entry": {"event": "Signed Up"},
                "holdout": holdout,
                "steps": [{"id": "rest", "wait": "1d"}],
                **more,
            }
        ]
    }


def enter(engine: Engine, clock: SettableClock, users: list[str]) -> dict[str, str]:
    """They sign up; user → arm."""
    for user in users:
        clock.advance(seconds=1)
        engine.track(user, "Signed Up", {})
    clock.advance(seconds=1)
    engine.tick()
    return {user: engine.journeys_of(f"user:{user}")[0].arm for user in users}


def respond(
    engine: Engine, clock: SettableClock, arms: dict[str, str], treated: float, held_out: float
) -> None:
    """A day later some of them buy, by arm, for 40 each."""
    generator = np.random.default_rng(3)
    days(clock, 1.0)
    for user, arm in arms.items():
        if generator.random() < (held_out if arm == "holdout" else treated):
            buy(engine, user, f"o-{user}")


def people(count: int, first: int = 0) -> list[str]:
    return [f"u{number}" for number in range(first, first + count)]


def test_a_true_effect_is_found(engine: Engine, clock: SettableClock) -> None:
    engine.put_journeys(journey())
    arms = enter(engine, clock, people(300))
    respond(engine, clock, arms, 0.8, 0.2)
    early = engine.journey_effect("welcome")
    assert early.total.left_out == {"the goal's time is not over": 300}
    assert early.total.verdict == "refused"
    days(clock, 7.0)
    found = engine.journey_effect("welcome")
    total = found.total
    assert (found.people, found.read, total.left_out) == (300, 300, {})
    held = sum(arm == "holdout" for arm in arms.values())
    assert (total.treated.people, total.holdout.people) == (300 - held, held)
    assert total.ratio is not None
    assert not total.ratio.suspect
    assert total.verdict == "better"
    assert total.goal is not None
    assert total.goal.anytime.low < 0.6 < total.goal.anytime.high
    assert total.money is not None
    assert total.money.difference.mean == pytest.approx(40.0 * total.goal.difference.mean)
    assert total.treated.reached == total.treated.orders
    # Who buys rises from known to customer.
    assert total.rose is not None
    assert total.rose.difference.mean == pytest.approx(total.goal.difference.mean)
    assert {(each.before, each.after) for each in total.treated.transitions} == {
        ("known", "known"),
        ("known", "customer"),
    }
    assert [each.version for each in found.versions] == [1]
    assert found.versions[0].goal == total.goal
    assert any("the journey helps" in line for line in total.words)


def test_both_arms_are_counted_from_the_log_alike(engine: Engine, clock: SettableClock) -> None:
    """Orders before the entry and after the goal's time count in neither arm; disconnects do in both."""
    engine.put_journeys(journey(0.5))
    for user in people(80):
        buy(engine, user, f"before-{user}")
    arms = enter(engine, clock, people(80))
    days(clock, 1.0)
    by_arm: dict[str, list[str]] = {"treated": [], "holdout": []}
    for user, arm in arms.items():
        by_arm[arm].append(user)
    for users in by_arm.values():
        engine.track(users[0], "Email Unsubscribed", {})
        engine.track(users[1], "Experience Hidden", {"experience_id": "beef-offer"})
        engine.track(users[1], "Email Marked as Spam", {})
        buy(engine, users[2], f"in-{users[2]}")
        engine.track(users[2], "Order Refunded", {"order_id": f"in-{users[2]}", "total": 10.0})
    days(clock, 7.0)
    for users in by_arm.values():
        buy(engine, users[3], f"late-{users[3]}")
    total = engine.journey_effect("welcome").total
    for side in (total.treated, total.holdout):
        assert (side.reached, side.orders, side.rose, side.disconnected) == (1, 1, 1, 2)
        assert side.disconnects == {"complained": 1, "hid": 1, "unsubscribed": 1}
        assert side.money is not None
        assert side.money.mean == pytest.approx(30.0 / side.people)
    assert total.verdict == "undecided"
    # One buyer an arm: the spread of money is not known.
    assert total.money is None


def test_the_first_entry_counts_and_versions_are_told_apart(
    engine: Engine, clock: SettableClock
) -> None:
    engine.put_journeys(journey(0.5, reentry="always"))
    enter(engine, clock, people(70))
    days(clock, 3.0)
    engine.put_journeys(journey(0.0, reentry="always", title="Again"))
    enter(engine, clock, people(70))
    enter(engine, clock, people(40, first=70))
    days(clock, 8.0)
    found = engine.journey_effect("welcome")
    assert found.people == 110
    one, two = found.versions
    assert one.treated.people + one.holdout.people == 70
    # The hash is the same: at 0 % nobody is held out any more, and who was counts as held out all the same.
    assert min(one.treated.people, one.holdout.people) >= 20
    assert one.treated.instances == 2 * one.treated.people
    assert one.crossed == one.holdout.people
    assert one.ratio is not None
    assert not one.ratio.suspect
    assert (two.treated.people, two.holdout.people) == (40, 0)
    assert two.verdict == "refused"
    assert "it is withheld from nobody, so there is nothing to compare it with" in two.words[-1]
    assert two.treated.reached_share is not None
    # Together: of the second version nobody can be compared.
    assert found.total.treated.people == one.treated.people
    assert found.total.left_out == {"their version is withheld from nobody": 40}
    compared = found.total.treated.people + found.total.holdout.people
    assert compared + sum(found.total.left_out.values()) == found.read


def test_two_who_are_one_count_where_they_first_were(engine: Engine, clock: SettableClock) -> None:
    engine.put_journeys(journey(0.5))
    arms: dict[str, str] = {}
    for number in range(80):
        clock.advance(seconds=1)
        engine.track(None, "Signed Up", {}, anonymousId=f"a{number}")
    engine.tick()
    for number in range(80):
        (view,) = engine.journeys_of(f"anon:a{number}")
        arms[f"a{number}"] = view.arm
    treated = next(each for each, arm in arms.items() if arm == "treated")
    held_out = next(each for each, arm in arms.items() if arm == "holdout")
    for anonymous in (treated, held_out):
        engine.identify("u1", {}, anonymousId=anonymous)
    engine.tick()
    days(clock, 8.0)
    found = engine.journey_effect("welcome")
    assert found.people == 79
    total = found.total
    assert total.crossed == 1
    first_held_out = int(held_out[1:]) < int(treated[1:])
    held = sum(arm == "holdout" for arm in arms.values())
    assert total.holdout.people == held - (not first_held_out)
    assert total.treated.people + total.holdout.people == found.read == 79


def test_a_goals_rule_reads_the_event_and_the_person(engine: Engine, clock: SettableClock) -> None:
    goal = {"event": "Order Completed", "within": "7d", "when": "event.total >= 50 and trait.vip"}
    engine.put_journeys(journey(0.5, goal=goal))
    for user in people(6):
        engine.identify(user, {"vip": user != "u3"})
    enter(engine, clock, people(6))
    days(clock, 1.0)
    for number in range(5):
        buy(engine, f"u{number}", f"o{number}", total=60.0 if number else 10.0)
    days(clock, 8.0)
    total = engine.journey_effect("welcome").total
    # u0's order is too small, u3 is no VIP, u5 bought nothing.
    assert total.treated.reached + total.holdout.reached == 3


def test_a_stage_is_reached_by_rising_to_it_or_beyond(engine: Engine, clock: SettableClock) -> None:
    engine.put_journeys(journey(0.5, goal={"stage": "customer", "within": "7d"}))
    buy(engine, "u0", "o-0")
    enter(engine, clock, people(4))
    days(clock, 1.0)
    buy(engine, "u0", "o-1")  # a customer already: a rise beyond it
    buy(engine, "u1", "o-2")
    total = _after(engine, clock)
    assert total.treated.reached + total.holdout.reached == 2


def _after(engine: Engine, clock: SettableClock) -> Any:
    days(clock, 8.0)
    return engine.journey_effect("welcome").total


def test_an_uneven_loss_of_people_is_told_instead_of_a_difference(
    engine: Engine, clock: SettableClock
) -> None:
    engine.put_journeys(journey(0.5))
    enter(engine, clock, people(200))
    # Somebody deleted most of the holdout.
    store = engine.core._store
    gone: dict[str, Instance | None] = {}
    for number, each in enumerate(store.instances_at("welcome", status="holdout", limit=1000)):
        if number % 3:
            gone[each.instance_id] = None
    store.commit(Commit(instances=gone)).result()
    days(clock, 8.0)
    total = engine.journey_effect("welcome").total
    assert total.ratio is not None
    assert total.ratio.suspect
    assert total.goal is None
    assert total.verdict == "refused"
    assert "people were lost unevenly" in total.words[-1]


def test_what_the_journey_itself_logs_is_no_goal(engine: Engine, clock: SettableClock) -> None:
    steps = [
        {"id": "say", "emit": {"event": "Order Completed", "properties": {"order_id": "x"}}},
        {"id": "rest", "wait": "1d"},
    ]
    engine.put_journeys(journey(0.5, steps=steps))
    arms = enter(engine, clock, people(20))
    assert {"treated", "holdout"} == set(arms.values())
    for _ in range(5):
        clock.advance(seconds=1)
        engine.tick()
    days(clock, 8.0)
    treated = next(user for user, arm in arms.items() if arm == "treated")
    assert engine.individual(treated).orders.count == 1
    total = engine.journey_effect("welcome").total
    assert (total.treated.reached, total.treated.orders, total.treated.rose) == (0, 0, 0)


def test_an_unknown_journey(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no journey 'welcome'"):
        engine.journey_effect("welcome")


def test_nobody_entered(engine: Engine) -> None:
    engine.put_journeys(journey())
    found = engine.journey_effect("welcome")
    assert isinstance(found, JourneyEffect)
    assert (found.people, found.total.verdict, found.total.ratio) == (0, "refused", None)
