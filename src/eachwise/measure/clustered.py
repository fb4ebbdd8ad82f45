"""Intervals of a mean whose observations come in clusters (a person's decisions), and whose errors are skewed.

θ̂ = θ + Σ_g e_g with e_g the influence of cluster g of G, so se² = G/(G − 1)·Σ e_g² (Liang & Zeger 1986). Rewards are
rare and weights long-tailed: the Student statistic is then skewed, and the plain interval misses on one side. Hall
(1992, "On the removal of skewness by transformation") corrects with γ, the skewness of the e_g:

    [θ̂ − se·h(z_hi), θ̂ − se·h(z_lo)]        h(z) = (3√G/γ)·((1 + γ/√G·(z − γ/(6√G)))^(1/3) − 1)

and z the quantiles of Student's t with G − 1 degrees of freedom.
"""

from __future__ import annotations

import math

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.measurement import Between
from eachwise.maths.intervals import t_quantile

# Below this the cube root's difference quotient only amplifies rounding: h(z) = z to within 1e-6.
_SKEW_MIN = 1e-6


def numbered(cluster: Ints) -> tuple[Ints, int]:
    """Clusters numbered from 0, (n,), and how many there are."""
    names, number = np.unique(cluster, return_inverse=True)
    return np.asarray(number, dtype=np.int64), len(names)


def interval(middle: float, influence: Floats, number: Ints, count: int, level: float) -> Between:
    """The interval of θ̂ = ``middle`` from each observation's influence (n,), clusters 0 … count − 1; count ≥ 2."""
    errors = np.asarray(np.bincount(number, influence, count), dtype=np.float64)
    spread = standard_error(errors)
    if spread == 0.0:
        return Between(middle, middle, middle)
    z = t_quantile((1.0 + level) / 2.0, count - 1)
    centred = errors - errors.mean()
    scale = math.sqrt(float(centred @ centred) / count)
    skew = float((centred**3).mean()) / scale**3 if scale > 0.0 else 0.0
    return Between(
        middle,
        middle - spread * _unskewed(z, skew / math.sqrt(count)),
        middle - spread * _unskewed(-z, skew / math.sqrt(count)),
    )


def standard_error(errors: Floats) -> float:
    """√(G/(G − 1)·Σ e_g²) of the clusters' influences (G,)."""
    count = len(errors)
    return math.sqrt(count / (count - 1) * float(errors @ errors))


def _unskewed(z: float, g: float) -> float:
    """h(z) with g = γ/√G; odd roots keep it monotone whatever the sample gave."""
    if abs(g) < _SKEW_MIN:
        return z
    return 3.0 / g * (float(np.cbrt(1.0 + g * (z - g / 6.0))) - 1.0)
