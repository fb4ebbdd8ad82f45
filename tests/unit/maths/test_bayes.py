"""The logistic posterior against brute force, by hand, and on simulated data."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.bayes import (
    FORGET_EVERY_UPDATES,
    LogisticPosterior,
    cholesky,
    gaussian_draws,
    merge,
    predictive,
    serial_matmul,
    sigmoid,
)


def unit(name: str) -> tuple[float, float]:
    """N(0, 1) for every weight."""
    return 0.0, 1.0


def simulated(seed: int, count: int, weights: Floats) -> tuple[list[dict[str, float]], list[bool]]:
    """Features f0 (the bias), f1 … and outcomes drawn from the logistic model."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, len(weights)))
    rows[:, 0] = 1.0
    chance = 1.0 / (1.0 + np.exp(-rows @ weights))
    clicks = (generator.random(count) < chance).tolist()
    return [{f"f{i}": float(x) for i, x in enumerate(row)} for row in rows], clicks


def batch_laplace(
    rows: list[dict[str, float]], clicks: list[bool], size: int
) -> tuple[Floats, Floats]:
    """Mode and inverse Hessian of the exact posterior under N(0, I), by Newton's method."""
    x = np.array([list(row.values()) for row in rows])
    y = np.array(clicks, dtype=float)
    weights, hessian = np.zeros(size), np.eye(size)
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-x @ weights))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.eye(size)
        weights = weights + np.linalg.solve(hessian, x.T @ (y - p) - weights)
    return np.asarray(weights), np.asarray(np.linalg.inv(hessian), dtype=np.float64)


def test_one_step_by_hand() -> None:
    posterior = LogisticPosterior(unit)
    before = posterior.update({"x": 1.0}, True)
    assert (before.mean, before.variance, before.probability) == (0.0, 1.0, 0.5)
    assert posterior.mean.tolist() == pytest.approx([0.4])  # k (1 − ½) / (1 + ¼)
    assert posterior.covariance.tolist() == [[pytest.approx(0.8)]]  # 1 − ¼ / (1 + ¼)


def test_the_recipe_to_the_letter() -> None:
    rows, clicks = simulated(1, 60, np.array([-1.0, 0.5, 0.0, 1.0]))
    posterior = LogisticPosterior(unit)
    mean, covariance = np.zeros(4), np.eye(4)
    for row, click in zip(rows, clicks, strict=True):
        posterior.update(row, click)
        x = np.array(list(row.values()))
        m, s2 = x @ mean, x @ covariance @ x
        p = 1.0 / (1.0 + math.exp(-m / math.sqrt(1.0 + math.pi / 8.0 * s2)))
        h, k = max(p * (1.0 - p), 1e-4), covariance @ x
        mean = mean + k * (click - p) / (1.0 + h * s2)
        covariance = covariance - h * np.outer(k, k) / (1.0 + h * s2)
    assert posterior.mean == pytest.approx(mean, abs=1e-12)
    assert posterior.covariance == pytest.approx(covariance, abs=1e-12)


def test_a_correction_right_after_is_exact() -> None:
    right, corrected = LogisticPosterior(unit), LogisticPosterior(unit)
    x = {"bias": 1.0, "match": -0.7}
    right.update(x, 1)
    corrected.update(x, 0)
    corrected.correct(x, +1.0)
    np.testing.assert_allclose(corrected.mean, right.mean, rtol=1e-12)
    np.testing.assert_allclose(corrected.covariance, right.covariance, rtol=1e-12)
    assert corrected.updates == 1


def test_close_to_the_exact_laplace_posterior() -> None:
    rows, clicks = simulated(2, 400, np.array([-1.5, 0.8, -0.6]))
    posterior = LogisticPosterior(unit)
    for row, click in zip(rows, clicks, strict=True):
        posterior.update(row, click)
    mode, covariance = batch_laplace(rows, clicks, 3)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(posterior.mean - mode) < 0.5 * sd).all()
    assert np.sqrt(np.diag(posterior.covariance)) == pytest.approx(sd, rel=0.1)


def test_calibrated_on_simulated_data() -> None:
    weights = np.array([-3.0, 0.8, 0.5, -0.5, 0.0, 0.3])
    rows, clicks = simulated(3, 12_000, weights)
    posterior = LogisticPosterior(unit)
    said = np.array(
        [posterior.update(row, click).probability for row, click in zip(rows, clicks, strict=True)]
    )[2000:]
    seen = np.array(clicks)[2000:]
    groups = np.array_split(np.argsort(said), 5)
    error = sum(len(g) / len(said) * abs(said[g].mean() - seen[g].mean()) for g in groups)
    assert error < 0.01
    assert (np.abs(posterior.mean - weights) < 4 * np.sqrt(np.diag(posterior.covariance))).all()


@given(st.integers(0, 10_000))
def test_the_covariance_stays_a_covariance(seed: int) -> None:
    rows, clicks = simulated(seed, 30, np.array([0.0, 2.0, -2.0]))
    posterior = LogisticPosterior(unit, forgetting_half_life_updates=50.0)
    for row, click in zip(rows, clicks, strict=True):
        posterior.update(row, click)
    covariance = posterior.covariance
    assert (covariance == covariance.T).all()
    assert np.linalg.eigvalsh(covariance).min() > 0.0


def test_many_features_are_updated_as_the_formula_says() -> None:
    """More than one tile, features that come late, and updates that wait: all the same as one by one."""
    size = 150
    posterior = LogisticPosterior(unit)
    generator = np.random.default_rng(2)
    mean, covariance = np.zeros(size), np.eye(size)
    for number in range(100):
        # The later columns are met late.
        present = generator.choice(size if number > 40 else 60, 12, replace=False)
        values = generator.normal(size=12)
        x = np.zeros(size)
        x[present] = values
        s2 = x @ covariance @ x
        p = predictive(float(x @ mean), float(s2))
        h, k = max(p * (1.0 - p), 1e-4), covariance @ x
        y = float(number % 5 == 0)
        named = {f"f{column}": value for column, value in zip(present, values, strict=True)}
        assert posterior.predict(named).variance == pytest.approx(s2, abs=1e-12)
        posterior.update(named, y)
        mean = mean + k * (y - p) / (1.0 + h * s2)
        covariance = covariance - h * np.outer(k, k) / (1.0 + h * s2)
        if number in (10, 50, 99):
            at = [int(name[1:]) for name in posterior.names]
            found = posterior.covariance
            assert (found == found.T).all()
            np.testing.assert_allclose(found, covariance[np.ix_(at, at)], atol=1e-12)
            np.testing.assert_allclose(posterior.mean, mean[at], atol=1e-12)


def test_new_features_join_with_their_prior() -> None:
    posterior = LogisticPosterior(lambda name: (0.3, 0.5) if name == "b" else (0.0, 1.0))
    posterior.update({"a": 1.0}, True)
    alone = posterior.predict({"b": 2.0})
    assert (alone.mean, alone.variance) == (0.6, 1.0)
    assert posterior.names == ["a"]
    both = posterior.predict({"a": 1.0, "b": 2.0})
    assert both.mean == pytest.approx(0.4 + 0.6)
    assert both.variance == pytest.approx(0.8 + 1.0)
    posterior.update({"b": 1.0, "a": 1.0}, False)
    assert posterior.names == ["a", "b"]


def test_it_grows_beyond_its_capacity() -> None:
    posterior = LogisticPosterior(unit)
    for number in range(200):
        posterior.update({"bias": 1.0, f"f{number}": 1.0}, number % 3 == 0)
    assert len(posterior.mean) == 201
    assert posterior.covariance.shape == (201, 201)


def test_forgetting_widens_up_to_the_prior_and_keeps_correlations() -> None:
    posterior = LogisticPosterior(unit, forgetting_half_life_updates=FORGET_EVERY_UPDATES)
    for number in range(FORGET_EVERY_UPDATES - 1):
        posterior.update({"a": 1.0, "b": 1.0}, number % 2 == 0)
    before = posterior.covariance
    steady = LogisticPosterior.of_arrays(
        unit, 0.0, posterior.names, posterior.mean, before, np.ones(2), posterior.updates
    )
    steady.update({"a": 1.0, "b": 1.0}, True)
    posterior.update({"a": 1.0, "b": 1.0}, True)
    kept, widened = steady.covariance, posterior.covariance
    assert (np.diag(widened) > np.diag(kept)).all()
    assert (np.diag(widened) <= 1.0 + 1e-12).all()
    assert widened[0, 1] / widened[0, 0] == pytest.approx(kept[0, 1] / kept[0, 0])


def test_merged_shards_are_close_to_one_pass() -> None:
    rows, clicks = simulated(5, 2000, np.array([-1.0, 0.7, -0.4]))
    whole, left, right = (LogisticPosterior(unit) for _ in range(3))
    for number, (row, click) in enumerate(zip(rows, clicks, strict=True)):
        whole.update(row, click)
        (left if number % 2 else right).update(row, click)
    merged = merge(left, right)
    sd = np.sqrt(np.diag(whole.covariance))
    assert (np.abs(merged.mean - whole.mean) < 0.3 * sd).all()
    assert np.sqrt(np.diag(merged.covariance)) == pytest.approx(sd, rel=0.05)
    assert merged.updates == 2000


def test_merging_with_nothing_changes_nothing() -> None:
    posterior = LogisticPosterior(unit)
    posterior.update({"a": 1.0, "b": -1.0}, True)
    merged = merge(posterior, LogisticPosterior(unit))
    assert merged.mean == pytest.approx(posterior.mean)
    assert merged.covariance == pytest.approx(posterior.covariance)
    assert merge(LogisticPosterior(unit), LogisticPosterior(unit)).names == []


def test_draws_have_the_covariance() -> None:
    covariance = np.array([[1.0, 0.6], [0.6, 0.5]])
    draws = gaussian_draws(covariance, 20_000, seed=1)
    assert np.cov(draws.T) == pytest.approx(covariance, abs=0.03)
    assert draws.tobytes() == gaussian_draws(covariance, 20_000, seed=1).tobytes()
    assert gaussian_draws(np.zeros((0, 0)), 4, 1).shape == (4, 0)


@pytest.mark.parametrize("size", [1, 47, 48, 49, 170])
def test_the_factor_is_lapacks(size: int) -> None:
    rows = np.random.default_rng(size).normal(size=(size, 2 * size))
    covariance = rows @ rows.T / size
    assert cholesky(covariance) == pytest.approx(np.linalg.cholesky(covariance), abs=1e-12)


def test_serial_products_are_products() -> None:
    generator = np.random.default_rng(1)
    for shape in ((0, 3, 2), (64, 170, 170), (1, 900, 900), (5, 0, 4)):
        left, right = generator.normal(size=shape[:2]), generator.normal(size=shape[1:])
        assert serial_matmul(left, right) == pytest.approx(left @ right, abs=1e-11)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    script = (
        "import hashlib, numpy as np;"
        "from eachwise.maths.bayes import LogisticPosterior, gaussian_draws as draws;"
        "rows = np.random.default_rng(1).normal(size=(300, 600));"
        "cov = np.einsum('ik,jk->ij', rows, rows);"
        "learnt = LogisticPosterior(lambda name: (0.0, 1.0));"
        "names = [f'f{number}' for number in range(600)];"
        "[learnt.update(dict(zip(names, row.tolist())), row[0] > 0.0) for row in rows[:70]];"
        "found = draws(cov, 64, 1).tobytes() + learnt.covariance.tobytes();"
        "print(hashlib.sha256(found).hexdigest())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(answers) == 1


def test_rounding_is_repaired_and_nonsense_refused() -> None:
    singular = np.array([[1.0, 1.0], [1.0, 1.0 - 1e-15]])
    assert np.isfinite(gaussian_draws(singular, 3, 1)).all()
    with pytest.raises(InvalidInput, match="positive definite"):
        gaussian_draws(np.array([[1.0, 2.0], [2.0, 1.0]]), 3, 1)


def test_predictive_shrinks_towards_a_half() -> None:
    assert predictive(-4.0, 0.0) == pytest.approx(1.0 / (1.0 + math.exp(4.0)))
    assert sigmoid(-1000.0) == 0.0
    assert predictive(-4.0, 0.0) < predictive(-4.0, 4.0) < 0.5
    # Against the integral itself: MacKay's approximation is good to about a hundredth here.
    z = np.random.default_rng(1).normal(size=200_000)
    exact = float((1.0 / (1.0 + np.exp(-(-1.0 + 1.5 * z)))).mean())
    assert predictive(-1.0, 2.25) == pytest.approx(exact, abs=0.01)
