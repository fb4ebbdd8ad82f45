"""The live model as changes: applied one after another they are the model that was in use, to the bit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.contracts.arrays import TasteModel
from eachwise.contracts.errors import InvalidInput
from eachwise.recommend import Live, TasteStatistics, apply, grow, nothing, solve
from eachwise.recommend import increments as module

NOW_S = 1_790_000_000.0
NAMES = [f"i{number:02}" for number in range(12)]
VALUES = {"": 10.0, "a=1": 4.0, "a=2": 0.0}


class Shop:
    """Counts of random walks, and the versions published of them."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.statistics = TasteStatistics()
        self.now_s = NOW_S
        self.live = nothing()
        self.bodies: list[bytes] = []

    def visit(self, visits: int) -> None:
        """Some people walk through the shop."""
        for _ in range(visits):
            self.now_s += 60.0
            walk = self.draw.choice(NAMES, size=6).tolist()
            for place, item_id in enumerate(walk):
                self.statistics.observe(walk[:place][::-1], item_id, self.now_s)

    def publish(self, item_ids: tuple[str, ...], *, whole: bool = False, most: int = 4) -> Live:
        """One more version."""
        body = grow(
            self.live,
            self.statistics.counted(),
            VALUES | {"a=3": self.now_s - NOW_S},
            item_ids,
            version=self.live.version + 1,
            neighbours_max=most,
            now_s=self.now_s,
            whole=whole or not self.bodies,
        )
        self.bodies.append(body)
        self.live = apply(self.live, [body])
        return self.live


def assert_equal(one: Live, other: Live) -> None:
    """In every field, to the bit."""
    for field in dataclasses.fields(Live):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            assert np.array_equal(left, right), field.name
        else:
            assert left == right, field.name


def assert_same_model(one: TasteModel, other: TasteModel) -> None:
    """As far as rounding goes; weights lie on a grid."""
    assert (one.version, one.item_ids, one.row_of) == (other.version, other.item_ids, other.row_of)
    assert np.array_equal(one.indptr, other.indptr)
    assert np.array_equal(one.indices, other.indices)
    for name in ("weights", "totals", "popularity", "recent"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=2e-5)
    assert one.expected == pytest.approx(other.expected)


@given(st.integers(0, 50), st.integers(0, 40), st.sets(st.sampled_from(NAMES)), st.integers(0, 5))
@settings(max_examples=40)
def test_a_whole_version_is_what_solving_everything_gives(
    seed: int, visits: int, listed: set[str], most: int
) -> None:
    shop = Shop(seed)
    shop.visit(visits)
    item_ids = tuple(sorted(listed))
    found = shop.publish(item_ids, most=most).model
    expected = {"a=1": 0.4, "a=3": (shop.now_s - NOW_S) / 10.0}
    wanted = solve(
        shop.statistics,
        version=1,
        item_ids=item_ids,
        expected={value: share for value, share in expected.items() if share > 0.0},
        neighbours_max=most,
        now_s=shop.now_s,
    )
    assert_same_model(found, wanted)


@given(
    st.integers(0, 1000),
    st.lists(
        st.tuples(st.integers(0, 15), st.sets(st.sampled_from(NAMES), min_size=3), st.booleans()),
        min_size=1,
        max_size=8,
    ),
)
@settings(max_examples=40)
def test_changes_applied_at_once_are_the_versions_that_were_in_use(
    seed: int, steps: list[tuple[int, set[str], bool]]
) -> None:
    shop = Shop(seed)
    versions = []
    for visits, listed, whole in steps:
        shop.visit(visits)
        versions.append(shop.publish(tuple(sorted(listed)), whole=whole))
    for number, live in enumerate(versions, start=1):
        assert_equal(apply(nothing(), shop.bodies[:number]), live)
        assert live.version == number


@given(st.integers(0, 1000), st.lists(st.integers(0, 10), min_size=2, max_size=5))
@settings(max_examples=30)
def test_a_row_is_no_further_behind_than_a_tenth(seed: int, visits: list[int]) -> None:
    shop = Shop(seed)
    item_ids = tuple(NAMES)
    for some in visits:
        shop.visit(some)
        shop.publish(item_ids)
    live = shop.live
    now = solve(
        shop.statistics,
        version=live.version,
        item_ids=item_ids,
        expected={},
        neighbours_max=4,
        now_s=shop.now_s,
    )
    assert (np.abs(live.totals - now.totals) <= module.GROWTH * live.totals + 1e-9).all()
    np.testing.assert_allclose(live.model.popularity, now.popularity, rtol=1e-9)
    np.testing.assert_allclose(live.model.recent, now.recent, rtol=1e-9)


def test_what_did_not_change_is_not_sent() -> None:
    shop = Shop(1)
    shop.visit(400)
    item_ids = tuple(NAMES)
    shop.publish(item_ids)
    shop.publish(item_ids)
    shop.visit(1)
    shop.publish(item_ids)
    first, second, third = (len(body) for body in shop.bodies)
    assert second < 80
    assert third < first / 2


def test_an_item_that_is_listed_late_is_reached_at_once() -> None:
    shop = Shop(2)
    shop.visit(300)
    shop.publish(tuple(NAMES[1:]))
    live = shop.publish(tuple(NAMES))
    row = live.model.row_of[NAMES[0]]
    assert (live.model.indices == row).sum() >= 1
    gone = shop.publish(tuple(NAMES[1:]))
    assert len(gone.item_ids) == len(NAMES) - 1
    assert gone.model.indices.max(initial=0) < len(gone.item_ids)


def test_very_many_items_keep_fewer_transitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 24)
    monkeypatch.setattr(module, "NEIGHBOURS_MIN", 2)
    shop = Shop(3)
    shop.visit(200)
    live = shop.publish(tuple(NAMES), most=0)
    assert np.diff(live.indptr).tolist() == [2] * len(NAMES)


def test_other_bytes_and_versions_out_of_turn_are_refused() -> None:
    shop = Shop(4)
    shop.visit(30)
    for _ in range(3):
        shop.visit(5)
        shop.publish(tuple(NAMES))
    with pytest.raises(InvalidInput, match="does not follow"):
        apply(nothing(), [shop.bodies[0], shop.bodies[2]])
    for body in (b"", b"\x00", shop.bodies[0][:-3]):
        with pytest.raises(InvalidInput, match="taste model"):
            apply(nothing(), [body])


def test_runs_taken_up_again_go_on_as_if_nothing_had_happened() -> None:
    shop = Shop(5)
    shop.visit(50)
    again = Shop(5)
    again.visit(50)
    again.statistics = TasteStatistics.of(again.statistics.counted())
    for one in (shop, again):
        one.visit(30)
    left, right = shop.statistics.counted(), again.statistics.counted()
    assert left.item_ids == right.item_ids
    np.testing.assert_allclose(left.long, right.long)
    assert_same_model(shop.publish(tuple(NAMES)).model, again.publish(tuple(NAMES)).model)
