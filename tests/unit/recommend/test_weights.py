"""Fitting the weights of a blend, on examples whose right weights are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.recommend.training.features import Examples
from eachwise.recommend.training.selection import loss_without
from eachwise.recommend.training.weights import (
    L2,
    focus,
    focused,
    gains,
    quality,
    ranks_of,
    regress,
    spread,
)

pytest.importorskip("scipy", reason="fits need scipy: pip install 'eachwise[train]'")

TRUE = np.array([1.5, -0.8, 0.0])


def chosen_by(weights: np.ndarray, count: int = 3_000, width: int = 30, seed: int = 1) -> Examples:
    """People who choose by a softmax of these weights."""
    draw = np.random.default_rng(seed)
    features = draw.standard_normal((count, width, len(weights))).astype(np.float32)
    luck = draw.gumbel(size=(count, width))
    return Examples(
        features=features,
        target=(features @ weights + luck).argmax(axis=1),
        valid=np.ones((count, width), np.bool_),
    )


def test_the_regression_finds_the_weights_that_people_chose_by() -> None:
    np.testing.assert_allclose(regress(chosen_by(TRUE), 0.0).weights, TRUE, atol=0.08)


def test_a_uniform_sample_stands_for_all() -> None:
    """Of 240 items 120 were drawn beside the target: the weights come out as from all of them."""
    whole = chosen_by(TRUE, width=240)
    lines = np.arange(len(whole.target))
    features = whole.features.copy()
    features[lines, 0], features[lines, whole.target] = (
        whole.features[lines, whole.target],
        whole.features[lines, 0],
    )
    fewer = Examples(
        features=features[:, :121],
        target=np.zeros(len(lines), np.int64),
        valid=np.ones((len(lines), 121), np.bool_),
    )
    found = regress(fewer, float(np.log(239 / 120))).weights
    np.testing.assert_allclose(found, TRUE, atol=0.12)


def test_padding_teaches_nothing() -> None:
    known = chosen_by(TRUE)
    padding = np.full((len(known.target), 5, 3), 9.0, np.float32)
    padded = Examples(
        features=np.concatenate([known.features, padding], axis=1),
        target=known.target,
        valid=np.concatenate([known.valid, np.zeros((len(known.target), 5), np.bool_)], axis=1),
    )
    found, without = regress(padded, 0.0), regress(known, 0.0)
    np.testing.assert_allclose(found.weights, without.weights, atol=1e-3)
    assert quality(padded, TRUE) == pytest.approx(quality(known, TRUE))


def loss_of(examples: Examples, weights: np.ndarray) -> float:
    """−log softmax of the target plus 1e-3·|w|², w in standard deviations, written out."""
    scores = examples.features.astype(np.float64) @ weights
    own = scores[np.arange(len(scores)), examples.target]
    penalty = L2 * float(((weights * spread(examples)) ** 2).sum())
    return float((np.log(np.exp(scores).sum(axis=1)) - own).mean()) + penalty


def test_nothing_near_is_likelier_than_what_the_regression_finds() -> None:
    examples = chosen_by(TRUE, count=400)
    found = regress(examples, 0.0).weights
    least = loss_of(examples, found)
    draw = np.random.default_rng(5)
    for size in (1e-2, 1e-1, 1.0):
        assert loss_of(examples, found + size * draw.standard_normal(3)) > least
    # From far away it comes to the same: a step too long is shortened.
    far = regress(examples, 0.0, np.array([40.0, 40.0, -40.0])).weights
    np.testing.assert_allclose(far, found, atol=5e-3)


def test_the_curvature_is_the_second_derivative() -> None:
    examples = chosen_by(TRUE, count=300)
    found = regress(examples, 0.0)
    step = 1e-2
    for one in range(3):
        move = step * np.eye(3)[one]
        middle = loss_of(examples, found.weights)
        either = loss_of(examples, found.weights + move) + loss_of(examples, found.weights - move)
        second = (either - 2.0 * middle) / step**2
        assert found.curvature[one, one] == pytest.approx(second, rel=2e-2)


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_what_is_lost_without_a_feature_is_what_a_new_regression_loses(gone: int) -> None:
    examples = chosen_by(np.array([0.5, -0.3, 0.1]))
    whole = regress(examples, 0.0)
    stays = np.arange(3) != gone
    rest = examples.narrow(stays)
    lost = loss_of(rest, regress(rest, 0.0).weights) - loss_of(examples, whole.weights)
    assert loss_without(whole, ~stays) == pytest.approx(lost, rel=0.1, abs=1e-4)


def test_among_the_best_the_weights_become_better_there() -> None:
    examples = chosen_by(TRUE, count=500)
    poor = np.array([0.2, 0.2, 1.0])
    assert quality(examples, focus(examples, poor)) > quality(examples, poor)
    near = focused(examples, poor)
    assert (near.target >= 0).all()


def test_where_no_target_is_met_the_weights_stay() -> None:
    lost = Examples(
        features=np.ones((4, 5, 2), np.float32),
        target=np.full(4, -1),
        valid=np.ones((4, 5), np.bool_),
    )
    assert regress(lost, 0.0, np.array([1.0, 2.0])).weights.tolist() == [1.0, 2.0]
    assert quality(lost, np.array([1.0, 2.0])) == 0.0


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.data())
def test_a_rank_is_how_many_stand_above_and_half_of_those_level(
    scores: list[int], data: st.DataObject
) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    examples = Examples(
        features=np.zeros((1, len(scores), 0), np.float32),
        target=np.array([target]),
        valid=np.ones((1, len(scores)), np.bool_),
    )
    above = sum(score > scores[target] for score in scores)
    level = scores.count(scores[target]) - 1
    found = ranks_of(np.array([scores], dtype=np.float64), examples)
    assert found.tolist() == [above + level / 2]


def test_gains_are_those_of_one_relevant_item() -> None:
    found = gains(np.array([0.0, 1.0, 9.0, 10.0, np.inf]))
    np.testing.assert_allclose(found, [1.0, 1 / np.log2(3), 1 / np.log2(11), 0.0, 0.0])
