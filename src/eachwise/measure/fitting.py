"""Maximum likelihood of BG/NBD and Gamma-Gamma. Needs scipy; what serves reads the parameters only.

The likelihood is that of the papers; the search is what fails elsewhere. Here time and money are scaled to about 1,
parameters are searched as logarithms within wide bounds (so that no step leaves the numbers), equal customers are
counted and not repeated, and of several starts the best is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.measure.customers import BgNbd, GammaGamma

# log of a parameter in scaled units: e^±10 covers anything that data of a shop can tell from its limit.
_BOUND = 10.0
_STARTS = (0.0, 1.0, -1.0)
_CUSTOMERS_MIN = 10


def fit_bg_nbd(x: Floats, t_x: Floats, age: Floats) -> BgNbd:
    """The parameters that make these customers likeliest; equations (6) and (7) of Fader, Hardie & Lee (2005).

    x: repeat orders, t_x: time of the last, ``age``: T; each (n,). Raises ``InvalidInput`` below ten customers or where
    nobody ordered again, ``MissingExtra`` without scipy.
    """
    _require_scipy()
    if len(x) < _CUSTOMERS_MIN or not bool(np.any(x > 0.0)):
        raise InvalidInput("customers: ten are needed, and one repeat order", field="customers")
    if not bool(np.all((x >= 0.0) & (t_x >= 0.0) & (t_x <= age) & (age > 0.0))):
        raise InvalidInput("customers: x ≥ 0, 0 ≤ t_x ≤ T and T > 0 are needed", field="customers")
    unit = float(age.max()) / 10.0
    rows, count = np.unique(
        np.stack([x, t_x / unit, age / unit], axis=1), axis=0, return_counts=True
    )
    orders, last, seen = rows.T

    def loss(logs: Floats) -> float:
        from scipy.special import gammaln  # noqa: PLC0415 - a server does not load scipy

        r, alpha, a, b = np.exp(logs)
        common = gammaln(b + orders) + gammaln(a + b) - gammaln(b) - gammaln(a + b + orders)
        common += gammaln(r + orders) - gammaln(r) + r * np.log(alpha)
        alive = -(r + orders) * np.log(alpha + seen)
        ordered = np.maximum(orders, 1.0)
        gone = np.log(a) - np.log(b + ordered - 1.0) - (r + orders) * np.log(alpha + last)
        likelihood = common + np.where(orders > 0.0, np.logaddexp(alive, gone), alive)
        return -float(count @ likelihood) / float(count.sum())

    r, alpha, a, b = np.exp(_least(loss, 4)).tolist()
    return BgNbd(r=r, alpha=alpha * unit, a=a, b=b)


def fit_gamma_gamma(x: Floats, mean_value: Floats) -> GammaGamma:
    """The parameters that make these mean order values likeliest (Fader & Hardie 2013, equation 1a).

    x ≥ 1 repeat orders and their ``mean_value`` > 0, each (n,); leave out who never ordered again. Raises
    ``InvalidInput`` below ten customers or for other values, ``MissingExtra`` without scipy.
    """
    _require_scipy()
    if len(x) < _CUSTOMERS_MIN or not bool(np.all((x >= 1.0) & (mean_value > 0.0))):
        raise InvalidInput(
            "customers: ten are needed, each with x ≥ 1 and a mean value above 0", field="customers"
        )
    unit = float(mean_value.mean())
    value = mean_value / unit

    def loss(logs: Floats) -> float:
        from scipy.special import gammaln  # noqa: PLC0415 - a server does not load scipy

        p, q, gamma = np.exp(logs)
        likelihood = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        likelihood += (p * x - 1.0) * np.log(value) + p * x * np.log(x)
        likelihood -= (p * x + q) * np.log(gamma + x * value)
        return -float(likelihood.mean())

    p, q, gamma = np.exp(_least(loss, 3)).tolist()
    return GammaGamma(p=p, q=q, gamma=gamma * unit)


def _least(loss: Callable[[Floats], float], size: int) -> Floats:
    """Where the loss is least within the bounds, the best of several starts, each polished without gradients."""
    from scipy.optimize import minimize  # noqa: PLC0415 - a server does not load scipy

    bounds = [(-_BOUND, _BOUND)] * size
    best: Any = None
    for start in _STARTS:
        found = minimize(loss, np.full(size, start), method="L-BFGS-B", bounds=bounds)
        if np.isfinite(found.fun) and (best is None or found.fun < best.fun):
            best = found
    if best is None:
        raise InvalidInput(
            "customers: their likelihood is not a number anywhere", field="customers"
        )
    polish = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000}
    best = minimize(loss, best.x, method="Nelder-Mead", bounds=bounds, options=polish)
    return np.asarray(best.x, dtype=np.float64)


def _require_scipy() -> None:
    try:
        import scipy  # noqa: F401, PLC0415 - a server does not load scipy
    except ImportError:
        raise MissingExtra("scipy is not installed: pip install 'eachwise[train]'") from None
