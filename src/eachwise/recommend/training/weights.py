"""The weights of a linear blend: a softmax regression, the same once more among the best, then a search on the metric.

A regression against uniform negatives learns what is likely at all, and spends its weights on telling the popular from
the rest. What is shown is decided among the best few: regressing there again is what the metric asks for (measured:
docs/discussions/measured.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats
from eachwise.recommend.training.features import Examples

L2 = 1e-3
STEPS_MAX = 100
CUTOFF = 10
# Among so many of the best the second regression tells the target apart; measured from 30 to 300.
FOCUS = 50
FOCUS_ROUNDS = 2
# Shares of itself (or of a tenth of a standard deviation) by which the search moves a weight.
MOVES: Sequence[float] = (-1.0, -0.5, -0.25, 0.25, 0.5, 1.0)
SEARCH_ROUNDS = 2


def spread(examples: Examples) -> Floats:
    """Each feature's standard deviation over the examples, 1 where it never changes; (F,)."""
    found = examples.features[examples.valid].std(axis=0, dtype=np.float64)
    return np.where(found > 1e-9, found, 1.0)


def regress(
    examples: Examples, correction: float, start: Floats | None = None, steps_max: int = STEPS_MAX
) -> Floats:
    """Weights (F,) that minimise −log softmax of the target, each feature divided by its sd, plus 1e-3·|w|².

    ``correction``: log(items / negatives drawn), added to every item but the target: a uniform sample stands for all.
    Targets that are not among their items teach nothing; where that is all of them, the start (or 0) is returned.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 — fitting only: serving never loads it

    scale = spread(examples)
    kept = examples.target >= 0
    features = examples.features[kept] / scale.astype(np.float32)
    begin = np.zeros(features.shape[2]) if start is None else start * scale
    if not len(features):
        return begin / scale
    lines = np.arange(len(features))
    target = examples.target[kept]
    offset = np.where(examples.valid[kept], np.float32(correction), np.float32(-np.inf))
    offset[lines, target] = 0.0
    wanted = features[lines, target].astype(np.float64).mean(axis=0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = features @ weights.astype(np.float32) + offset
        top = scores.max(axis=1, keepdims=True)
        shares = np.exp(scores - top)
        total = shares.sum(axis=1, keepdims=True)
        fit = float((top + np.log(total)).mean()) - float(wanted @ weights)
        shares /= total
        expected = np.tensordot(shares, features, axes=2) / len(features)
        gradient = expected.astype(np.float64) - wanted + 2.0 * L2 * weights
        return fit + L2 * float(weights @ weights), gradient

    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": steps_max})
    return np.asarray(found.x / scale)


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
        weights = regress(focused(examples, weights), 0.0, weights)
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
    """Mean NDCG@10 of a blend."""
    scores = examples.features @ weights.astype(np.float32)
    return float(gains(ranks_of(scores, examples)).mean())


def search(examples: Examples, weights: Floats, rounds: int = SEARCH_ROUNDS) -> Floats:
    """Coordinate search for NDCG@10: one weight after another moves while that helps, the largest first."""
    scale = spread(examples)
    there = examples.of(examples.target >= 0)
    columns = np.ascontiguousarray(np.moveaxis(there.features, 2, 0))
    held = replace(there, features=there.features[:, :, :0])
    found = weights.copy()
    scores = np.tensordot(found.astype(np.float32), columns, axes=1)
    best = float(gains(ranks_of(scores, held)).sum())
    for _ in range(rounds):
        before = best
        for feature in np.argsort(-np.abs(found * scale), kind="stable").tolist():
            size = max(abs(found[feature]), 0.1 / scale[feature])
            for move in MOVES:
                tried = scores + np.float32(move * size) * columns[feature]
                gained = float(gains(ranks_of(tried, held)).sum())
                if gained > best + 1e-6:
                    best, scores = gained, tried
                    found[feature] += move * size
        if best - before <= 1e-3 * best:
            break
    return found
