"""A life walked through by hand: stages at chosen moments, orders with what they are credited to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.decision import Candidate, DecisionRecord, Factors, Inputs
from eachwise.contracts.events import Event, LoggedEvent
from eachwise.contracts.individual import Individual
from eachwise.events import meaning_of, parse_event
from eachwise.flow.lives import life_of
from eachwise.flow.logged import came_back, worth
from eachwise.individual import engagement_score, fold, stage_of
from eachwise.learn import Answer
from eachwise.maths.times import iso
from eachwise.settings import parse_settings

DAY_US = 86_400_000_000
START_US = 1_790_000_000_000_000
SETTINGS = parse_settings({"lifetime": {"margin_share": 0.5}})


def event(day: float, name: str, **properties: Any) -> LoggedEvent:
    at_us = START_US + round(day * DAY_US)
    body = {
        "type": "track",
        "event": name,
        "userId": "u",
        "messageId": f"{name}-{day}",
        "timestamp": iso(at_us),
        "properties": properties,
    }
    parsed = parse_event(body, received_at_us=at_us, settings=SETTINGS, new_id=lambda: "m")
    assert isinstance(parsed, Event), parsed
    return LoggedEvent(0, parsed)


def ordered(day: float, order_id: str, total: float, **more: Any) -> LoggedEvent:
    return event(day, "Order Completed", order_id=order_id, total=total, products=[], **more)


LIFE = [
    event(0, "Product Viewed", product_id="a"),
    ordered(3, "o1", 40.0),
    ordered(15, "o2", 60.0, decision_id="d1"),
    event(16, "Order Refunded", order_id="o2", total=20.0),
    ordered(25, "o3", 10.0),
    event(26, "Order Refunded", order_id="o3"),
]


def at(day: float) -> int:
    return START_US + round(day * DAY_US)


def test_stages_and_margins_by_hand() -> None:
    life = life_of(LIFE, [at(12), at(2)], at(40), 10 * DAY_US, SETTINGS)
    assert life is not None
    assert life.timeline.stage_at(at(2)) == "known"
    assert life.timeline.stage_at(at(12)) == "customer"
    stages, earned = life.timeline.periods(at(40), 10 * DAY_US)
    assert stages == ["known", "customer", "repeat", "repeat", "repeat"]
    # Half of the money is margin; what was given back is not; the third order was given back whole.
    assert earned == pytest.approx([20.0, 20.0, 0.0, 0.0])
    assert life.earned_after(at(2), at(12), "d0") == pytest.approx(20.0)
    assert life.earned_after(at(12), at(22), "d0") == pytest.approx(20.0)
    assert life.earned_after(at(12), at(22), "d1") == 0.0
    assert life.earned_after(at(3), at(15), "d0") == pytest.approx(20.0)


def test_nobody_has_no_life() -> None:
    assert life_of([], [], at(40), DAY_US, SETTINGS) is None


@given(
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from(["view", "order", "page"])), min_size=1),
    st.lists(st.integers(0, 90), max_size=4),
)
def test_every_stage_is_that_of_the_events_up_to_then(
    did: list[tuple[int, str]], asked: list[int]
) -> None:
    logged = []
    for number, (day, what) in enumerate(sorted(did)):
        moment = day + number / 1000
        if what == "order":
            logged.append(ordered(moment, f"o{number}", 10.0))
        else:
            name = "Product Viewed" if what == "view" else "Something Else"
            logged.append(event(moment, name, product_id="a"))
    life = life_of(logged, [at(day) for day in asked], at(100), 30 * DAY_US, SETTINGS)
    assert life is not None
    for moment_us in (at(day) for day in asked):
        state = Individual()
        for entry in logged:
            if entry.event.occurred_at_us <= moment_us:
                meaning = meaning_of(entry.event, SETTINGS.events)
                fold(state, entry.event, meaning, lambda _: (), SETTINGS.affinity)
        if state.events:
            score = engagement_score(state, moment_us)
            wanted, _ = stage_of(state, moment_us, score, SETTINGS.stage)
            assert life.timeline.stage_at(moment_us) == wanted


@pytest.mark.parametrize(
    ("outcomes", "money", "taken"),
    [
        ((), -0.25, 0.0),
        (("takeup",), 4.75, 1.0),
        (("takeup", "purchase"), 11.75, 1.0),
        (("takeup", "hide"), 1.75, 1.0),
        (("hide", "unsubscribe"), -3.25, 0.0),
        (("dismiss",), -0.25, 0.0),
    ],
)
def test_what_a_decision_came_to(outcomes: tuple[str, ...], money: float, taken: float) -> None:
    factors = Factors(p_takeup=0.1, value=5.0, margin=7.0, kappa=3.0, cost=0.25, lever=9.0)
    made = record("offer", factors)
    answer = Answer(0, frozenset(outcomes))  # type: ignore[arg-type]
    assert worth(made, answer, "value") == pytest.approx(money)
    assert worth(made, answer, "takeup") == taken
    assert worth(made, None, "value") == 0.0
    # What the exposure cost is paid, and is no answer.
    assert came_back(answer, "value") == (money != -0.25)
    assert came_back(answer, "takeup") == bool(taken)
    assert not came_back(None, "value")
    assert worth(record("silence", Factors()), answer, "value") == 0.0


def record(experience_id: str, factors: Factors) -> DecisionRecord:
    return DecisionRecord(
        decision_id="d",
        individual_id="user:u",
        asked_as=["user:u"],
        request_id=None,
        inputs=Inputs(
            state=b"",
            reservations=[],
            context={},
            count=None,
            placement_id="hero",
            now_us=START_US,
            catalog_version=1,
            definitions_version=1,
            models={},
            policy="softmax",
            seed=1,
        ),
        experience_id=experience_id,
        probability=0.5,
        items=[],
        candidates=1,
        leading=[
            Candidate(experience_id=experience_id, priority=0.0, probability=0.5, factors=factors)
        ],
        filters={},
        filtered=[],
        features={},
        reasons=[],
    )
