"""What every policy must keep, for each one in the registry, found by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import eachwise.decide.policies as package
from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.decide.policies import POLICIES, policy_named
from eachwise.maths.draws import sample
from eachwise.settings import DecideSettings

SETTINGS = DecideSettings(epsilon=0.1, probability_floor=0.1)
NOT_POLICIES = {"__init__", "base", "registry"}
# 0.9999 quantiles of chi-square: by chance a fixed seed fails once in 10,000 policies.
CHI_SQUARE = {3: 21.1, 7: 29.9}


def scored(seed: int, count: int, draws: int = 16) -> tuple[Floats, Floats]:
    """Priorities (K,) with silence's 0 last, and (M, K) draws around them; some candidates tie."""
    generator = np.random.default_rng(seed)
    priorities = np.append(generator.normal(size=count - 1).round(1), 0.0)
    sampled = priorities + generator.normal(size=(draws, count)).round(1)
    sampled[:, -1] = 0.0
    return priorities, sampled


def everyone(count: int) -> Bools:
    """All may be explored."""
    return np.ones(count, dtype=bool)


def test_every_policy_file_is_registered() -> None:
    files = {path.stem for path in Path(package.__path__[0]).glob("*.py")} - NOT_POLICIES
    assert files == set(POLICIES)


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="epsilon_greedy, thompson"):
        policy_named("greedy")


@pytest.mark.parametrize("name", POLICIES)
class TestEveryPolicy:
    @given(seed=st.integers(0, 10_000), count=st.integers(1, 60), draws=st.integers(1, 40))
    def test_is_a_distribution(self, name: str, seed: int, count: int, draws: int) -> None:
        priorities, sampled = scored(seed, count, draws)
        found = POLICIES[name](priorities, sampled, everyone(count), SETTINGS)
        assert found.shape == (count,)
        assert (found >= 0.0).all()
        assert found.sum() == pytest.approx(1.0, abs=1e-12)

    @given(seed=st.integers(0, 10_000), count=st.integers(2, 40))
    def test_ties_are_shared(self, name: str, seed: int, count: int) -> None:
        priorities, sampled = scored(seed, count)
        priorities = np.append(priorities[:-1], [priorities[0], 0.0])
        sampled = np.column_stack([sampled[:, :-1], sampled[:, 0], sampled[:, -1]])
        found = POLICIES[name](priorities, sampled, everyone(count + 1), SETTINGS)
        assert found[0] == pytest.approx(found[count - 1], abs=1e-15)

    def test_equals_get_equal_shares(self, name: str) -> None:
        found = POLICIES[name](np.zeros(8), np.zeros((16, 8)), everyone(8), SETTINGS)
        assert found == pytest.approx(np.full(8, 1 / 8))

    @given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
    def test_explorable_candidates_keep_a_minimum(self, name: str, seed: int, count: int) -> None:
        priorities, sampled = scored(seed, count)
        explorable = np.random.default_rng(seed).random(count) < 0.5
        explorable[-1] = True
        found = POLICIES[name](priorities, sampled, explorable, SETTINGS)
        assert (found[explorable] >= 0.1 / explorable.sum() - 1e-15).all()
        assert found.sum() == pytest.approx(1.0, abs=1e-12)

    def test_what_is_hopeless_and_not_explorable_is_never_shown(self, name: str) -> None:
        priorities = np.array([1.0, -5.0, 0.0])
        explorable = np.array([True, False, True])
        found = POLICIES[name](priorities, np.tile(priorities, (16, 1)), explorable, SETTINGS)
        assert found[1] == 0.0

    @given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
    def test_the_order_of_candidates_does_not_matter(
        self, name: str, seed: int, count: int
    ) -> None:
        priorities, sampled = scored(seed, count)
        order = np.random.default_rng(seed + 1).permutation(count)
        explorable = everyone(count)
        straight = POLICIES[name](priorities, sampled, explorable, SETTINGS)
        permuted = POLICIES[name](priorities[order], sampled[:, order], explorable, SETTINGS)
        assert permuted == pytest.approx(straight[order], abs=1e-15)

    def test_the_same_input_gives_the_same_bits(self, name: str) -> None:
        priorities, sampled = scored(3, 30)
        once = POLICIES[name](priorities, sampled, everyone(30), SETTINGS)
        again = POLICIES[name](priorities.copy(), sampled.copy(), everyone(30), SETTINGS)
        assert once.tobytes() == again.tobytes()

    def test_silence_alone_is_certain(self, name: str) -> None:
        found = POLICIES[name](np.zeros(1), np.zeros((16, 1)), everyone(1), SETTINGS)
        assert found.tolist() == [1.0]

    def test_a_clear_winner_gets_all_but_the_exploration(self, name: str) -> None:
        priorities = np.array([5.0, 1.0, -1.0, 0.0])
        found = POLICIES[name](priorities, np.tile(priorities, (16, 1)), everyone(4), SETTINGS)
        assert found[0] == pytest.approx(0.9 + 0.1 / 4)

    def test_inputs_are_left_alone(self, name: str) -> None:
        priorities, sampled = scored(5, 9)
        before = priorities.tobytes() + sampled.tobytes()
        POLICIES[name](priorities, sampled, everyone(9), SETTINGS)
        assert priorities.tobytes() + sampled.tobytes() == before

    @pytest.mark.parametrize("count", [4, 8])
    def test_what_is_recorded_is_what_is_sampled(self, name: str, count: int) -> None:
        priorities, sampled = scored(11, count)
        settings = DecideSettings(epsilon=0.5, probability_floor=0.5)
        recorded = POLICIES[name](priorities, sampled, everyone(count), settings)
        drawn: NDArray[np.int64] = np.bincount(
            [sample(recorded, seed, 2) for seed in range(100_000)], minlength=count
        )
        expected = recorded * 100_000
        assert float(((drawn - expected) ** 2 / expected).sum()) < CHI_SQUARE[count - 1]
