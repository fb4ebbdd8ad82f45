"""What has come back for a decision, and who may answer it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.events import Action
from eachwise.learn import Answer, Outcome, answer_in, concerns

SECOND = 1_000_000
WINDOW_S = 600


def answered(*outcomes: tuple[Action, float]) -> Answer | None:
    """What attribution makes of outcomes at their times in seconds."""
    return answer_in([Outcome(action, int(at_s * SECOND)) for action, at_s in outcomes], WINDOW_S)


def learnt(*outcomes: tuple[Action, float]) -> tuple[bool, bool]:
    """(clicked, disconnected) of what must have been seen."""
    found = answered(*outcomes)
    assert found is not None
    return found.clicked, found.disconnected


def test_nothing_is_known_of_what_nobody_saw() -> None:
    assert answered() is None
    assert answered((Action.PURCHASE, 5), (Action.PAGE, 6)) is None


def test_what_is_seen_is_no_click_until_there_is_one() -> None:
    assert answered((Action.EXPOSE, 5)) == Answer(605 * SECOND, False, False)
    assert learnt((Action.EXPOSE, 5), (Action.CLICK, 12)) == (True, False)


def test_an_answer_proves_the_exposure() -> None:
    assert answered((Action.CLICK, 12)) == Answer(612 * SECOND, True, False)
    assert answered((Action.DISMISS, 7)) == Answer(607 * SECOND, False, False)


def test_the_window_is_closed_at_its_end() -> None:
    assert learnt((Action.EXPOSE, 5), (Action.CLICK, 605)) == (True, False)
    assert learnt((Action.EXPOSE, 5), (Action.CLICK, 605.001)) == (False, False)


@pytest.mark.parametrize("action", [Action.HIDE, Action.UNSUBSCRIBE, Action.COMPLAIN])
def test_what_runs_against_the_person_is_a_disconnect(action: Action) -> None:
    assert learnt((Action.EXPOSE, 5), (action, 9)) == (False, True)
    assert learnt((action, 9)) == (False, True)
    assert learnt((Action.CLICK, 6), (action, 9)) == (True, True)


@given(st.lists(st.tuples(st.sampled_from(list(Action)), st.integers(0, 900)), max_size=4))
def test_the_order_of_arrival_does_not_matter(outcomes: list[tuple[Action, float]]) -> None:
    answers = {answered(*order) for order in itertools.permutations(outcomes)}
    assert len(answers) == 1


def test_only_the_person_it_was_made_for_may_answer() -> None:
    people = ["user:7", "anon:phone"]
    assert concerns(people, "7", None)
    assert concerns(people, None, "phone")
    assert concerns(people, "8", "phone")
    assert not concerns(people, "8", None)
    assert not concerns(people, "phone", "7")
    assert not concerns(people, None, None)
