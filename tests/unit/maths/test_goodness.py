"""The chi-square of choices against their own vectors: its law, by hand, and what it must catch."""

import math

import numpy as np
import pytest

from eachwise.contracts.arrays import Floats, Ints
from eachwise.maths.goodness import fit_to_own_vectors


def drawn(vectors: Floats, seed: int) -> Ints:
    """One choice for each row."""
    target = np.random.default_rng(seed).random((len(vectors), 1))
    return np.asarray((vectors.cumsum(axis=1) < target).sum(axis=1))


def test_one_vector_is_pearsons_chi_square() -> None:
    vectors = np.tile([0.5, 0.3, 0.2], (100, 1))
    chosen = np.repeat([0, 1, 2], [60, 25, 15])
    fit = fit_to_own_vectors(vectors, chosen)
    assert fit.statistic == pytest.approx(100 / 50 + 25 / 30 + 25 / 20)
    assert fit.freedom == 2
    assert fit.p_value == pytest.approx(math.exp(-fit.statistic / 2), abs=0.005)


def test_p_values_are_uniform_where_choices_are_as_recorded() -> None:
    values = []
    for seed in range(400):
        vectors = np.random.default_rng(1000 + seed).dirichlet(np.ones(5), 300)
        values.append(fit_to_own_vectors(vectors, drawn(vectors, seed)).p_value)
    assert [np.mean(np.array(values) < level) for level in (0.05, 0.5)] == pytest.approx(
        [0.05, 0.5], abs=0.07
    )


def test_choices_by_another_vector_are_told() -> None:
    vectors = np.random.default_rng(1).dirichlet(np.ones(5), 100_000)
    blurred = 0.97 * vectors + 0.03 / 5
    assert fit_to_own_vectors(vectors, drawn(blurred, 2), by_rank=True).p_value < 1e-6
    skewed = vectors * [1.05, 1, 1, 1, 1]
    skewed /= skewed.sum(axis=1, keepdims=True)
    assert fit_to_own_vectors(vectors, drawn(skewed, 2)).p_value < 1e-6


def test_a_choice_of_probability_0_refutes() -> None:
    vectors = np.tile([1.0, 0.0], (10, 1))
    assert fit_to_own_vectors(vectors, np.zeros(10, np.int64)).p_value == 1.0
    chosen = np.array([0] * 9 + [1])
    assert fit_to_own_vectors(vectors, chosen) == (math.inf, 1, 0.0)
