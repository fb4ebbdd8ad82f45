"""Calibration in use, and which versions may not serve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import PropensityModel
from eachwise.contracts.learning import Exposure
from eachwise.learn import PRIORS, Closed, Learner, Monitor, judge
from eachwise.learn.guard import JUDGED_MIN, Reliability, forecasts
from eachwise.settings import LearnSettings

SETTINGS = LearnSettings()


def closed(rate: float, count: int, seed: int = 1) -> list[Closed]:
    """Exposures of two experiences, of which a share is taken up, forecast at that share."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(count):
        features = {"bias": 1.0, f"experience:{number % 2}": 1.0}
        came = frozenset({"takeup"}) if generator.random() < rate else frozenset()
        made.append(Closed(features, came, rate, 0.01))  # type: ignore[arg-type]
    return made


def learnt(exposures: list[Closed], version: int = 1) -> tuple[Learner, PropensityModel]:
    """A learner of these exposures, and its model."""
    learner = Learner(SETTINGS)
    for each in exposures:
        learner.learn(
            [
                Exposure(
                    decision_id="",
                    experience_id="",
                    probability=1.0,
                    features=dict(each.features),
                    outcomes=each.outcomes,
                )
            ]
        )
    return learner, learner.propensity_model(version)


def test_forecasts_are_those_of_the_learner() -> None:
    learner, model = learnt(closed(0.1, 300))
    some = [Closed({"bias": 1.0, "experience:0": 1.0, "experience:new": 1.0}, frozenset(), 0, 0)]
    said = learner.heads["takeup"].predict(some[0].features).probability
    assert forecasts(model, some)[0] == pytest.approx(said, rel=1e-12)
    empty = Learner(SETTINGS).propensity_model(0)
    prior = Learner(SETTINGS).heads["takeup"].predict(some[0].features).probability
    assert forecasts(empty, some)[0] == pytest.approx(prior, rel=1e-12)
    assert PRIORS["takeup"]("bias")[0] < 0.0


def test_what_learns_the_truth_is_accepted() -> None:
    truth = closed(0.1, 400)
    _, before = learnt(truth[:100])
    _, after = learnt(truth)
    verdict = judge(after, before, truth)
    assert verdict.accepted
    assert verdict.figures["loss"] <= verdict.figures["loss_in_use"]


def test_what_learnt_something_that_is_not_so_is_refused() -> None:
    truth = closed(0.05, 400)
    _, good = learnt(truth)
    _, flooded = learnt(closed(0.9, 2000))
    verdict = judge(flooded, good, truth)
    assert not verdict.accepted
    assert "log loss" in verdict.reason
    assert judge(good, flooded, truth).accepted


def test_weights_that_are_not_finite_are_refused_whatever_is_known() -> None:
    _, good = learnt(closed(0.05, 300))
    learner, _ = learnt(closed(0.05, 10))
    learner.heads["hide"].correct({"bias": 1.0}, float("nan"))
    verdict = judge(learner.propensity_model(2), good, [])
    assert not verdict.accepted
    assert "finite" in verdict.reason


def test_too_few_exposures_say_nothing() -> None:
    _, good = learnt(closed(0.05, 300))
    _, flooded = learnt(closed(0.9, 300))
    assert judge(flooded, good, closed(0.05, JUDGED_MIN - 1)).accepted
    assert not judge(flooded, good, closed(0.05, JUDGED_MIN)).accepted


def test_calibration_tells_true_forecasts_from_boasts() -> None:
    honest, boasting = Monitor(), Monitor()
    for each in closed(0.1, 4000):
        honest.close(each)
        boasting.close(each._replace(p_takeup=0.3))
    view: dict[str, Any] = honest.view()["takeup"]
    assert view["ece"] < 0.01
    assert view["predicted"] == pytest.approx(0.1)
    assert sum(point["exposures"] for point in view["curve"]) == pytest.approx(view["exposures"])
    assert boasting.view()["takeup"]["ece"] == pytest.approx(0.2, abs=0.02)
    assert honest.view()["disconnect"]["observed"] == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), max_size=50))
def test_the_calibration_error_is_a_share(forecast: list[tuple[float, bool]]) -> None:
    found = Reliability()
    for probability, happened in forecast:
        found.add(probability, happened)
    assert 0.0 <= found.error <= 1.0
    assert found.count.sum() <= len(forecast) + 1e-9
