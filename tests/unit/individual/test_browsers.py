"""Several browsers of one person: which of them stand, how many are kept, and that nobody is shown them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.events import Action, Event, Meaning
from eachwise.contracts.individual import PUSH_TRAIT, Individual, Written
from eachwise.individual import fold, merge, public_traits, subscriptions
from eachwise.individual.browsers import SUBSCRIPTIONS_MAX
from eachwise.maths.hashing import short_hash
from eachwise.settings import AffinitySettings

KEYS = {"p256dh": "p", "auth": "a"}
SETTINGS = AffinitySettings()
Word = tuple[int, str, Any]


def whole(endpoint: str) -> dict[str, Any]:
    return {"endpoint": endpoint, "keys": KEYS}


def cell(endpoint: str) -> str:
    return f"{PUSH_TRAIT}:{short_hash(endpoint)}"


def folded(words: list[Word]) -> Individual:
    """The state after (time, trait, value), each said by an event of its own."""
    state = Individual()
    for at_us, trait, value in words:
        event = Event(
            message_id=f"{at_us} {trait} {value is None}",
            kind="track",
            occurred_at_us=at_us,
            received_at_us=at_us,
        )
        meaning = Meaning(action=Action.DECLARE, traits={trait: value})
        fold(state, event, meaning, lambda _: (), SETTINGS)
    return state


def standing(*words: Word) -> list[str]:
    return [each["endpoint"] for each in subscriptions(folded(list(words)).traits)]


def test_all_that_stand_are_found_those_heard_of_last_first() -> None:
    a, b, c = ((at, cell(name), whole(name)) for at, name in enumerate("abc"))
    assert standing(a, b, c) == ["c", "b", "a"]
    again = (9, cell("a"), whole("a"))
    assert standing(again, a, b, c) == ["a", "c", "b"]
    found = subscriptions(folded([a]).traits)
    assert found == [{"id": short_hash("a"), "endpoint": "a", "keys": KEYS}]


def test_one_is_given_up_by_itself_and_all_by_the_bare_trait() -> None:
    a, b = (1, cell("a"), whole("a")), (2, cell("b"), whole("b"))
    assert standing(a, b, (3, cell("a"), None)) == ["b"]
    assert standing(a, b, (0, cell("a"), None)) == ["b", "a"]
    assert standing(a, b, (3, PUSH_TRAIT, None)) == []
    assert standing(a, b, (3, PUSH_TRAIT, None), (4, cell("a"), whole("a"))) == ["a"]
    # Before 1970 is a time like any other.
    assert standing((-5, cell("a"), whole("a"))) == ["a"]
    assert standing((-5, cell("a"), whole("a")), (-4, PUSH_TRAIT, None)) == []


def test_the_one_subscription_of_an_old_state_goes_on_working() -> None:
    old = (1, PUSH_TRAIT, whole("a"))
    assert standing(old) == ["a"]
    assert standing(old, (2, cell("b"), whole("b"))) == ["b", "a"]
    assert standing(old, (2, cell("a"), whole("a"))) == ["a"]
    assert standing(old, (2, cell("a"), None)) == []
    assert standing(old, (2, PUSH_TRAIT, None)) == []
    assert standing(old, (0, PUSH_TRAIT, None), (0, cell("b"), whole("b"))) == ["a", "b"]


@pytest.mark.parametrize("value", [3, "x", [], {}, {"endpoint": None}, {"endpoint": "b"}, None])
def test_what_an_identify_wrote_under_a_name_of_ours_is_no_subscription(value: object) -> None:
    assert standing((1, cell("a"), value), (1, cell(""), value), (1, PUSH_TRAIT, None)) == []


def test_nobody_is_shown_a_subscription() -> None:
    said = {PUSH_TRAIT: whole("a"), cell("a"): whole("a"), f"{PUSH_TRAIT}s": 2, "name": "Ann"}
    traits = {name: Written(1, 1, value) for name, value in said.items()}
    assert public_traits(traits) == {f"{PUSH_TRAIT}s": 2, "name": "Ann"}


def test_who_sends_a_thousand_has_the_newest() -> None:
    words: list[Word] = [(at, cell(f"e{at}"), whole(f"e{at}")) for at in range(1000)]
    traits = folded([*words, (5, "name", "Ann")]).traits
    assert len(traits) == SUBSCRIPTIONS_MAX + 1
    assert [each["endpoint"] for each in subscriptions(traits)] == [
        f"e{at}" for at in range(999, 999 - SUBSCRIPTIONS_MAX, -1)
    ]


def age(written: Written) -> tuple[int, int]:
    return written.occurred_at_us, written.tie


NAMES = st.integers(0, 2 * SUBSCRIPTIONS_MAX).map(lambda number: f"e{number}")
WORDS = st.tuples(st.integers(0, 9), NAMES, st.booleans()).map(
    lambda word: (word[0], cell(word[1]), whole(word[1]) if word[2] else None)
)
ENDS = st.tuples(st.integers(0, 9), st.just(PUSH_TRAIT), st.none())


@given(st.lists(WORDS | ENDS, min_size=30, max_size=60), st.data())
def test_order_and_split_do_not_matter_and_people_who_merge_have_the_browsers_of_both(
    words: list[Word], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(words))
    cut = data.draw(st.integers(0, len(words)))
    both = merge(folded(mixed[:cut]), folded(mixed[cut:]), SETTINGS)
    assert both.traits == folded(words).traits
    # The last word on each, by itself; then the newest of them, and the bare trait whatever its age.
    each = [folded([word]).traits for word in words]
    last = {
        trait: max((found[trait] for found in each if trait in found), key=age)
        for found in each
        for trait in found
    }
    kept = sorted(last.keys() - {PUSH_TRAIT}, key=lambda trait: age(last[trait]))
    kept = kept[-SUBSCRIPTIONS_MAX:] + [PUSH_TRAIT] * (PUSH_TRAIT in last)
    assert both.traits == {trait: last[trait] for trait in kept}
