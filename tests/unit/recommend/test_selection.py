"""Which models of a blend stay: on examples where it is known what each one adds."""

from __future__ import annotations

import numpy as np
import pytest

from eachwise.recommend.training.features import Examples
from eachwise.recommend.training.selection import (
    BEST,
    HALFWAY,
    REGRESSION,
    choose_weights,
    eliminate,
    weigh,
)
from eachwise.recommend.training.weights import quality, regress

pytest.importorskip("scipy", reason="training needs scipy: pip install 'eachwise[train]'")

# Models of one feature each, in this order; the first two are renewed by the live counts, the last two are not.
STATIC = ("wide", "ridge")


def chosen_by(weights: np.ndarray, copies: tuple[int, ...] = (), count: int = 4_000) -> Examples:
    """People who choose by a softmax of these weights; ``copies``: features that repeat the first, nearly."""
    draw = np.random.default_rng(2)
    features = draw.standard_normal((count, 30, len(weights)))
    for column in copies:
        features[:, :, column] = features[:, :, 0] + 0.01 * draw.standard_normal((count, 30))
    luck = draw.gumbel(size=(count, 30))
    return Examples(
        features=features.astype(np.float32),
        target=(features @ weights + luck).argmax(axis=1),
        valid=np.ones((count, 30), np.bool_),
    )


def kept(examples: Examples, models: tuple[str, ...]) -> list[str]:
    said: list[str] = []
    found = eliminate(examples, regress(examples, 0.0).weights, models, said.append)
    assert len(said) == len(models) - len(found)
    return found


def test_what_adds_nothing_goes_and_what_adds_something_stays() -> None:
    assert kept(chosen_by(np.array([1.0, 0.0])), STATIC) == ["wide"]
    assert kept(chosen_by(np.array([0.0, 1.0])), STATIC) == ["ridge"]
    assert kept(chosen_by(np.array([1.0, 0.5])), STATIC) == [*STATIC]


def test_of_two_that_say_the_same_one_goes() -> None:
    assert len(kept(chosen_by(np.array([1.0, 0.0]), copies=(1,)), STATIC)) == 1


def test_where_nothing_says_anything_one_stays() -> None:
    assert len(kept(chosen_by(np.array([0.0, 0.0])), STATIC)) == 1


def test_a_model_that_is_renewed_stays_unless_it_speaks_against_itself() -> None:
    """Affinities know of declared tastes, which no validation sees."""
    models = ("wide", "affinity")
    assert kept(chosen_by(np.array([1.0, 0.06])), models) == ["wide", "affinity"]
    assert kept(chosen_by(np.array([1.0, -0.03])), models) == ["wide"]
    # What is told by a strong weight below 0 is told all the same.
    assert kept(chosen_by(np.array([1.0, -0.6])), models) == ["wide", "affinity"]


def test_the_way_of_weighing_is_the_one_that_does_best_for_those_who_check() -> None:
    examples = chosen_by(np.array([1.0, -0.5]))
    half = np.arange(len(examples.target)) % 2 == 0
    fits, checks = examples.of(half), examples.of(~half)
    poor = np.array([0.1, 0.5])
    way, weights, found = choose_weights(fits, checks, poor)
    assert set(found) == {BEST, HALFWAY, REGRESSION}
    assert way == max(found, key=lambda name: found[name]) == BEST
    assert found[way] == quality(checks, weights) > found[REGRESSION]
    assert weigh(fits, poor, REGRESSION) is poor
    np.testing.assert_allclose(weigh(fits, poor, BEST), weights)
    np.testing.assert_allclose(weigh(fits, poor, HALFWAY), (poor + weights) / 2.0)
