"""Draws: repeatable, uniform, and never of what has no probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.maths.draws import choose, integers, normals, sample, uniform, word


def test_words_are_permanent() -> None:
    # A change of these numbers would change every replay.
    assert word(0) == 0xE220A8397B1DCDAF  # SplitMix64's first output for seed 0 (Vigna's reference)
    assert word(1, 2) == word(1, 2) != word(2, 1)
    assert len({word(seed, stream) for seed in range(50) for stream in range(50)}) == 2500


def test_negative_and_huge_seeds_are_taken_modulo_two_to_the_64() -> None:
    assert word(-1) == word(2**64 - 1)


def test_uniforms_are_uniform() -> None:
    draws = np.array([uniform(seed, 1) for seed in range(20_000)])
    assert draws.min() >= 0.0
    assert draws.max() < 1.0
    counts = np.bincount((draws * 20).astype(int), minlength=20)
    assert float(((counts - 1000) ** 2 / 1000).sum()) < 50.8  # 0.9999 quantile at 19


@given(st.integers(1, 80), st.integers(0, 100), st.integers(0, 2**63))
def test_choose_gives_distinct_numbers(population: int, count: int, seed: int) -> None:
    chosen = choose(population, count, seed)
    assert len(chosen) == min(count, population)
    assert len(set(chosen)) == len(chosen)
    assert all(0 <= each < population for each in chosen)


def test_choose_is_fair() -> None:
    counts = np.zeros(8)
    for seed in range(8000):
        counts[choose(8, 3, seed)] += 1
    assert float(((counts - 3000) ** 2 / 3000).sum()) < 29.9


def test_sample_never_draws_what_has_no_probability() -> None:
    probabilities = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    assert {sample(probabilities, seed) for seed in range(2000)} == {1, 3}


def test_sample_survives_rounding_at_the_top() -> None:
    probabilities = np.array([1e-320, 0.0])
    assert sample(probabilities, 5) == 0


def test_normals_are_standard_normal_and_repeatable() -> None:
    draws = normals(7, (200, 250))
    assert draws.tobytes() == normals(7, (200, 250)).tobytes()
    assert float(draws.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(draws.std()) == pytest.approx(1.0, abs=0.02)
    assert float((np.abs(draws) < 1.959964).mean()) == pytest.approx(0.95, abs=0.005)
    assert float(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) == pytest.approx(0.0, abs=0.25)


def test_a_normal_draw_depends_on_its_place_only() -> None:
    assert normals(3, (5,)).tolist() == normals(3, (11,))[:5].tolist()


def test_integers_cover_their_range() -> None:
    draws = integers(1, 5000, 7)
    assert set(draws.tolist()) == set(range(7))
