"""Bayesian logistic regression by online Laplace steps: a Gaussian posterior over named weights that grows.

One observation (x, y) with the posterior N(μ, Σ) (Spiegelhalter & Lauritzen 1990; MacKay 1992 for p):

    m = xᵀμ     s² = xᵀΣx     p = σ(m / √(1 + π/8 · s²))     h = max(p(1 − p), 1e-4)     k = Σx
    μ ← μ + k (y − p) / (1 + h s²)          Σ ← Σ − h k kᵀ / (1 + h s²)

The result depends on the order of observations, so a posterior has one ordered writer. What updates take off Σ waits
until there are 32 of them, or until somebody settles it: Σ − UᵀU with U the waiting gains, and one product of matrices
then costs a tenth of as many outer products. No product is shared between threads: the same observations in the same
order, settled at the same places, give the same bits whatever the number of processors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.draws import normals

# What is believed of a weight before it was ever seen: (mean, standard deviation).
Prior = Callable[[str], tuple[float, float]]

# MacKay's approximation of the logistic-normal integral: σ(m / √(1 + π/8 · s²)).
PROBIT_SCALE = math.pi / 8.0
CURVATURE_MIN = 1e-4
CAPACITY = 64
# Forgetting is applied once in so many updates: it costs as much as an update and hardly moves in between.
FORGET_EVERY_UPDATES = 256
# A matrix product of at most so many multiplications is done by one thread (OpenBLAS, interface/gemm.c).
SERIAL_PRODUCTS_MAX = 1 << 18
_CHOLESKY_BLOCK = 48
# A product of two squares of this size is just as many multiplications as that.
_TILE = 64
# Updates that wait: with more of them, what an update reads of those that wait costs more than is saved.
WAITING_MAX = 32
_JITTERS = (0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4)


@dataclass(frozen=True, slots=True)
class Prediction:
    """``mean`` m and ``variance`` s² of the logit, and ``probability`` p with the uncertainty integrated out."""

    mean: float
    variance: float
    probability: float


class NamedWeights(ABC):
    """What posteriors over the weights of named features share: names in the order first seen, means, priors.

    An unseen feature enters with its prior. A posterior adds how it keeps variances.
    """

    __slots__ = ("_ceiling", "_mean", "half_life", "index", "names", "prior", "updates")

    def __init__(self, prior: Prior, forgetting_half_life_updates: float = 0.0) -> None:
        self.prior = prior
        self.half_life = forgetting_half_life_updates
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.updates = 0
        self._mean = np.zeros(CAPACITY)
        self._ceiling = np.zeros(CAPACITY)

    @property
    def mean(self) -> Floats:
        """(F,): a copy of the posterior mean."""
        return self._mean[: len(self.names)].copy()

    @property
    def ceiling(self) -> Floats:
        """(F,): a copy of the prior variances, which forgetting never exceeds."""
        return self._ceiling[: len(self.names)].copy()

    def know(self, features: Mapping[str, float]) -> None:
        """Give unseen features their columns, with their priors."""
        self._columns(features)

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
            self._ceiling[column] = sd * sd
            self._enter(column, sd * sd)
        return column

    def _reserve(self, size: int) -> None:
        """Make room for ``size`` features; capacity doubles."""
        capacity = len(self._mean)
        if size <= capacity:
            return
        more = max(size, 2 * capacity) - capacity
        self._mean = np.pad(self._mean, (0, more))
        self._ceiling = np.pad(self._ceiling, (0, more))
        self._grow(more)

    @abstractmethod
    def settle(self) -> None:
        """Bring the variances up to date, so that a copy of them goes on as this one does, to the bit."""

    @abstractmethod
    def _enter(self, column: int, variance: float) -> None:
        """Give a new column its prior variance."""

    @abstractmethod
    def _grow(self, more: int) -> None:
        """Make room for the variances of so many more features."""


class LogisticPosterior(NamedWeights):
    """N(mean, covariance) over the weights of named features; the features in the order they were first seen.

    An unseen feature enters with its prior, independent of all others. Forgetting multiplies variances by 2 in every
    ``forgetting_half_life_updates`` updates (0: never), and never beyond the prior's variance; correlations stay.
    """

    __slots__ = ("_covariance", "_gains", "_waiting")

    def __init__(self, prior: Prior, forgetting_half_life_updates: float = 0.0) -> None:
        super().__init__(prior, forgetting_half_life_updates)
        self._covariance = np.zeros((CAPACITY, CAPACITY))
        # U: the first ``_waiting`` rows; a column that is not known yet is 0.
        self._gains = np.zeros((WAITING_MAX, CAPACITY))
        self._waiting = 0

    @classmethod
    def of_arrays(
        cls, prior: Prior, half_life: float, names: list[str], mean: Floats, covariance: Floats,
        ceiling: Floats, updates: int,
    ) -> LogisticPosterior:  # fmt: skip
        """The posterior with these arrays (copied): what ``names``, ``mean`` … of another one said."""
        made = cls(prior, half_life)
        size = len(names)
        made._reserve(size)
        made.names = list(names)
        made.index = {name: column for column, name in enumerate(names)}
        made._mean[:size] = mean
        made._ceiling[:size] = ceiling
        made._covariance[:size, :size] = covariance
        made.updates = updates
        return made

    @property
    def covariance(self) -> Floats:
        """(F, F): a copy of the posterior covariance; exactly symmetric."""
        size = len(self.names)
        found = self._covariance[:size, :size].copy()
        _subtract(found, self._gains[: self._waiting, :size])
        return found

    def predict(self, features: Mapping[str, float]) -> Prediction:
        """m, s² and p for one vector of features; unseen features contribute their prior."""
        columns, values, mean, variance = [], [], 0.0, 0.0
        for name, value in features.items():
            column = self.index.get(name)
            if column is None:
                prior_mean, prior_sd = self.prior(name)
                mean += prior_mean * value
                variance += (prior_sd * value) ** 2
            else:
                columns.append(column)
                values.append(value)
        if columns:
            x = np.array(values)
            mean += float((self._mean[columns] * x).sum())
            inner = self._covariance[np.ix_(columns, columns)] * x[:, None] * x
            taken = (self._gains[: self._waiting, columns] * x).sum(axis=1)
            variance += max(float(inner.sum()) - float(np.square(taken).sum()), 0.0)
        return Prediction(mean, variance, predictive(mean, variance))

    def update(self, features: Mapping[str, float], outcome: bool | float) -> Prediction:
        """Learn one outcome (0 or 1); returns what was predicted before. O(F) for each feature given."""
        gain, found, curvature, shrink = self._gain(features)
        self._mean[: len(gain)] += gain * ((float(outcome) - found.probability) * shrink)
        waits = self._gains[self._waiting, : len(gain)]
        np.multiply(gain, math.sqrt(curvature * shrink), out=waits)
        self._waiting += 1
        if self._waiting == WAITING_MAX:
            self.settle()
        self.updates += 1
        if self.half_life > 0.0 and self.updates % FORGET_EVERY_UPDATES == 0:
            self._forget()
        return found

    def settle(self) -> None:
        """Take off the covariance what waits. Where this is done decides the last bits of what follows."""
        size = len(self.names)
        _subtract(self._covariance[:size, :size], self._gains[: self._waiting, :size])
        self._waiting = 0

    def correct(self, features: Mapping[str, float], change: float) -> None:
        """An outcome learnt earlier turns out to differ by ``change`` (+1: it was a 0 and is a 1). O(F).

        The covariance holds the trial's information already, so the mean moves by Σx · change. Directly after the
        update this is exactly what learning the right outcome would have given: Σ'x = Σx / (1 + hs²). The more was
        learnt in between, and the more of that is corrected too, the further it goes astray: many wrong zeros take p
        to where trials tell little, and Σ stays too wide.
        """
        gain, _, _, _ = self._gain(features)
        self._mean[: len(gain)] += gain * change

    def _gain(self, features: Mapping[str, float]) -> tuple[Floats, Prediction, float, float]:
        """k = Σx (F,), the prediction, h = max(p(1 − p), 1e-4) and 1 / (1 + h s²)."""
        columns = self._columns(features)
        x = np.fromiter(features.values(), dtype=np.float64, count=len(columns))
        size = len(self.names)
        gain = np.einsum("c,cf->f", x, self._covariance[columns, :size])
        if self._waiting:
            waits = self._gains[: self._waiting, :size]
            gain -= np.einsum("w,wf->f", (waits[:, columns] * x).sum(axis=1), waits)
        mean = float((self._mean[columns] * x).sum())
        variance = max(float((gain[columns] * x).sum()), 0.0)
        probability = predictive(mean, variance)
        curvature = max(probability * (1.0 - probability), CURVATURE_MIN)
        found = Prediction(mean, variance, probability)
        return gain, found, curvature, 1.0 / (1.0 + curvature * variance)

    def _forget(self) -> None:
        """Σ ← R Σ R with R = diag(√min(2^(updates / half-life), prior variance / variance)), R ≥ 1."""
        self.settle()
        size = len(self.names)
        variances = np.maximum(self._covariance.diagonal()[:size], np.finfo(np.float64).tiny)
        room = np.maximum(self._ceiling[:size] / variances, 1.0)
        scale = np.sqrt(np.minimum(2.0 ** (FORGET_EVERY_UPDATES / self.half_life), room))
        self._covariance[:size, :size] *= scale[:, None] * scale

    def _enter(self, column: int, variance: float) -> None:
        self._covariance[column, column] = variance

    def _grow(self, more: int) -> None:
        self._covariance = np.pad(self._covariance, ((0, more), (0, more)))
        self._gains = np.pad(self._gains, ((0, 0), (0, more)))


def _subtract(covariance: Floats, gains: Floats) -> None:
    """Σ ← Σ − UᵀU in place, (F, F) and (W, F); tile by tile, so that one thread does it and Σ stays symmetric."""
    size = len(covariance)
    if not len(gains):
        return
    turned = np.ascontiguousarray(gains.T)
    tile = math.isqrt(SERIAL_PRODUCTS_MAX // len(gains))
    for at in range(0, size, tile):
        rows = slice(at, min(at + tile, size))
        for across in range(0, at, tile):
            columns = slice(across, across + tile)
            part = turned[rows] @ gains[:, columns]
            covariance[rows, columns] -= part
            covariance[columns, rows] -= part.T
        part = turned[rows] @ gains[:, rows]
        part += part.T.copy()
        part *= 0.5
        covariance[rows, rows] -= part


def predictive(mean: float, variance: float) -> float:
    """p = σ(m / √(1 + π/8 · s²)), the outcome's probability under logit ~ N(m, s²). Range (0, 1)."""
    return sigmoid(mean / math.sqrt(1.0 + PROBIT_SCALE * variance))


def sigmoid(logit: float) -> float:
    """1 / (1 + e^−logit), without overflow."""
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)


def merge(left: LogisticPosterior, right: LogisticPosterior) -> LogisticPosterior:
    """Two shards' posteriors as one, approximately: precisions and precision-weighted means add, less one prior.

    Λ = Λ_l + Λ_r − Λ_0 and Λμ = Λ_l μ_l + Λ_r μ_r − Λ_0 μ_0. Exact for Gaussian likelihoods; here each shard was
    linearised about its own path, so the caller measures the error. Both must share their prior and not forget.
    """
    names = left.names + [name for name in right.names if name not in left.index]
    if not names:
        return LogisticPosterior(left.prior, left.half_life)
    prior = np.array([left.prior(name) for name in names])
    prior_precision = prior[:, 1] ** -2.0
    precision = -np.diag(prior_precision)
    weighted = -prior_precision * prior[:, 0]
    for part in (left, right):
        full_precision = np.diag(prior_precision)
        full_mean = prior[:, 0].copy()
        columns = [names.index(name) for name in part.names]
        full_precision[np.ix_(columns, columns)] = np.linalg.inv(part.covariance)
        full_mean[columns] = part.mean
        precision += full_precision
        weighted += full_precision @ full_mean
    covariance = np.linalg.inv(precision)
    covariance = (covariance + covariance.T) / 2.0
    return LogisticPosterior.of_arrays(
        left.prior, left.half_life, names, covariance @ weighted, covariance,
        prior[:, 1] ** 2.0, left.updates + right.updates,
    )  # fmt: skip


def serial_matmul(left: Floats, right: Floats) -> Floats:
    """left @ right by one thread: in blocks too small for BLAS to share out, of rows, or where few rows make one of
    everything.

    So its bits do not depend on the number of threads, and it never waits for a thread that the machine's other work
    has pushed aside (measured: 100 ms instead of 2 for a publication on a loaded machine).
    """
    rows, inner, columns = len(left), left.shape[1], right.shape[1]
    block = max(1, SERIAL_PRODUCTS_MAX // max(inner * columns, 1))
    if block >= rows:
        return np.asarray(left @ right)
    found = np.zeros((rows, columns))
    if block >= _TILE:
        for at in range(0, rows, block):
            found[at : at + block] = left[at : at + block] @ right
        return found
    for at in range(0, rows, _TILE):
        for across in range(0, columns, _TILE):
            part = found[at : at + _TILE, across : across + _TILE]
            for through in range(0, inner, _TILE):
                own = slice(through, through + _TILE)
                part += left[at : at + _TILE, own] @ right[own, across : across + _TILE]
    return found


def cholesky(covariance: Floats) -> Floats:
    """L, lower triangular, with L Lᵀ = ``covariance`` (F, F), block column by block column (Golub & Van Loan 4.2).

    By one thread, as :func:`serial_matmul`. Raises ``numpy.linalg.LinAlgError`` unless positive definite.
    """
    size = len(covariance)
    lower = np.zeros((size, size))
    for at in range(0, size, _CHOLESKY_BLOCK):
        end = min(at + _CHOLESKY_BLOCK, size)
        rest = covariance[at:, at:end] - serial_matmul(lower[at:, :at], lower[at:end, :at].T)
        corner = np.linalg.cholesky(rest[: end - at])
        lower[at:end, at:end] = corner
        lower[end:, at:end] = serial_matmul(rest[end - at :], np.linalg.inv(corner).T)
    return lower


def gaussian_draws(covariance: Floats, count: int, seed: int) -> Floats:
    """(count, F): seeded draws of N(0, covariance), z Lᵀ with L the Cholesky factor.

    A diagonal jitter of up to 1e-4 of the mean variance repairs rounding; beyond that ``InvalidInput`` is raised,
    since the matrix is then no covariance.
    """
    size = len(covariance)
    if size == 0:
        return np.zeros((count, 0))
    scale = float(covariance.diagonal().mean())
    for jitter in _JITTERS:
        repaired = covariance + np.eye(size) * (jitter * scale) if jitter else covariance
        try:
            factor = cholesky(repaired)
        except np.linalg.LinAlgError:
            continue
        return serial_matmul(normals(seed, (count, size)), factor.T)
    raise InvalidInput(
        f"the covariance of {size} weights is not positive definite", field="covariance"
    )
