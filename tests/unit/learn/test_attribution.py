"""When an outcome is settled, and as what."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.decision import DecisionRecord, Inputs
from eachwise.contracts.events import Action
from eachwise.contracts.learning import Exposure
from eachwise.learn import Outcome, Unsettled, attribute

SECOND = 1_000_000
WINDOW_S, RESERVE_S = 600, 60


def record(experience_id: str = "steak-week") -> DecisionRecord:
    """A decision at time 0."""
    inputs = Inputs(
        state=b"",
        reservations=[],
        context={},
        count=None,
        placement_id="hero",
        now_us=0,
        catalog_version=1,
        definitions_version=1,
        models={},
        policy="thompson",
        seed=1,
    )
    return DecisionRecord(
        decision_id="d1",
        individual_id="p1",
        request_id=None,
        inputs=inputs,
        experience_id=experience_id,
        probability=0.25,
        items=[],
        candidates=3,
        leading=[],
        filters={},
        filtered=[],
        features={"bias": 1.0},
        reasons=[],
    )


def settled(now_s: float, *outcomes: tuple[Action, float]) -> Exposure | Unsettled:
    """What attribution says at a time, of outcomes at their times; seconds."""
    return attribute(
        record(),
        [Outcome(action, int(at_s * SECOND)) for action, at_s in outcomes],
        outcome_window_s=WINDOW_S,
        reserve_s=RESERVE_S,
        now_us=int(now_s * SECOND),
    )


def learnt(now_s: float, *outcomes: tuple[Action, float]) -> tuple[bool, bool, int]:
    """(clicked, disconnected, settled at seconds) of an exposure that must be settled."""
    found = settled(now_s, *outcomes)
    assert isinstance(found, Exposure)
    return found.clicked, found.disconnected, found.settled_at_us // SECOND


def test_unseen_waits_and_is_then_dropped() -> None:
    assert settled(RESERVE_S) is Unsettled.PENDING
    assert settled(RESERVE_S + 0.001) is Unsettled.DROPPED


def test_seen_waits_for_the_window_and_is_then_no_click() -> None:
    assert settled(10, (Action.EXPOSE, 5)) is Unsettled.PENDING
    assert settled(605, (Action.EXPOSE, 5)) is Unsettled.PENDING
    assert learnt(605.001, (Action.EXPOSE, 5)) == (False, False, 605)


def test_a_click_settles_at_once_and_proves_the_exposure() -> None:
    assert learnt(20, (Action.EXPOSE, 5), (Action.CLICK, 12)) == (True, False, 12)
    assert learnt(20, (Action.CLICK, 12)) == (True, False, 12)


def test_the_window_is_closed_at_its_end() -> None:
    assert learnt(700, (Action.EXPOSE, 5), (Action.CLICK, 605)) == (True, False, 605)
    assert learnt(700, (Action.EXPOSE, 5), (Action.CLICK, 605.001)) == (False, False, 605)


@pytest.mark.parametrize("action", [Action.HIDE, Action.UNSUBSCRIBE, Action.COMPLAIN])
def test_what_runs_against_the_person_settles_at_once(action: Action) -> None:
    assert learnt(20, (Action.EXPOSE, 5), (action, 9)) == (False, True, 9)
    assert learnt(20, (action, 9)) == (False, True, 9)


def test_a_click_and_a_hide_both_count() -> None:
    assert learnt(20, (Action.CLICK, 6), (Action.HIDE, 9)) == (True, True, 6)


def test_a_dismiss_is_neither_but_proves_the_exposure() -> None:
    assert settled(100, (Action.DISMISS, 5)) is Unsettled.PENDING
    assert learnt(606, (Action.DISMISS, 5)) == (False, False, 605)


def test_other_events_prove_nothing() -> None:
    assert settled(100, (Action.PURCHASE, 5)) is Unsettled.DROPPED


def test_silence_is_not_learnt_from() -> None:
    found = attribute(
        record("silence"),
        [Outcome(Action.CLICK, 1)],
        outcome_window_s=WINDOW_S,
        reserve_s=RESERVE_S,
        now_us=2,
    )
    assert found is Unsettled.DROPPED


def test_what_the_record_says_is_passed_on() -> None:
    found = settled(20, (Action.CLICK, 12))
    assert isinstance(found, Exposure)
    assert (found.decision_id, found.experience_id, found.probability) == ("d1", "steak-week", 0.25)
    assert found.features == {"bias": 1.0}


@given(
    st.lists(st.tuples(st.sampled_from(list(Action)), st.integers(0, 900)), max_size=4),
    st.integers(0, 2000),
)
def test_the_order_of_arrival_does_not_matter(
    outcomes: list[tuple[Action, float]], now_s: int
) -> None:
    answers = [settled(now_s, *order) for order in itertools.permutations(outcomes)]
    assert all(answer == answers[0] for answer in answers)


@given(st.lists(st.tuples(st.sampled_from(list(Action)), st.integers(0, 900)), max_size=4))
def test_in_the_end_everything_is_settled_or_dropped(outcomes: list[tuple[Action, float]]) -> None:
    assert settled(2000, *outcomes) is not Unsettled.PENDING
