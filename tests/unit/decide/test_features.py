"""Features by hand, and the model's arithmetic against the dense formula."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from eachwise.contracts.arrays import Floats, PropensityHead, PropensityModel
from eachwise.contracts.catalog import ItemQuery
from eachwise.contracts.experience import Experience
from eachwise.contracts.individual import Contact
from eachwise.contracts.learning import OUTCOMES
from eachwise.decide import decide, with_model
from eachwise.decide.features import named, rank_share
from eachwise.decide.propensity import plain_scores, sampled, score
from eachwise.learn.priors import FAMILIES
from eachwise.maths.bayes import LogisticPosterior
from eachwise.maths.diagonal import DiagonalPosterior
from eachwise.settings import DecideSettings
from tests.unit.decide.making import (
    DAY_US,
    NOW_US,
    PRIORS,
    experiences_of,
    indifferent,
    plan_of,
    shop,
    simple_disconnect,
    simple_takeup,
    situation_of,
)

SHOP = shop()
ALWAYS = DecideSettings(policy="epsilon_greedy", epsilon=0.0, kappa=0.0)


def features_of(experience: Experience, **changes: Any) -> dict[str, float]:
    """The features of the only experience there is."""
    made = situation_of(plan_of([experience], SHOP), settings=ALWAYS, **changes)
    choice = decide(made)
    assert not choice.is_silence
    return choice.features


def test_a_candidate_in_full() -> None:
    affinity = indifferent(SHOP)
    fish, meat = SHOP.value_of["category=fish"], SHOP.value_of["diet=pescatarian"]
    affinity.general[[fish, meat]] = [1.5, -0.5]
    affinity.moment[[fish, meat]] = [2.0, 5.0]
    experience = Experience(
        experience_id="fish-week",
        kind="offer",
        attributes={"category": "fish", "diet": "pescatarian", "topic": "angling"},
        items=ItemQuery(where={"category": "fish"}),
    )
    contacts = [
        Contact(NOW_US - 3 * DAY_US, 1, "expose", "fish-week", "hero", "web", "d1"),
        Contact(NOW_US - DAY_US, 2, "expose", "other", "hero", "web", "d2"),
        Contact(NOW_US - DAY_US, 3, "click", "other", "hero", "web", "d2"),
    ]
    scores = np.zeros(40)
    scores[:4] = [9.0, 5.0, 7.0, 8.0]  # the best fish is the fourth best of all
    found = features_of(
        experience, affinity=affinity, contacts=contacts, scores=scores, engagement=75.0
    )
    angle = 2 * math.pi * (NOW_US // 1_000_000 % 86400) / 86400
    assert found == pytest.approx(
        {
            "bias": 1.0,
            "placement:hero": 1.0,
            "channel:web:offer": 1.0,
            "attribute:category=fish": 1.0,
            "attribute:diet=pescatarian": 1.0,
            "attribute:topic=angling": 1.0,
            "experience:fish-week": 1.0,
            "match:category": 1.5,
            "match:diet": -0.5,
            "moment": (2.0 + 3.0) / 2,
            "aversion": -0.3,
            "fatigue:experience": math.log1p(0.5),
            "fatigue:all": math.log1p(0.5 + 0.125),
            "engagement": 0.5,
            "items": 1 - math.log(4) / math.log(40),
            "hour_sin:offer": math.sin(angle),
            "hour_cos:offer": math.cos(angle),
        }
    )


def test_an_experience_without_attributes_is_about_what_its_query_asks_for() -> None:
    affinity = indifferent(SHOP)
    affinity.general[SHOP.value_of["category=fish"]] = 1.0
    query = ItemQuery(where={"category": ["fish", "beef"]})
    found = features_of(Experience(experience_id="e", items=query), affinity=affinity)
    assert found["match:category"] == pytest.approx(0.5)
    assert found["attribute:category=fish"] == found["attribute:category=beef"] == 1.0


def test_a_personal_list_is_not_judged_by_the_catalogues_average() -> None:
    affinity = indifferent(SHOP)
    affinity.general[:] = -2.0
    affinity.evidence[:] = 0.0
    found = features_of(Experience(experience_id="e", items=ItemQuery()), affinity=affinity)
    assert not [name for name in found if name.startswith(("match:", "aversion", "attribute:"))]


def test_several_values_of_a_facet_are_averaged() -> None:
    affinity = indifferent(SHOP)
    affinity.general[SHOP.value_of["category=fish"]] = 9.0
    affinity.general[SHOP.value_of["category=beef"]] = -9.0
    affinity.evidence[:] = 0.0
    both = Experience(experience_id="e", attributes={"category": ["fish", "beef", "fish", "fruit"]})
    found = features_of(both, affinity=affinity)
    assert "match:category" not in found  # (3 − 3 + 0) / 3 = 0, and zeros are left out
    assert found["aversion"] == -3.0


def test_every_feature_has_a_prior_family() -> None:
    plan = plan_of(experiences_of("fish", "beef"), SHOP)
    names = plan.layout.fixed + plan.layout.moving
    assert {name.partition(":")[0] for name in names} == FAMILIES


@pytest.mark.parametrize(
    ("best", "scores", "share"),
    [
        ([3.0], [1.0, 2.0, 3.0, 0.0], [1.0]),
        ([0.0], [1.0, 2.0, 3.0, 0.0], [0.0]),
        ([2.0], [1.0, 2.0, 3.0, 0.0], [0.5]),
        ([-np.inf], [1.0, 2.0], [0.0]),
        ([1.0], [1.0], [1.0]),
        ([-np.inf], [], [0.0]),
        ([1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0]),
    ],
)
def test_rank_share(best: list[float], scores: list[float], share: list[float]) -> None:
    found = rank_share(np.array(best), np.array(scores))
    assert found.tolist() == pytest.approx(share)


def test_rank_share_of_a_large_catalogue_is_close() -> None:
    scores = np.random.default_rng(1).random(50_000)
    ordered = np.sort(scores)[::-1]
    found = rank_share(ordered[[0, 5000, 25_000, 49_999]], scores)
    assert found[0] == 1.0
    assert (np.diff(found) < 0).all()


def learnt_model(seed: int = 1) -> tuple[PropensityModel, LogisticPosterior, DiagonalPosterior]:
    """A model that has seen fish and beef but never fruit."""
    generator = np.random.default_rng(seed)
    takeup, other = LogisticPosterior(simple_takeup), DiagonalPosterior(simple_disconnect)
    plan = plan_of(experiences_of("fish", "beef"), SHOP)
    for number in range(300):
        moving = generator.normal(size=len(plan.layout.moving))
        features = named(plan.layout, number % 2, moving)
        takeup.update(features, bool(generator.random() < 0.2))
        other.update(features, bool(generator.random() < 0.05))
    names = tuple(takeup.names)

    draws = generator.multivariate_normal(np.zeros(len(names)), takeup.covariance, 64)
    full = PropensityHead(mean=takeup.mean, covariance=takeup.covariance, draws=draws)
    plain = PropensityHead(
        mean=other.mean, covariance=other.covariance, draws=np.zeros((0, len(names)))
    )
    heads = {outcome: full if outcome == "takeup" else plain for outcome in OUTCOMES}
    return PropensityModel(version=3, names=names, heads=heads), takeup, other


def moving_rows(seed: int, plan_width: int, rows: int) -> Floats:
    """Random moving features."""
    return np.random.default_rng(seed).normal(size=(rows, plan_width))


def test_scores_are_those_of_the_dense_formula_with_priors_for_what_is_new() -> None:
    model, takeup, other = learnt_model()
    plan = plan_of(experiences_of("beef", "fish", "fruit"), SHOP, model)
    moving = moving_rows(2, len(plan.layout.moving), 3)
    found = score(plan.takeup, moving)
    plain = plain_scores(plan.others, np.arange(3), moving)
    for row in range(3):
        features = named(plan.layout, row, moving[row])
        said = takeup.predict(features)
        assert found.mean[row] == pytest.approx(said.mean, abs=1e-12)
        assert found.variance[row] == pytest.approx(said.variance, abs=1e-12)
        assert found.probability[row] == pytest.approx(said.probability, abs=1e-12)
        expected = other.predict(features).probability
        assert plain[:, row] == pytest.approx(np.full(4, expected), abs=1e-12)
    some = np.array([2, 0])
    np.testing.assert_allclose(plain_scores(plan.others, some, moving[some]), plain[:, some])


def test_draws_have_the_scores_spread_and_move_the_candidates_apart_only() -> None:
    model, _, _ = learnt_model()
    prepared = plan_of(experiences_of("beef", "fish", "fruit"), SHOP, model).layout
    plan = with_model(prepared, model, PRIORS, draws=4000)
    moving = moving_rows(2, len(prepared.moving), 3)
    found = score(plan.takeup, moving)
    raw = plan.takeup.moving_draws @ moving.T + plan.takeup.fixed_draws
    assert raw.mean(axis=0) == pytest.approx(0.0, abs=0.1)
    assert raw.var(axis=0) == pytest.approx(found.variance, rel=0.1)
    # Beef and fish, both known to the model: their logits covary by xᵀΣy.
    x, y = (
        np.array([named(prepared, row, moving[row]).get(name, 0.0) for name in model.names])
        for row in (0, 1)
    )
    together = float(x @ model.heads["takeup"].covariance @ y)
    assert float(np.cov(raw[:, 0], raw[:, 1])[0, 1]) == pytest.approx(together, abs=0.03)
    # What moves all alike is taken out: neither the choice among them nor silence hangs on it.
    p = sampled(plan.takeup, moving, found.mean, range(4000), 1.0)
    apart = raw - raw.mean(axis=1, keepdims=True)
    assert np.log(p / (1.0 - p)) == pytest.approx(found.mean + apart)
    still = sampled(plan.takeup, moving, found.mean, range(5), 0.0)
    assert still == pytest.approx(np.tile(1.0 / (1.0 + np.exp(-found.mean)), (5, 1)))


def test_an_experience_that_is_new_is_scored_by_its_attributes() -> None:
    model, takeup, _ = learnt_model()
    clone = Experience(experience_id="zander-days", kind="offer", attributes={"category": "fish"})
    plan = plan_of([*experiences_of("fish"), clone], SHOP, model)
    moving = np.zeros((2, len(plan.layout.moving)))
    found = score(plan.takeup, moving)
    known, new = plan.layout.row_of["fish-week"], plan.layout.row_of["zander-days"]
    assert found.variance[new] > found.variance[known]
    own = takeup.mean[takeup.index["experience:fish-week"]]
    assert found.mean[new] == pytest.approx(found.mean[known] - own)
