"""Many noisy effects shrunk toward what they have in common: the Normal–Normal model by empirical Bayes.

    y_k = θ_k + b_k·η + ε_k,   ε_k ~ N(0, v_k),   η ~ N(0, 1),   θ_k ~ N(μ, τ²),   μ ~ N(centre, s²)

η is an error that all effects share, with loadings b: effects measured against the same controls are wrong together,
and without η their agreement would pass for evidence. With C = τ²I + s²11ᵀ and M = C + diag(v) + bbᵀ

    E θ = centre + C M⁻¹ (y − centre)          Var θ = C − C M⁻¹ C

M is diagonal plus two columns, so M⁻¹ costs O(K) (Woodbury). τ is averaged over a grid, each point weighed by its
marginal likelihood and a half-Cauchy prior of scale s (Gelman 2006): with few effects an estimate by moments is often
0, and claims that all are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput

_GRID = 60
_SPAN = (1e-3, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """``mean``, ``variance`` (K,) of each θ_k; and of a θ that was never measured."""

    mean: Floats
    variance: Floats
    unseen_mean: float
    unseen_variance: float


class _At(NamedTuple):
    """The posterior at one τ, (K + 1,) with an effect never measured at the end, and the marginal log-likelihood."""

    mean: Floats
    variance: Floats
    likelihood: float


def shrink(
    values: Floats, variances: Floats, *, scale: float, centre: float = 0.0,
    shared: Floats | None = None,
) -> Shrunk:  # fmt: skip
    """Shrink K effects ``values`` with sampling ``variances`` v > 0 and loadings ``shared`` b of a common error.

    ``scale`` s > 0 is the size that effects may plausibly have, in their unit. K = 0 gives the prior back; an effect of
    infinite variance counts as never measured. Raises ``InvalidInput`` for a scale or variance that is not positive.
    """
    if not scale > 0.0 or not bool(np.all(variances > 0.0)):
        raise InvalidInput("scale and variances must be above 0", field="variances")
    known = np.isfinite(variances)
    y, v = values[known] - centre, variances[known]
    b = np.zeros(len(y)) if shared is None else shared[known]
    taus = scale * np.geomspace(*_SPAN, _GRID)
    points = [_at(y, v, b, float(tau), scale) for tau in taus]
    # Half-Cauchy density times τ, the width of a step of the geometric grid.
    log_weight = np.array([point.likelihood for point in points])
    log_weight += np.log(taus) - np.log1p((taus / scale) ** 2)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    means = np.stack([point.mean for point in points])
    middle = weight @ means
    spread = weight @ np.stack([point.variance for point in points])
    spread += weight @ (means - middle) ** 2
    mean = np.full(len(values), middle[-1])
    variance = np.full(len(values), spread[-1])
    mean[known], variance[known] = middle[:-1], spread[:-1]
    return Shrunk(
        mean=mean + centre,
        variance=variance,
        unseen_mean=float(middle[-1]) + centre,
        unseen_variance=float(spread[-1]),
    )


def _at(y: Floats, v: Floats, b: Floats, tau: float, scale: float) -> _At:
    """The posterior given τ."""
    own, common = tau * tau, scale * scale
    d = v + own
    columns = np.stack([np.full(len(y), scale), b], axis=1)
    weighted = columns / d[:, None]
    core = np.eye(2) + columns.T @ weighted
    inverse = np.linalg.inv(core)

    def solved(right: Floats) -> Floats:
        """M⁻¹ · right."""
        return np.asarray(right / d - weighted @ (inverse @ (weighted.T @ right)))

    z = solved(y)
    ones = solved(np.ones(len(y)))
    diagonal = 1.0 / d - ((weighted @ inverse) * weighted).sum(axis=1)
    total = float(ones.sum())
    mean = own * z + common * float(z.sum())
    explained = own**2 * diagonal + 2.0 * own * common * ones + common**2 * total
    variance = np.append(own + common - explained, own + common - common**2 * total)
    determinant = float(np.log(d).sum()) + float(np.linalg.slogdet(core)[1])
    return _At(
        mean=np.append(mean, common * float(z.sum())),
        variance=np.maximum(variance, 0.0),
        likelihood=-0.5 * (determinant + float(y @ z)),
    )
