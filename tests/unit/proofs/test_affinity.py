"""The proof of affinities: its measures by hand, and a small world."""

from __future__ import annotations

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs.affinity import (
    ARMS,
    COUNTS,
    OURS,
    TARGET,
    _Target,
    auc,
    prove,
    rank_correlation,
    ranks,
    run,
)
from eachwise.proofs.report import METRICS, as_table


def test_ranks_share_their_mean_where_values_are_equal() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([1.0, 2.0, 3.0], 1.0),
        ([9.0, 4.0, -1.0], -1.0),
        ([1.0, 3.0, 2.0], 0.5),
        ([5.0, 5.0, 5.0], 0.0),
    ],
)
def test_rank_correlation_by_hand(other: list[float], expected: float) -> None:
    found = rank_correlation(np.array([10.0, 20.0, 30.0]), np.array(other))
    assert found == pytest.approx(expected)


def test_auc_by_hand() -> None:
    positive = np.array([True, False, True, False])
    assert auc(np.array([4.0, 1.0, 3.0, 2.0]), positive) == 1.0
    assert auc(np.array([1.0, 4.0, 2.0, 3.0]), positive) == 0.0
    assert auc(np.array([2.0, 2.0, 2.0, 2.0]), positive) == 0.5


def test_the_known_products_scoring_by_hand() -> None:
    target = _Target(3)
    target.clicked([0], 1)
    target.clicked([0], 2)
    assert target.scores.tolist() == [15.0, 0.0, 0.0]
    target.clicked([1], 3)  # something new costs the other a point
    assert target.scores.tolist() == [14.0, 10.0, 0.0]
    target.clicked([0], 3 + 3_600_000_000)  # another session
    assert target.scores.tolist() == [12.0, 5.0, 0.0]


def test_a_small_world_says_who_knows_people_better() -> None:
    proof = prove([1], 14, 150)
    assert tuple(proof.arms) == ARMS
    ours, counts, target = (proof.arms[arm] for arm in (OURS, COUNTS, TARGET))
    assert set(ours) <= set(METRICS)
    for mark in (40, 200):
        metric = f"spearman@{mark}"
        assert ours[metric].value > max(counts[metric].value, target[metric].value)
        assert ours[metric].low < ours[metric].value < ours[metric].high
    assert ours["spearman@3"].value < ours["spearman@40"].value < ours["spearman@200"].value
    assert "rank correlation" in as_table(proof)


@pytest.mark.parametrize(("seeds", "people", "field"), [(0, 100, "seeds"), (1, 39, "people")])
def test_what_cannot_be_measured_is_refused(seeds: int, people: int, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        run(seeds=seeds, people=people, as_json=True)
    assert refused.value.field == field
