"""Fitting the weights of a blend, on examples whose right weights are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.recommend.training.features import Examples
from eachwise.recommend.training.weights import focus, gains, quality, ranks_of, regress, search

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
    np.testing.assert_allclose(regress(chosen_by(TRUE), 0.0), TRUE, atol=0.08)


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
    np.testing.assert_allclose(regress(fewer, float(np.log(239 / 120))), TRUE, atol=0.12)


def test_padding_teaches_nothing() -> None:
    known = chosen_by(TRUE)
    padding = np.full((len(known.target), 5, 3), 9.0, np.float32)
    padded = Examples(
        features=np.concatenate([known.features, padding], axis=1),
        target=known.target,
        valid=np.concatenate([known.valid, np.zeros((len(known.target), 5), np.bool_)], axis=1),
    )
    np.testing.assert_allclose(regress(padded, 0.0), regress(known, 0.0), atol=1e-3)
    assert quality(padded, TRUE) == pytest.approx(quality(known, TRUE))


def test_the_search_never_makes_it_worse_where_it_looks() -> None:
    examples = chosen_by(TRUE, count=500)
    poor = np.array([0.2, 0.2, 1.0])
    found = search(examples, poor)
    assert quality(examples, found) > quality(examples, poor)
    assert quality(examples, focus(examples, poor)) > quality(examples, poor)


def test_where_no_target_is_met_the_weights_stay() -> None:
    lost = Examples(
        features=np.ones((4, 5, 2), np.float32),
        target=np.full(4, -1),
        valid=np.ones((4, 5), np.bool_),
    )
    assert regress(lost, 0.0, np.array([1.0, 2.0])).tolist() == [1.0, 2.0]
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
