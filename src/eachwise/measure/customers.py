"""How many orders a customer will still make and of what size: BG/NBD and Gamma-Gamma.

BG/NBD (Fader, Hardie & Lee 2005, "Counting your customers" the easy way): a customer orders at a Poisson rate λ ~
Gamma(r, α), and is gone for good after each order with probability p ~ Beta(a, b). Gamma-Gamma (Fader & Hardie 2013):
the mean value of a customer's orders varies as Gamma(p, ν) with ν ~ Gamma(q, γ), whatever their number.

A customer is x repeat orders (the first not counted), t_x time of the last since the first, T time since the first: all
in the unit the model was fitted in. Serving needs numpy only; ``fitting`` finds the parameters.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput

_TERMS_MAX = 20_000
_TERM_MIN = 1e-12
# Where a = 1 the formula is 0/0; beside it the limit is reached to 1e-6.
_NEAR_ONE = 1e-7


class BgNbd(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters r, α (time), a, b, all above 0."""

    r: float
    alpha: float
    a: float
    b: float


class GammaGamma(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters p, q, γ (money), all above 0; the mean order is finite for q > 1."""

    p: float
    q: float
    gamma: float


def probability_alive(model: BgNbd, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """P(still a customer | x, t_x, T), in (0, 1]; 1 for x = 0, since one leaves only after an order.

    1 / (1 + [x > 0]·a/(b + x − 1)·((α + T)/(α + t_x))^(r + x))
    """
    _check(x, t_x, age)
    return np.asarray(1.0 / (1.0 + _gone_odds(model, x, t_x, age)))


def expected_orders(
    model: BgNbd, x: Floats, t_x: Floats, age: Floats, horizon: Floats | float
) -> Floats:
    """E[orders in (T, T + t] | x, t_x, T] ≥ 0 (equation 10), t the ``horizon`` ≥ 0. With z = t/(α + T + t) it is

        (a + b + x − 1)/(a − 1) · [1 − (1 − z)^(r+x) ₂F₁(r + x, b + x; a + b + x − 1; z)] · P(alive)

    where Euler's transformation, (1 − z)^(a−1) ₂F₁(a + b − 1 − r, a − 1; a + b + x − 1; z), takes the inner part's
    place wherever its exponent is the smaller: the terms of that series are then the smaller ones. Raises
    ``InvalidInput`` where neither can be summed.
    """
    _check(x, t_x, age)
    ahead = np.broadcast_to(np.asarray(horizon, dtype=np.float64), np.shape(x))
    if not bool(np.all(np.isfinite(ahead) & (ahead >= 0.0))):
        raise InvalidInput("horizon: must be at least 0 and finite", field="horizon")
    r, b = model.r, model.b
    a = model.a if abs(model.a - 1.0) > _NEAR_ONE else 1.0 + _NEAR_ONE
    z = ahead / (model.alpha + age + ahead)
    top = a + b + x - 1.0
    euler = abs(a - 1.0) <= r + x
    series = _hypergeometric(
        np.where(euler, a + b - 1.0 - r, r + x), np.where(euler, a - 1.0, b + x), top, z
    )
    inner = 1.0 - np.exp(np.where(euler, a - 1.0, r + x) * np.log1p(-z)) * series
    found = top / (a - 1.0) * inner / (1.0 + _gone_odds(model, x, t_x, age))
    return np.asarray(np.maximum(found, 0.0))


def expected_value(model: GammaGamma, x: Floats, mean_value: Floats) -> Floats:
    """E[mean order value | x repeat orders of mean ``mean_value``], money: the population's for x = 0.

    p·(γ + x·m̄) / (p·x + q − 1). Raises ``InvalidInput`` where q ≤ 1: the population's mean is then infinite.
    """
    if not model.q > 1.0:
        raise InvalidInput("q: the mean order is finite only for q > 1", field="q")
    spent = np.where(x > 0.0, x * mean_value, 0.0)
    return np.asarray(model.p * (model.gamma + spent) / (model.p * x + model.q - 1.0))


def residual_value(
    orders: BgNbd, spend: GammaGamma, x: Floats, t_x: Floats, age: Floats, mean_value: Floats,
    *, periods: int, period: float, discount: float, margin: float = 1.0,
) -> Floats:  # fmt: skip
    """Discounted margin still to come, money: Σ_k γ^k (orders expected in the k-th period ahead)·value·margin.

    ``discount`` γ in (0, 1] is per period, ``period`` in the model's unit of time, ``margin`` a share of the order.
    """
    if periods < 1 or not period > 0.0 or not 0.0 < discount <= 1.0:
        raise InvalidInput("periods, period and discount must be above 0", field="periods")
    total = np.zeros(np.shape(x))
    before = np.zeros(np.shape(x))
    for k in range(1, periods + 1):
        upto = expected_orders(orders, x, t_x, age, k * period)
        total += discount**k * (upto - before)
        before = upto
    return np.asarray(total * margin * expected_value(spend, x, mean_value))


def _gone_odds(model: BgNbd, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """The odds of being gone, 0 for x = 0; cut where the exponential would overflow."""
    orders = np.maximum(x, 1.0)
    log_odds = (
        math.log(model.a)
        - np.log(model.b + orders - 1.0)
        + (model.r + orders) * (np.log(model.alpha + age) - np.log(model.alpha + t_x))
    )
    return np.where(x > 0.0, np.exp(np.minimum(log_odds, 700.0)), 0.0)


def _hypergeometric(a: Floats, b: Floats, c: Floats, z: Floats) -> Floats:
    """₂F₁(a, b; c; z) for 0 ≤ z < 1 and c > 0, element by element, by its series until no term matters."""
    term = np.ones(np.shape(z))
    total = term.copy()
    # Before a + k > 0 the terms' ratio may still grow; from then on it moves toward z.
    settled = int(max(0.0, -float(np.min(a, initial=0.0)), -float(np.min(b, initial=0.0))))
    for k in range(_TERMS_MAX):
        step = (a + k) / (c + k) * (b + k) / (k + 1.0) * z
        term = term * step
        total += term
        ratio = np.maximum(np.abs(step), z)
        rest = np.abs(term) * ratio
        if k > settled and bool(np.all(rest <= _TERM_MIN * np.abs(total) * (1.0 - ratio))):
            return total
    raise InvalidInput(
        "horizon: so far beyond the time observed that the series does not settle", field="horizon"
    )


def _check(x: Floats, t_x: Floats, age: Floats) -> None:
    """Refuse customers who cannot be."""
    if not bool(np.all((x >= 0.0) & (t_x >= 0.0) & (t_x <= age) & np.isfinite(age))):
        raise InvalidInput("customers: x ≥ 0 and 0 ≤ t_x ≤ T are needed", field="customers")
