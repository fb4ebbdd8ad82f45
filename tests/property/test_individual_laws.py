"""An individual is a commutative monoid: any order, any split, any machine, the same state."""

from __future__ import annotations

import copy

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.contracts.events import Action, Event, Line, Meaning
from eachwise.contracts.individual import (
    BOUGHT_MAX,
    CONTACTS_MAX,
    DAYS_MAX,
    RECENTS_MAX,
    Exclusion,
    Individual,
)
from eachwise.individual import Population, affinities, merge
from tests.property.lives import SETTINGS, TIMES, assert_same, folded, lives

Life = list[tuple[Event, Meaning]]
NOW_US = 1_700_000_000_000_000


@given(lives(), st.data())
def test_any_order_folds_to_the_same_state(life: Life, data: st.DataObject) -> None:
    assert_same(folded(life), folded(data.draw(st.permutations(life))))


@given(lives(), st.data())
def test_any_split_merges_to_the_same_state(life: Life, data: st.DataObject) -> None:
    parts = [[], [], []]  # type: list[Life]
    for deed in data.draw(st.permutations(life)):
        parts[data.draw(st.integers(0, 2))].append(deed)
    a, b, c = (folded(part) for part in parts)
    before = copy.deepcopy((a, b, c))
    left = merge(merge(a, b, SETTINGS), c, SETTINGS)
    right = merge(a, merge(b, c, SETTINGS), SETTINGS)
    assert_same(left, right)
    assert_same(left, folded(life))
    assert (a, b, c) == before


@given(lives(15), lives(15))
def test_merging_commutes_exactly(one: Life, other: Life) -> None:
    a, b = folded(one), folded([(_renamed(event), meaning) for event, meaning in other])
    assert merge(a, b, SETTINGS) == merge(b, a, SETTINGS)


@given(lives(), st.lists(TIMES, max_size=4), st.data())
def test_known_exclusions_keep_every_law(life: Life, times: list[int], data: st.DataObject) -> None:
    # Whoever adds an exclusion folds anew with all of them known: then order and split are as free as ever.
    kinds = st.sampled_from(["", "item:cod", "decision:d1", "source:anon:one", "message:m3"])
    spans = [Exclusion(at + 10**12, at, data.draw(kinds)) for at in times]
    known = sorted(set(spans))
    whole = folded(life, excluded=known)
    assert_same(whole, folded(data.draw(st.permutations(life)), excluded=known))
    cut = data.draw(st.integers(0, len(life)))
    mixed = data.draw(st.permutations(life))
    left, right = (folded(part, excluded=known) for part in (mixed[:cut], mixed[cut:]))
    assert_same(merge(left, right, SETTINGS), whole)
    # What is excluded is as if it had never been, as far as taste goes.
    assert whole.affinity.keys() <= folded(life).affinity.keys()


@given(lives(), st.sampled_from(["steak", "cod", "unknown"]), st.data())
def test_gifts_keep_every_law_and_leave_no_taste(
    life: Life, gift: str, data: st.DataObject
) -> None:
    given_away = frozenset({gift})
    told = [
        (
            event,
            msgspec.structs.replace(meaning, gifts=given_away & {x.item_id for x in meaning.lines}),
        )
        for event, meaning in life
    ]
    whole = folded(told)
    assert_same(whole, folded(data.draw(st.permutations(told))))
    cut = data.draw(st.integers(0, len(told)))
    mixed = data.draw(st.permutations(told))
    assert_same(merge(folded(mixed[:cut]), folded(mixed[cut:]), SETTINGS), whole)
    assert gift not in {recent.item_id for recent in whole.recents}
    # It was bought all the same, and only taste is less.
    plain = folded(life)
    assert (whole.orders, whole.counts, whole.events) == (plain.orders, plain.counts, plain.events)
    assert whole.affinity.keys() <= plain.affinity.keys()


@given(lives())
def test_nobody_is_the_identity(life: Life) -> None:
    state = folded(life)
    assert merge(state, Individual(), SETTINGS) == state == merge(Individual(), state, SETTINGS)


@given(lives())
def test_a_merged_state_shares_nothing_with_its_parts(life: Life) -> None:
    state = folded(life)
    before = msgspec.msgpack.encode(state)
    whole = merge(state, Individual(), SETTINGS)
    for entry in whole.affinity.values():
        entry[0] += 1.0
    whole.activity[0] += 1.0
    whole.identifiers.add("anon:other")
    whole.days.append(10**6)
    assert msgspec.msgpack.encode(state) == before


@given(lives())
def test_a_state_survives_the_store(life: Life) -> None:
    state = folded(life)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Individual) == state


@given(lives(), st.integers(0, 2 * NOW_US))
def test_affinities_are_finite_whenever_they_are_read(life: Life, now_us: int) -> None:
    for moment in (False, True):
        for affinity in affinities(
            folded(life), {"diet=vegan": 0.05}, now_us, SETTINGS, moment=moment
        ):
            assert abs(affinity.log_odds) < 30.0
            assert 0.0 < affinity.sd < 2.0
            assert 0.0 <= affinity.share <= 1.0 + 1e-9


@settings(max_examples=25)
@given(st.lists(TIMES, min_size=70, max_size=150), st.data())
def test_bounded_lists_keep_the_newest_in_any_order(times: list[int], data: st.DataObject) -> None:
    seen = Meaning(action=Action.CLICK, weight=1.0, lines=(Line("cod"),), experience_id="x1")
    life = [
        (Event(message_id=f"m{n}", kind="track", occurred_at_us=at, received_at_us=0), seen)
        for n, at in enumerate(times)
    ]
    whole = folded(life)
    assert (len(whole.recents), len(whole.contacts)) == (
        min(RECENTS_MAX, len(times)),
        min(CONTACTS_MAX, len(times)),
    )
    assert len(whole.days) <= DAYS_MAX
    assert [recent.occurred_at_us for recent in whole.recents] == sorted(times)[-RECENTS_MAX:]
    cut = data.draw(st.integers(0, len(life)))
    mixed = data.draw(st.permutations(life))
    assert_same(merge(folded(mixed[:cut]), folded(mixed[cut:]), SETTINGS), whole)


@settings(max_examples=25)
@given(st.lists(TIMES, min_size=40, max_size=70), st.data())
def test_the_newest_purchases_are_kept_in_any_order(times: list[int], data: st.DataObject) -> None:
    lines = (Line("cod"), Line("tofu"), Line("cod"))
    bought = Meaning(action=Action.PURCHASE, weight=1.0, lines=lines)
    life = [
        (Event(message_id=f"m{n}", kind="track", occurred_at_us=at, received_at_us=0), bought)
        for n, at in enumerate(times)
    ]
    whole = folded(life)
    every = sorted((at // 10**6, line.item_id) for at in times for line in lines)
    assert [(one.at_s, one.item_id) for one in whole.bought] == every[-BOUGHT_MAX:]
    cut = data.draw(st.integers(0, len(life)))
    mixed = data.draw(st.permutations(life))
    assert_same(merge(folded(mixed[:cut]), folded(mixed[cut:]), SETTINGS), whole)


@given(
    st.lists(st.tuples(TIMES, st.sampled_from([(), ("a=1",), ("a=1", "b=2")])), max_size=20),
    st.data(),
)
def test_the_population_is_mergeable(
    seen: list[tuple[int, tuple[str, ...]]], data: st.DataObject
) -> None:
    whole, parts = Population(), (Population(), Population())
    for at_us, values in seen:
        whole.observe(values, at_us / 1e6)
    for at_us, values in data.draw(st.permutations(seen)):
        parts[data.draw(st.integers(0, 1))].observe(values, at_us / 1e6)
    a, b = whole.shares(), parts[0].merge(parts[1]).shares()
    assert a.keys() == b.keys()
    for value, share in a.items():
        assert abs(share - b[value]) <= 1e-9 * share + 1e-250


def _renamed(event: Event) -> Event:
    return msgspec.structs.replace(event, message_id="other " + event.message_id)
