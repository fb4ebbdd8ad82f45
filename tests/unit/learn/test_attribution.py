"""What has come back for a decision, and who may answer it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.events import Action
from eachwise.contracts.individual import Contact
from eachwise.learn import Answer, Returned, answer_in, concerns, credited
from eachwise.settings import LearnSettings

SECOND = 1_000_000
WINDOW_S = 600
SETTINGS = LearnSettings(
    answer_window_s=600, harm_window_s=3600, purchase_window_s=5000, refund_window_s=9000
)


def answered(*returned: tuple[Action, float]) -> Answer | None:
    """What attribution makes of outcomes at their times in seconds."""
    return answer_in(
        [Returned(action, int(at_s * SECOND)) for action, at_s in returned], WINDOW_S, SETTINGS
    )


def learnt(*returned: tuple[Action, float]) -> set[str]:
    """The outcomes of what must have been seen."""
    found = answered(*returned)
    assert found is not None
    return set(found.outcomes)


def test_nothing_is_known_of_what_nobody_saw() -> None:
    assert answered() is None
    assert answered((Action.PURCHASE, 5), (Action.PAGE, 6)) is None


def test_what_is_seen_is_no_click_until_there_is_one() -> None:
    assert answered((Action.EXPOSE, 5)) == Answer(605 * SECOND, frozenset())
    assert learnt((Action.EXPOSE, 5), (Action.CLICK, 12)) == {"takeup"}


def test_an_answer_proves_the_exposure() -> None:
    assert answered((Action.CLICK, 12)) == Answer(612 * SECOND, frozenset({"takeup"}))
    for turned_down in (Action.DISMISS, Action.BOUNCE):
        assert answered((turned_down, 7)) == Answer(607 * SECOND, frozenset({"dismiss"}))
    assert learnt((Action.EXPOSE, 5), (Action.CLICK, 9), (Action.BOUNCE, 12)) == {
        "takeup",
        "dismiss",
    }


def test_the_window_is_closed_at_its_end() -> None:
    assert learnt((Action.EXPOSE, 5), (Action.CLICK, 605)) == {"takeup"}
    assert learnt((Action.EXPOSE, 5), (Action.CLICK, 605.001)) == set()


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (Action.HIDE, "hide"),
        (Action.UNSUBSCRIBE, "unsubscribe"),
        (Action.COMPLAIN, "unsubscribe"),
    ],
)
def test_what_runs_against_the_person_counts_for_longer(action: Action, outcome: str) -> None:
    assert learnt((Action.EXPOSE, 5), (action, 9)) == {outcome}
    assert learnt((action, 9)) == {outcome}
    assert learnt((Action.CLICK, 6), (action, 9)) == {"takeup", outcome}
    assert learnt((Action.EXPOSE, 5), (action, 3605)) == {outcome}
    assert learnt((Action.EXPOSE, 5), (action, 3606)) == set()


def test_an_order_counts_after_a_click_and_within_its_window() -> None:
    assert learnt((Action.EXPOSE, 5), (Action.PURCHASE, 9)) == set()
    assert learnt((Action.CLICK, 6), (Action.PURCHASE, 5006)) == {"takeup", "purchase"}
    assert learnt((Action.CLICK, 6), (Action.PURCHASE, 5007)) == {"takeup"}
    assert learnt((Action.CLICK, 6), (Action.PURCHASE, 5)) == {"takeup"}


def test_an_order_is_learnt_as_it_was_credited_by_its_newest_click() -> None:
    for again_at_s in (500, 4000):
        clicks = [(Action.CLICK, 6), (Action.CLICK, again_at_s)]
        contacts = [contact(at_s, action, "d1") for action, at_s in clicks]
        order_at_s = 5000 + again_at_s
        assert credited(Action.PURCHASE, order_at_s * SECOND, "", contacts, SETTINGS) == "d1"
        assert learnt(*clicks, (Action.PURCHASE, order_at_s)) == {"takeup", "purchase"}
        assert learnt(*clicks, (Action.PURCHASE, order_at_s + 1)) == {"takeup"}
    late = (Action.EXPOSE, 0), (Action.CLICK, 700), (Action.PURCHASE, 800)
    assert learnt(*late) == set()


def returned_orders(*refunds: Returned) -> bool:
    """Whether an order of 40 an hour after a click still counts as a purchase."""
    order = Returned(Action.PURCHASE, 3600 * SECOND, "o1", 40.0)
    found = answer_in([Returned(Action.CLICK, 0), order, *refunds], WINDOW_S, SETTINGS)
    return found is not None and "purchase" in found.outcomes


def test_an_order_given_back_is_no_purchase() -> None:
    at_us = 4000 * SECOND
    assert returned_orders()
    assert not returned_orders(Returned(Action.REFUND, at_us, "o1", 40.0))
    assert not returned_orders(Returned(Action.REFUND, at_us, "o1"))
    assert returned_orders(Returned(Action.REFUND, at_us, "o1", 10.0))
    twice = Returned(Action.REFUND, at_us + 1, "o1", 10.0)
    assert not returned_orders(Returned(Action.REFUND, at_us, "o1", 10.0), twice)
    assert returned_orders(Returned(Action.REFUND, at_us, "another", 40.0))
    assert returned_orders(Returned(Action.REFUND, (3600 + 9001) * SECOND, "o1", 40.0))


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


def contact(at_s: int, action: Action, decision_id: str, experience_id: str = "x") -> Contact:
    """A contact of the person's."""
    return Contact(at_s * SECOND, 0, action.value, experience_id, "hero", "web", decision_id)


def test_an_answer_that_names_no_decision_goes_to_the_newest_exposure_that_fits() -> None:
    contacts = [
        contact(0, Action.EXPOSE, "d1"),
        contact(100, Action.EXPOSE, "d2"),
        contact(200, Action.EXPOSE, "d3", "other"),
        contact(300, Action.EXPOSE, ""),
    ]

    def to(action: Action, at_s: int, experience_id: str = "x") -> str:
        return credited(action, at_s * SECOND, experience_id, contacts, SETTINGS)

    assert to(Action.CLICK, 400) == "d2"
    assert to(Action.HIDE, 400) == "d2"
    assert to(Action.CLICK, 50) == "d1"
    assert to(Action.CLICK, 700) == "d2"
    assert to(Action.CLICK, 701) == ""
    assert to(Action.CLICK, 400, "") == ""
    assert to(Action.CLICK, 400, "other") == "d3"
    assert to(Action.VIEW, 400) == ""
    assert to(Action.PURCHASE, 400, "") == ""


def test_an_order_goes_to_the_newest_click() -> None:
    contacts = [
        contact(0, Action.CLICK, "d1"),
        contact(100, Action.CLICK, "d2", "other"),
        contact(200, Action.EXPOSE, "d3"),
    ]
    assert credited(Action.PURCHASE, 400 * SECOND, "", contacts, SETTINGS) == "d2"
    assert credited(Action.PURCHASE, 5100 * SECOND, "", contacts, SETTINGS) == "d2"
    assert credited(Action.PURCHASE, 5101 * SECOND, "", contacts, SETTINGS) == ""
