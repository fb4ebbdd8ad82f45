"""Bayesian logistic regression with independent weights: the diagonal of ``maths.bayes``, at a tenth of its cost.

One observation (x, y), with v the variances (assumed density filtering, as in Graepel et al. 2010):

    m = xᵀμ     s² = Σ x²v     p = σ(m / √(1 + π/8 · s²))     h = max(p(1 − p), 1e-4)
    μ ← μ + v x (y − p) / (1 + h s²)          v ← v − h (v x)² / (1 + h s²)

For outcomes that are rare, or asked about rarely, what the covariances would add is below the noise
(docs/discussions/measured.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.maths.bayes import (
    CAPACITY,
    CURVATURE_MIN,
    FORGET_EVERY_UPDATES,
    NamedWeights,
    Prediction,
    Prior,
    predictive,
)


class DiagonalPosterior(NamedWeights):
    """Independent N(mean, variance) over the weights of named features; the features in the order first seen.

    Forgetting is that of ``LogisticPosterior``.
    """

    __slots__ = ("_variance",)

    def __init__(self, prior: Prior, forgetting_half_life_updates: float = 0.0) -> None:
        super().__init__(prior, forgetting_half_life_updates)
        self._variance = np.zeros(CAPACITY)

    @classmethod
    def of_arrays(
        cls, prior: Prior, half_life: float, names: list[str], mean: Floats, variance: Floats,
        ceiling: Floats, updates: int,
    ) -> DiagonalPosterior:  # fmt: skip
        """The posterior with these arrays (copied): what ``names``, ``mean`` … of another one said."""
        made = cls(prior, half_life)
        size = len(names)
        made._reserve(size)
        made.names = list(names)
        made.index = {name: column for column, name in enumerate(names)}
        made._mean[:size] = mean
        made._variance[:size] = variance
        made._ceiling[:size] = ceiling
        made.updates = updates
        return made

    @property
    def covariance(self) -> Floats:
        """(F,): a copy of the posterior variances."""
        return self._variance[: len(self.names)].copy()

    def predict(self, features: Mapping[str, float]) -> Prediction:
        """m, s² and p for one vector of features; unseen features contribute their prior."""
        mean = variance = 0.0
        for name, value in features.items():
            column = self.index.get(name)
            if column is None:
                prior_mean, prior_sd = self.prior(name)
                mean += prior_mean * value
                variance += (prior_sd * value) ** 2
            else:
                mean += float(self._mean[column]) * value
                variance += float(self._variance[column]) * value * value
        return Prediction(mean, variance, predictive(mean, variance))

    def update(self, features: Mapping[str, float], outcome: bool | float) -> Prediction:
        """Learn one outcome (0 or 1); returns what was predicted before. Linear in the features given."""
        columns, x, found = self._seen(features)
        curvature = max(found.probability * (1.0 - found.probability), CURVATURE_MIN)
        shrink = 1.0 / (1.0 + curvature * found.variance)
        gain = self._variance[columns] * x
        self._mean[columns] += gain * ((float(outcome) - found.probability) * shrink)
        self._variance[columns] -= gain * gain * (curvature * shrink)
        self.updates += 1
        if self.half_life > 0.0 and self.updates % FORGET_EVERY_UPDATES == 0:
            self._forget()
        return found

    def correct(self, features: Mapping[str, float], change: float) -> None:
        """An outcome learnt earlier turns out to differ by ``change``, as in ``LogisticPosterior.correct``; here close
        to, and not exactly, what learning the right outcome would have given.
        """
        columns, x, _ = self._seen(features)
        self._mean[columns] += self._variance[columns] * x * change

    def settle(self) -> None:
        """Nothing waits here: an update is done when it is made."""

    def _seen(self, features: Mapping[str, float]) -> tuple[list[int], Floats, Prediction]:
        """Columns and values of the features, unseen ones added, and the prediction."""
        columns = self._columns(features)
        x = np.fromiter(features.values(), dtype=np.float64, count=len(columns))
        mean = float((self._mean[columns] * x).sum())
        variance = float((self._variance[columns] * x * x).sum())
        return columns, x, Prediction(mean, variance, predictive(mean, variance))

    def _forget(self) -> None:
        size = len(self.names)
        grown = self._variance[:size] * 2.0 ** (FORGET_EVERY_UPDATES / self.half_life)
        ceiling = np.maximum(self._ceiling[:size], self._variance[:size])
        self._variance[:size] = np.minimum(grown, ceiling)

    def _enter(self, column: int, variance: float) -> None:
        self._variance[column] = variance

    def _grow(self, more: int) -> None:
        self._variance = np.pad(self._variance, (0, more))
