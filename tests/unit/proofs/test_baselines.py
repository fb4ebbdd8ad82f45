"""The segments and the reference that individuals are compared with."""

import numpy as np
import pytest

from eachwise.contracts.arrays import Ints
from eachwise.contracts.taste import Interactions
from eachwise.proofs.baselines import (
    PlainEase,
    Sparse,
    behaviour,
    history,
    k_means,
    popularity_by_segment,
    recent_popularity,
)
from eachwise.proofs.ranking import Questions


def engagements(sequences: list[list[int]], items: int) -> Interactions:
    rows = [row for one in sequences for row in one]
    return Interactions(
        item_ids=tuple(f"i{number:02d}" for number in range(items)),
        indptr=np.concatenate([[0], np.cumsum([len(one) for one in sequences])]),
        rows=np.array(rows, dtype=np.int32),
        at_s=np.arange(len(rows), dtype=np.float64),
        weights=np.ones(len(rows), np.float32),
        bought=np.zeros(len(rows), np.bool_),
    )


def two_tastes() -> tuple[Sparse, Ints]:
    """120 people of two tastes: each takes half of its own 20 items, seldom one of the other 20."""
    generator = np.random.default_rng(5)
    taste = np.arange(120) % 2
    likely = np.where((np.arange(40) // 20)[None, :] == taste[:, None], 0.5, 0.03)
    taken = generator.random((120, 40)) < likely
    return history(engagements([np.flatnonzero(row).tolist() for row in taken], 40)), taste


def test_history_holds_each_pair_once() -> None:
    found = history(engagements([[2, 0, 2], [], [1]], 3))
    assert found.indptr.tolist() == [0, 2, 2, 3]
    assert found.columns.tolist() == [0, 2, 1]
    dense = found.times(np.eye(3, dtype=np.float32))
    assert dense.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    np.testing.assert_array_equal(found.transposed().times(np.eye(3, dtype=np.float32)), dense.T)


def test_popularity_counts_each_segments_people() -> None:
    found = history(engagements([[0, 0], [0, 1], [1]], 2))
    assert popularity_by_segment(found, np.array([0, 1, 1])).tolist() == [[1, 0], [1, 2]]


def test_recent_popularity_counts_from_a_moment_on() -> None:
    data = engagements([[0, 1, 1], [1, 0]], 3)
    assert recent_popularity(data, 2.0).tolist() == [1, 2, 0]
    assert recent_popularity(data, -np.inf).tolist() == [2, 3, 0]


def test_k_means_finds_the_tastes() -> None:
    found, taste = two_tastes()
    points = behaviour(found, seed=1)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0, atol=1e-6)
    clusters = k_means(points, 2, seed=1)
    agreement = (clusters == taste).mean()
    assert max(agreement, 1 - agreement) > 0.97
    np.testing.assert_array_equal(clusters, k_means(points, 2, seed=1))


def test_behaviour_is_the_leading_part_of_a_singular_value_decomposition() -> None:
    found, _ = two_tastes()
    dense = found.times(np.eye(40, dtype=np.float32)).astype(np.float64)
    weighed = dense * np.log(121.0 / (1.0 + dense.sum(axis=0)))
    weighed /= np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-12)
    points = behaviour(found, seed=0)  # all 40 dimensions: distances stay what they are
    np.testing.assert_allclose(points @ points.T, weighed @ weighed.T, atol=1e-4)


def test_more_clusters_than_people_is_one_each_at_most() -> None:
    clusters = k_means(np.eye(3), 50, seed=0)
    assert sorted(clusters.tolist()) == [0, 1, 2]
    assert k_means(np.ones((4, 2)), 3, seed=0).tolist() == [0, 0, 0, 0]


def test_a_person_without_history_is_no_fault() -> None:
    found = history(engagements([[0, 1], [1], []], 6))
    assert np.isfinite(behaviour(found, seed=0)).all()


def test_the_reference_adds_the_rows_of_the_whole_history_whatever_its_order() -> None:
    data = engagements([[0, 1, 1, 2], [2, 3]], 4)
    parts = {
        "ease.indptr": np.array([0, 2, 3, 3, 4]),
        "ease.indices": np.array([2, 3, 3, 0], dtype=np.int32),
        "ease.values": np.array([0.5, 0.25, 1.0, 0.125], dtype=np.float32),
    }
    questions = Questions(
        data=data,
        places=np.array([3, 4]),
        begins=np.array([0, 4]),
        relevant=(np.array([2]), np.array([2])),
    )
    arm = PlainEase(arm="reference:ease", questions=questions, parts=parts)
    assert arm(0)["reference:ease"].tolist() == pytest.approx([0, 0, 0.5, 1.25])
    assert arm(1)["reference:ease"].tolist() == [0, 0, 0, 0]
