"""The weights of a linear blend: a softmax regression, and the same once more among the best.

A regression against uniform negatives learns what is likely at all, and spends its weights on telling the popular from
the rest. What is shown is decided among the best few: regressing there again is what the metric asks for (measured:
docs/discussions/measured.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats
from eachwise.recommend.training.features import Examples

L2 = 1e-3
STEPS_MAX = 30
CUTOFF = 10
# Among so many of the best the second regression tells the target apart; measured from 20 to 300.
FOCUS = 50
FOCUS_ROUNDS = 2
# A Newton step that promises less than this many nats a target ends the regression.
_TOLERANCE = 1e-6
# A step is halved until it gains this part of what it promises (Armijo), or is too short to matter.
_ARMIJO, _STEP_MIN = 1e-4, 1e-3


def spread(examples: Examples) -> Floats:
    """Each feature's standard deviation over the examples, 1 where it never changes; (F,)."""
    found = examples.features[examples.valid].std(axis=0, dtype=np.float64)
    return np.where(found > 1e-9, found, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Weights (F,), and the curvature (F, F) of the loss there: the second derivative of nats a target."""

    weights: Floats
    curvature: Floats


@dataclass(frozen=True, slots=True)
class _Problem:
    """−log softmax of the target, by weights of features divided by their sd: X (T, C, F), offset (T, C)."""

    features: NDArray[np.float32]
    offset: NDArray[np.float32]
    wanted: Floats

    def loss(self, weights: Floats) -> tuple[float, NDArray[np.float32]]:
        """The mean loss, 1e-3·|w|² included, and each item's share of its target's softmax (T, C)."""
        scores = self.features @ weights.astype(np.float32) + self.offset
        top = scores.max(axis=1, keepdims=True)
        shares = np.exp(scores - top)
        total = shares.sum(axis=1, keepdims=True)
        shares /= total
        fit = float((top + np.log(total)).mean()) - float(self.wanted @ weights)
        return fit + L2 * float(weights @ weights), shares

    def slope(self, weights: Floats, shares: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """The loss's gradient (F,) and second derivative (F, F): the features' covariance under the shares."""
        count, _, width = self.features.shape
        mean = np.matmul(shares[:, None, :], self.features)[:, 0]
        rooted = (self.features * np.sqrt(shares)[:, :, None]).reshape(-1, width)
        second = (rooted.T @ rooted).astype(np.float64) - (mean.T @ mean).astype(np.float64)
        gradient = mean.mean(axis=0, dtype=np.float64) - self.wanted + 2.0 * L2 * weights
        return gradient, second / count + 2.0 * L2 * np.eye(width)


def regress(
    examples: Examples, correction: float, start: Floats | None = None, steps_max: int = STEPS_MAX
) -> Regression:
    """Weights that minimise −log softmax of the target, each feature divided by its sd, plus 1e-3·|w|²: Newton's steps.

    ``correction``: log(items / negatives drawn), added to every item but the target: a uniform sample stands for all.
    Targets that are not among their items teach nothing; where that is all of them, the start (or 0) is returned.
    """
    scale = spread(examples)
    kept = examples.target >= 0
    width = examples.features.shape[2]
    weights = np.zeros(width) if start is None else start * scale
    if not kept.any():
        return Regression(weights=weights / scale, curvature=2.0 * L2 * np.diag(scale**2))
    problem = _problem(examples.of(kept), scale, correction)
    loss, shares = problem.loss(weights)
    for _ in range(steps_max):
        gradient, curvature = problem.slope(weights, shares)
        step = np.linalg.solve(curvature, gradient)
        promised = float(gradient @ step)
        if promised < _TOLERANCE:
            break
        size, found = 1.0, problem.loss(weights - step)
        while found[0] > loss - _ARMIJO * size * promised and size > _STEP_MIN:
            size /= 2.0
            found = problem.loss(weights - size * step)
        weights, (loss, shares) = weights - size * step, found
    _, curvature = problem.slope(weights, shares)
    return Regression(weights=weights / scale, curvature=curvature * np.outer(scale, scale))


def _problem(examples: Examples, scale: Floats, correction: float) -> _Problem:
    features: NDArray[np.float32] = np.asarray(examples.features / scale, dtype=np.float32)
    lines = np.arange(len(features))
    offset = np.where(examples.valid, np.float32(correction), np.float32(-np.inf))
    offset[lines, examples.target] = 0.0
    wanted = features[lines, examples.target].mean(axis=0, dtype=np.float64)
    return _Problem(features, offset, wanted)


def focused(examples: Examples, weights: Floats) -> Examples:
    """The 50 items that the weights rank first, of each target that is among them."""
    width = min(FOCUS, examples.features.shape[1])
    scores = np.where(examples.valid, examples.features @ weights.astype(np.float32), -np.inf)
    kept = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    hit = (kept == examples.target[:, None]) & (examples.target >= 0)[:, None]
    there = hit.any(axis=1)
    kept = kept[there]
    return Examples(
        features=np.take_along_axis(examples.features[there], kept[:, :, None], axis=1),
        target=hit[there].argmax(axis=1),
        valid=np.take_along_axis(examples.valid[there], kept, axis=1),
    )


def focus(examples: Examples, weights: Floats, rounds: int = FOCUS_ROUNDS) -> Floats:
    """Regress among the best, then among the best of that."""
    for _ in range(rounds):
        weights = regress(focused(examples, weights), 0.0, weights).weights
    return weights


def ranks_of(scores: NDArray[np.floating], examples: Examples) -> Floats:
    """How many valid items stand above each target, half of those level with it; inf where it is not there; (T,)."""
    lines = np.arange(len(scores))
    own = scores[lines, np.maximum(examples.target, 0)][:, None]
    above = ((scores > own) & examples.valid).sum(axis=1)
    level = ((scores == own) & examples.valid).sum(axis=1) - 1
    return np.where(examples.target >= 0, above + 0.5 * level, np.inf)


def gains(ranks: Floats, cutoff: int = CUTOFF) -> Floats:
    """NDCG@cutoff of one relevant item each: 1 / log₂(rank + 2) among the first, else 0; (T,)."""
    return np.where(ranks < cutoff, 1.0 / np.log2(ranks + 2.0), 0.0)


def quality(examples: Examples, weights: Floats) -> float:
    """What a blend is chosen by: the mean of NDCG@10 and NDCG@20, the first page and what a glance further shows."""
    ranks = ranks_of(examples.features @ weights.astype(np.float32), examples)
    return float((gains(ranks) + gains(ranks, 2 * CUTOFF)).mean() / 2.0)
