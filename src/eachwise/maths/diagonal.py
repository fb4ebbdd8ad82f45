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
    CURVATURE_MIN,
    FORGET_EVERY_UPDATES,
    Prediction,
    Prior,
    predictive,
)

_CAPACITY = 64


class DiagonalPosterior:
    """Independent N(mean, variance) over the weights of named features; the features in the order first seen.

    Forgetting is that of ``LogisticPosterior``.
    """

    __slots__ = (
        "_ceiling",
        "_mean",
        "_variance",
        "half_life",
        "index",
        "names",
        "prior",
        "updates",
    )

    def __init__(self, prior: Prior, forgetting_half_life_updates: float = 0.0) -> None:
        self.prior = prior
        self.half_life = forgetting_half_life_updates
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.updates = 0
        self._mean = np.zeros(_CAPACITY)
        self._variance = np.zeros(_CAPACITY)
        self._ceiling = np.zeros(_CAPACITY)

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
    def mean(self) -> Floats:
        """(F,): a copy of the posterior mean."""
        return self._mean[: len(self.names)].copy()

    @property
    def covariance(self) -> Floats:
        """(F,): a copy of the posterior variances."""
        return self._variance[: len(self.names)].copy()

    @property
    def ceiling(self) -> Floats:
        """(F,): a copy of the prior variances, which forgetting never exceeds."""
        return self._ceiling[: len(self.names)].copy()

    def know(self, features: Mapping[str, float]) -> None:
        """Give unseen features their columns, with their priors."""
        self._columns(features)

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

    def _columns(self, features: Mapping[str, float]) -> list[int]:
        """The columns of these features; unseen ones are added."""
        index = self.index
        try:
            return [index[name] for name in features]
        except KeyError:
            return [self._column(name) for name in features]

    def _column(self, name: str) -> int:
        """The column of a feature, which is added with its prior when it is new."""
        column = self.index.get(name)
        if column is None:
            column = len(self.names)
            self._reserve(column + 1)
            mean, sd = self.prior(name)
            self.names.append(name)
            self.index[name] = column
            self._mean[column] = mean
            self._ceiling[column] = self._variance[column] = sd * sd
        return column

    def _reserve(self, size: int) -> None:
        """Make room for ``size`` features; capacity doubles."""
        capacity = len(self._mean)
        if size <= capacity:
            return
        more = max(size, 2 * capacity) - capacity
        self._mean = np.pad(self._mean, (0, more))
        self._variance = np.pad(self._variance, (0, more))
        self._ceiling = np.pad(self._ceiling, (0, more))
