"""Whether choices were drawn with the probabilities that were recorded for them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from eachwise.contracts.arrays import Floats, Ints


class Fit(NamedTuple):
    """A chi-square ``statistic`` with its degrees of ``freedom``, and the ``p_value``: small where they disagree."""

    statistic: float
    freedom: int
    p_value: float


def fit_to_own_vectors(probabilities: Floats, chosen: Ints, *, by_rank: bool = False) -> Fit:
    """Chi-square of D choices (D,) against each decision's own vector, the rows of ``probabilities`` (D, K).

    ``by_rank`` counts each decision's most probable column first, whichever it is: what blurs or sharpens all vectors
    alike shows there and hardly by column.

    With O the counts by column (or rank), E = Σ_d p_d and V = Σ_d (diag p_d − p_d p_dᵀ), (O − E)ᵀ V⁺ (O − E) has the
    law of chi-square with rank V degrees of freedom; p by Wilson & Hilferty (1931). A choice whose probability was 0
    refutes by itself: the statistic is infinite and p is 0. Where nothing was left to chance, p is 1.
    """
    count = probabilities.shape[1]
    if (probabilities[np.arange(len(chosen)), chosen] == 0.0).any():
        return Fit(math.inf, count - 1, 0.0)
    if by_rank:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        probabilities = np.take_along_axis(probabilities, order, axis=1)
        chosen = np.argmax(order == chosen[:, None], axis=1)
    expected = probabilities.sum(axis=0)
    off = np.bincount(chosen, minlength=count) - expected
    variance = np.diag(expected) - probabilities.T @ probabilities
    values, vectors = np.linalg.eigh(variance)
    random = values > 1e-9 * len(chosen)
    freedom = int(random.sum())
    if freedom == 0:
        return Fit(0.0, 0, 1.0)
    along = off @ vectors[:, random]
    statistic = float((along * along / values[random]).sum())
    return Fit(statistic, freedom, _upper_tail(statistic, freedom))


def _upper_tail(statistic: float, freedom: int) -> float:
    """P(chi-square of so many degrees > statistic); absolute error below .01, for one degree in the middle."""
    part = 2.0 / (9.0 * freedom)
    z = ((statistic / freedom) ** (1.0 / 3.0) - (1.0 - part)) / math.sqrt(part)
    return 0.5 * math.erfc(z / math.sqrt(2.0))
