"""What stages are worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.measure import count_stages, merge_stages, no_stages, solve_stages
from tests.unit.measure.relationship import DISCOUNT, STAGES, lives, true_values


def test_a_process_whose_answer_is_certain() -> None:
    """Everybody earns 10 and stays: V = 10 / (1 − γ)."""
    lives_ = [(["on"] * 51, [10.0] * 50) for _ in range(40)]
    found = solve_stages(count_stages(["on"], lives_), discount=0.9, seed=1)
    assert found.value == pytest.approx([100.0], rel=1e-6)


def test_intervals_hold_the_true_values() -> None:
    held, off = [], []
    for seed in range(50):
        found = solve_stages(count_stages(STAGES, lives(seed, 250)), discount=DISCOUNT, seed=seed)
        for stage, right in zip(found.described(), true_values(), strict=True):
            held.append(stage.value.low <= right <= stage.value.high)
            off.append(stage.value.mean - right)
    assert np.mean(held) >= 0.9
    assert abs(np.mean(off)) < 1.0


def test_people_who_are_alike_with_themselves_widen_the_interval() -> None:
    """Ten periods of one person are not ten people."""
    generator = np.random.default_rng(3)
    rich = generator.gamma(0.5, 20.0, 100)
    together = [(["on"] * 11, [money] * 10) for money in rich]
    apart = [(["on"] * 2, [money]) for money in rich for _ in range(10)]
    one, ten = (
        solve_stages(count_stages(["on"], each), discount=0.5, seed=1) for each in (together, apart)
    )
    assert one.value == pytest.approx(ten.value, rel=0.05)
    assert one.draws.std() > 2.0 * ten.draws.std()


def test_a_stage_that_nobody_was_in_is_worth_what_is_common_and_uncertain() -> None:
    counts = count_stages(("a", "b"), [(["a", "a"], [float(k % 5)]) for k in range(50)])
    a, b = solve_stages(counts, discount=0.5, seed=1).described()
    assert b.periods == 0.0
    assert b.value.high - b.value.low > a.value.high - a.value.low


def test_nobody_is_worth_nothing() -> None:
    assert not solve_stages(no_stages(STAGES), discount=0.5, seed=1).value.any()


@given(st.integers(0, 60), st.integers(0, 60))
def test_shards_merge_in_any_order(first: int, second: int) -> None:
    people = lives(2, 60)
    cuts = sorted((first, second))
    parts = [people[: cuts[0]], people[cuts[0] : cuts[1]], people[cuts[1] :]]
    a, b, c = (count_stages(STAGES, part) for part in parts)
    whole = count_stages(STAGES, people)
    for merged in (merge_stages(merge_stages(a, b), c), merge_stages(c, merge_stages(b, a))):
        assert merged.counts == pytest.approx(whole.counts)
        assert merged.sums == pytest.approx(whole.sums)
    same = merge_stages(whole, no_stages(STAGES))
    assert (same.counts == whole.counts).all()


def test_the_same_seed_gives_the_same_draws() -> None:
    counts = count_stages(STAGES, lives(2, 60))
    one, two = (solve_stages(counts, discount=DISCOUNT, seed=7) for _ in range(2))
    assert (one.draws == two.draws).all()


def test_what_cannot_be_is_an_error() -> None:
    with pytest.raises(InvalidInput):
        no_stages([])
    with pytest.raises(InvalidInput):
        no_stages(["a", "a"])
    with pytest.raises(InvalidInput):
        count_stages(["a"], [(["a", "b"], [1.0])])
    with pytest.raises(InvalidInput):
        count_stages(["a"], [(["a"], [1.0])])
    with pytest.raises(InvalidInput):
        solve_stages(no_stages(["a"]), discount=1.0, seed=1)
    with pytest.raises(InvalidInput):
        merge_stages(no_stages(["a"]), no_stages(["b"]))
