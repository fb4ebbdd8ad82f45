"""What the model says of every candidate at once: P(outcome), and joint draws of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.decide.plan import FullHead, PlainHeads
from eachwise.maths.bayes import PROBIT_SCALE, serial_matmul


class Score(NamedTuple):
    """``mean`` m, ``variance`` s² of the logit and ``probability`` p of each candidate, (K,)."""

    mean: Floats
    variance: Floats
    probability: Floats


def score(head: FullHead, moving: Floats) -> Score:
    """m = xᵀμ, s² = xᵀΣx, p = σ(m / √(1 + π/8 · s²)) for K candidates; ``moving`` (K, D)."""
    mean = head.fixed_mean + moving @ head.moving_mean
    through = serial_matmul(moving, head.moving_covariance)
    through += head.cross
    through += head.cross
    through *= moving
    variance = np.maximum(head.fixed_variance + through.sum(axis=1), 0.0)
    return Score(mean, variance, sigmoid(mean / np.sqrt(1.0 + PROBIT_SCALE * variance)))


def plain_scores(heads: PlainHeads, rows: Ints, moving: Floats) -> Floats:
    """(H, K): P(outcome) of each head with independent weights, m = xᵀμ, s² = Σ x²v; ``moving`` (K, D) of ``rows``."""
    mean = heads.fixed_mean[:, rows] + serial_matmul(moving, heads.moving_mean).T
    variance = (
        heads.fixed_variance[:, rows] + serial_matmul(moving * moving, heads.moving_variance).T
    )
    variance *= PROBIT_SCALE
    variance += 1.0
    np.sqrt(variance, out=variance)
    mean /= variance
    return sigmoid(mean)


def sampled(
    head: FullHead, moving: Floats, mean: Floats, chosen: Sequence[int], scale: float
) -> Floats:
    """(M, K): P(outcome) under M joint draws of the weights, σ(m + α xᵀw), w ~ N(0, Σ).

    ``mean`` (K,) is where the draws are centred: the logit of the expected probability, so that what is best without
    any spread is what is best by expectation. ``chosen`` are the rows of the stored draws, ``scale`` is α. What a draw
    moves in all candidates alike is taken out: it does not help to choose among them, and doubt about the general level
    is no reason to be silent.
    """
    rows = list(chosen)
    logits = serial_matmul(head.moving_draws[rows], moving.T)
    logits += head.fixed_draws[rows]
    logits -= logits.mean(axis=1, keepdims=True)
    logits *= scale
    logits += mean
    return sigmoid(logits)


def logit(probabilities: Floats) -> Floats:
    """ln(p / (1 − p)), element by element, of probabilities inside (0, 1)."""
    return np.asarray(np.log(probabilities) - np.log1p(-probabilities))


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + e^−x), element by element; e^x cannot overflow, since logits are cut at ±500."""
    odds = np.minimum(logits, 500.0)
    np.maximum(odds, -500.0, out=odds)
    np.negative(odds, out=odds)
    np.exp(odds, out=odds)
    odds += 1.0
    return np.asarray(np.reciprocal(odds, out=odds))
