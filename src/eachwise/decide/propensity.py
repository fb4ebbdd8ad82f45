"""What the model says of every candidate at once: P(outcome), and joint draws of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.decide.plan import FullHead, PlainHeads
from eachwise.maths.bayes import PROBIT_SCALE, SERIAL_PRODUCTS_MAX


class Score(NamedTuple):
    """``mean`` m, ``variance`` s² of the logit and ``probability`` p of each candidate, (K,)."""

    mean: Floats
    variance: Floats
    probability: Floats


def score(head: FullHead, moving: Floats) -> Score:
    """m = xᵀμ, s² = xᵀΣx, p = σ(m / √(1 + π/8 · s²)) for K candidates; ``moving`` (K, D)."""
    mean = head.fixed_mean + moving @ head.moving_mean
    variance = head.fixed_variance.copy()
    columns, cross = moving.T, head.cross.T
    for part in _parts(len(moving), len(columns) ** 2):
        through = head.moving_covariance @ columns[:, part]
        through += cross[:, part]
        through += cross[:, part]
        through *= columns[:, part]
        variance[part] += through.sum(axis=0)
    np.maximum(variance, 0.0, out=variance)
    return Score(mean, variance, sigmoid(mean / np.sqrt(1.0 + PROBIT_SCALE * variance)))


def plain_scores(heads: PlainHeads, rows: Ints, moving: Floats) -> Floats:
    """(H, K): P(outcome) of each head with independent weights, m = xᵀμ, s² = Σ x²v; ``moving`` (K, D) of ``rows``."""
    every = len(rows) == heads.fixed_mean.shape[1]
    fixed_mean = heads.fixed_mean if every else heads.fixed_mean[:, rows]
    fixed_variance = heads.fixed_variance if every else heads.fixed_variance[:, rows]
    columns, found = moving.T, np.empty(fixed_mean.shape)
    for part in _parts(len(moving), heads.moving_mean.size):
        own = columns[:, part]
        mean = heads.moving_mean.T @ own
        mean += fixed_mean[:, part]
        variance = heads.moving_variance.T @ np.square(own)
        variance += fixed_variance[:, part]
        variance *= PROBIT_SCALE
        variance += 1.0
        mean /= np.sqrt(variance, out=variance)
        sigmoid(mean, out=found[:, part])
    return found


def sampled(
    head: FullHead,
    moving: Floats,
    mean: Floats,
    chosen: Sequence[int],
    scale: float,
    out: Floats | None = None,
) -> Floats:
    """(M, K): P(outcome) under M joint draws of the weights, σ(m + α xᵀw), w ~ N(0, Σ).

    ``mean`` (K,) is where the draws are centred: the logit of the expected probability, so that what is best without
    any spread is what is best by expectation. ``chosen`` are the rows of the stored draws, ``scale`` is α. What a draw
    moves in all candidates alike is taken out: it does not help to choose among them, and doubt about the general level
    is no reason to be silent. ``out`` (M, K): where to write.
    """
    rows = list(chosen)
    moved, columns = head.moving_draws[rows], moving.T
    alike = head.fixed_alike[rows] + moved @ columns.mean(axis=1)
    found = np.empty((len(rows), len(moving))) if out is None else out
    for part in _parts(len(moving), moved.size):
        logits = moved @ columns[:, part]
        logits += head.fixed_draws[rows, part]
        logits -= alike[:, None]
        logits *= scale
        logits += mean[part]
        sigmoid(logits, out=found[:, part])
    return found


def _parts(count: int, products: int) -> list[slice]:
    """All candidates, some at a time: so many that a product of so many multiplications each is done by one thread, and
    what is worked out of them stays in the processor's cache.
    """
    size = max(1, SERIAL_PRODUCTS_MAX // max(products, 1))
    return [slice(begin, min(begin + size, count)) for begin in range(0, count, size)]


def logit(probabilities: Floats) -> Floats:
    """ln(p / (1 − p)), element by element, of probabilities inside (0, 1)."""
    return np.asarray(np.log(probabilities) - np.log1p(-probabilities))


def sigmoid(logits: Floats, out: Floats | None = None) -> Floats:
    """1 / (1 + e^−x), element by element; it cannot overflow, since logits are cut at −500."""
    odds = np.negative(logits)
    np.minimum(odds, 500.0, out=odds)
    np.exp(odds, out=odds)
    odds += 1.0
    return np.asarray(np.reciprocal(odds, out=odds if out is None else out))
