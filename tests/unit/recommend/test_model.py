"""From statistics to a model."""

import numpy as np
import pytest

from eachwise.contracts.arrays import TasteModel
from eachwise.recommend import TasteStatistics, solve

DAY_S = 86400.0


def statistics() -> TasteStatistics:
    found = TasteStatistics()
    for _ in range(4):
        found.observe(["a"], "b", 10 * DAY_S)
    found.observe(["a"], "c", 10 * DAY_S)
    found.observe(["gone"], "a", 10 * DAY_S)
    return found


def solved(**changed: object) -> TasteModel:
    arguments = {
        "version": 3,
        "item_ids": ("a", "b", "c", "d"),
        "expected": {"x=y": 0.5},
        "neighbours_max": 0,
        "now_s": 10 * DAY_S,
    }
    return solve(statistics(), **{**arguments, **changed})  # type: ignore[arg-type]


def dense(model: TasteModel) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    size = len(model.item_ids)
    found = np.zeros((size, size))
    for row in range(size):
        span = slice(model.indptr[row], model.indptr[row + 1])
        found[row, model.indices[span]] = model.weights[span]
    return found


def test_weights_are_what_the_root_of_the_smoothed_chance_has_beyond_popularity() -> None:
    model = solved()
    shares = np.array([1.5, 4.5, 1.5, 0.5]) / 8
    wanted = np.zeros((4, 4))
    for column, count in ((1, 4.0), (2, 1.0)):
        prior = 10.0 * shares[column]
        wanted[0, column] = np.sqrt((count + prior) / 15.0) - np.sqrt(prior / 15.0)
    np.testing.assert_allclose(dense(model), wanted, atol=1 / 65535)
    np.testing.assert_allclose(model.totals, [5.0, 0.0, 0.0, 0.0])
    assert model.row_of == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert model.expected == {"x=y": 0.5}


def test_each_row_keeps_its_strongest() -> None:
    kept = dense(solved(neighbours_max=1))
    assert kept[0, 1] > 0
    assert kept[0, 2] == 0


def test_ties_go_to_the_earlier_item() -> None:
    found = TasteStatistics()
    for item_id in ("c", "b", "d"):
        found.observe(["a"], item_id, 1.0)
    model = solve(found, version=1, item_ids="abcd", expected={}, neighbours_max=2, now_s=1.0)
    assert model.indices.tolist() == [1, 2]


def test_shares_are_shares() -> None:
    model = solved()
    assert model.popularity.sum() == pytest.approx(1.0)
    assert model.recent.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(model.popularity, np.array([1.5, 4.5, 1.5, 0.5]) / 8)


def test_the_trend_needs_evidence_and_then_shows() -> None:
    found = TasteStatistics()
    for day in range(60):
        for _ in range(20):
            found.observe([], "steady", day * DAY_S)
        if day >= 57:
            for _ in range(20):
                found.observe([], "rising", day * DAY_S)
        if day == 59:
            found.observe([], "once", day * DAY_S)
    model = solve(
        found,
        version=1,
        item_ids=("steady", "rising", "once"),
        expected={},
        neighbours_max=0,
        now_s=60 * DAY_S,
    )
    steady, rising, once = np.log(model.recent / model.popularity)
    assert rising > 0.5 > steady
    assert rising > abs(once)
