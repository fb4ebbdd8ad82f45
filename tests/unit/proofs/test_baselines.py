"""The segments and the reference that individuals are compared with."""

import numpy as np
import pytest

from eachwise.contracts.arrays import Ints
from eachwise.proofs.baselines import Matrix, behaviour, ease, k_means, popularity_by_segment


def two_tastes() -> tuple[Matrix, Ints]:
    """120 people of two tastes: each takes half of its own 20 items, seldom one of the other 20."""
    generator = np.random.default_rng(5)
    taste = np.arange(120) % 2
    likely = np.where((np.arange(40) // 20)[None, :] == taste[:, None], 0.5, 0.03)
    return (generator.random((120, 40)) < likely).astype(np.float32), taste


def test_popularity_counts_each_segments_people() -> None:
    history = np.array([[1, 0], [1, 1], [0, 1]], np.float32)
    counts = popularity_by_segment(history, np.array([0, 1, 1]))
    assert counts.tolist() == [[1, 0], [1, 2]]


def test_k_means_finds_the_tastes() -> None:
    history, taste = two_tastes()
    points = behaviour(history, seed=1)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0)
    clusters = k_means(points, 2, seed=1)
    agreement = (clusters == taste).mean()
    assert max(agreement, 1 - agreement) > 0.97
    np.testing.assert_array_equal(clusters, k_means(points, 2, seed=1))


def test_more_clusters_than_people_is_one_each_at_most() -> None:
    clusters = k_means(np.eye(3), 50, seed=0)
    assert sorted(clusters.tolist()) == [0, 1, 2]
    assert k_means(np.ones((4, 2)), 3, seed=0).tolist() == [0, 0, 0, 0]


def test_ease_is_the_constrained_ridge_regression() -> None:
    """Steck 2019: min ‖X − XB‖² + λ‖B‖², diag B = 0; each column is a ridge without its own item."""
    history, _ = two_tastes()
    scores = ease(history)
    exact = history.astype(np.float64)
    for item in (0, 25):
        others = np.delete(exact, item, axis=1)
        gram = others.T @ others + 250.0 * np.eye(39)
        weights = np.linalg.solve(gram, others.T @ exact[:, item])
        np.testing.assert_allclose(scores[:, item], others @ weights, atol=1e-4)


def test_a_person_without_history_is_no_fault() -> None:
    history = np.zeros((4, 6), np.float32)
    history[:3, :2] = 1
    assert np.isfinite(behaviour(history, seed=0)).all()
    assert ease(history)[3].tolist() == pytest.approx([0.0] * 6)
