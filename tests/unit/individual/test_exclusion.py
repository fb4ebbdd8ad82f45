"""What is no taste of this person's leaves none, and what happened happened."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise.contracts.events import Action, Event, Line, Meaning
from eachwise.contracts.individual import EXCLUSIONS_MAX, Exclusion, Individual
from eachwise.individual import fold
from eachwise.settings import AffinitySettings

SETTINGS = AffinitySettings()
AT_US = 1_790_000_000_000_000


def folded(state: Individual, meaning: Meaning, **event: Any) -> Individual:
    given: dict[str, Any] = {"message_id": "m1", "kind": "track", "occurred_at_us": AT_US}
    fold(
        state,
        Event(received_at_us=AT_US, **(given | event)),
        meaning,
        lambda item_id: (f"type={item_id}",),
        SETTINGS,
    )
    return state


def excluding(what: str, from_us: int = AT_US, until_us: int = AT_US) -> Individual:
    return Individual(excluded=[Exclusion(until_us, from_us, what)])


VIEW = Meaning(action=Action.VIEW, weight=1.0, lines=(Line("cod"),), decision_id="d1")


@pytest.mark.parametrize(
    ("what", "event"),
    [
        ("", {}),
        ("message:m1", {}),
        ("decision:d1", {}),
        ("item:cod", {}),
        ("source:anon:tv", {"anonymous_id": "tv"}),
        ("source:user:u", {"user_id": "u"}),
        ("source:device:tablet", {"context": {"device": {"id": "tablet"}}}),
        ("session:s", {"context": {"sessionId": "s"}}),
        ("session:s", {"context": {"session": {"id": "s"}}}),
        ("session:s", {"properties": {"session_id": "s"}}),
    ],
)
def test_an_excluded_event_leaves_no_taste(what: str, event: dict[str, Any]) -> None:
    state = folded(excluding(what), VIEW, **event)
    assert (state.affinity, state.recents) == ({}, [])
    assert (state.events, state.counts) == (1, {"view": 1})
    other = folded(excluding(what.replace("1", "2") + "x"), VIEW, **event)
    assert "type=cod" in other.affinity


def test_only_events_of_the_time_are_excluded_and_both_ends_belong_to_it() -> None:
    for from_us, until_us, left in ((1, -1, True), (0, 0, False), (-1, 1, False), (1, 2, True)):
        state = folded(excluding("", AT_US + from_us, AT_US + until_us), VIEW)
        assert bool(state.affinity) == left


def test_a_guests_word_is_not_this_persons() -> None:
    said = Meaning(action=Action.DECLARE, preferences={"diet=vegan": 1}, consent={"ads": True})
    state = folded(excluding(""), said, traits={"plan": "b"}, kind="identify")
    assert (state.declared, state.hidden) == ({}, {})
    assert state.consent["ads"].value is True
    assert state.traits["plan"].value == "b"
    hide = Meaning(action=Action.HIDE, lines=(Line("cod"),), experience_id="x")
    state = folded(excluding(""), hide)
    assert state.hidden == {}
    assert [contact.action for contact in state.contacts] == ["hide"]


def test_a_gift_is_bought_and_not_liked() -> None:
    order = Meaning(
        action=Action.PURCHASE,
        weight=1.0,
        lines=(Line("cod"), Line("nappies")),
        attributes=("category=baby",),
        order_id="o",
        amount=12.0,
        gifts=frozenset({"nappies"}),
    )
    state = folded(Individual(), order)
    assert set(state.affinity) == {"type=cod", ""}
    assert [recent.item_id for recent in state.recents] == ["cod"]
    assert [one.amount for one in state.orders.values()] == [12.0]


def test_the_newest_exclusions_are_kept_each_once() -> None:
    state = Individual()
    spans = tuple((n, n, "") for n in range(EXCLUSIONS_MAX + 5))
    for _ in range(2):
        folded(state, Meaning(action=Action.NOT_ME, excluded=spans))
    assert len(state.excluded) == EXCLUSIONS_MAX
    assert state.excluded == sorted(state.excluded)
    assert state.excluded[-1] == Exclusion(EXCLUSIONS_MAX + 4, EXCLUSIONS_MAX + 4, "")


def test_not_for_me_weighs_more_than_taking_out_of_the_basket_and_less_than_a_dislike() -> None:
    hide = folded(Individual(), Meaning(action=Action.HIDE, lines=(Line("cod"),)))
    remove = folded(Individual(), Meaning(action=Action.REMOVE, lines=(Line("cod"),)))
    assert hide.affinity["type=cod"][3] == SETTINGS.hide_mass
    assert remove.affinity["type=cod"][3] == 1.0
    assert 1.0 < SETTINGS.hide_mass < SETTINGS.declared_mass
