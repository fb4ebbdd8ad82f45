"""Personal repetition: what a person came back for before, and what is due again (coffee yes, a freezer no).

How many come back to an item, and after how long, is learnt for each item, shrunk towards what its attribute values
say, those towards the whole. Where engagements say what was bought, coming back means buying again; else engaging
again in another visit. Pairs and gaps are sums over people, which merge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.histories import SESSION_GAP_S, purchases_of
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import owners
from eachwise.recommend.tables import log_evidence

DAY_S = 86400.0
# Pairs of person and item, and gaps, that what the values say counts as beside an item's own.
RATE_PRIOR = 10.0
GAP_PRIOR = 5.0
# The same for an item's beside the person's own returns to it.
OWN_RATE_PRIOR = 4.0
OWN_GAP_PRIOR = 2.0
# Spread of one attribute value's effect, in log-odds of coming back and in log days.
_RATE_SPREAD = 1.0
_GAP_SPREAD = 0.5
# Below this part of a typical hazard, the log of evidence is straight.
_FLOOR = 0.01
_STEPS_MAX = 50
_RETURNS_MIN = 20
_SECOND = 1.0  # purchases are kept to the second, the visit is not
# Half-life of what lasts, in typical gaps.
LASTING_GAPS = 4.0
_SPREAD_MIN = 0.1  # of the log gaps; less would make a day's delay an impossibility


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """rates (N,): P(a person who had the item comes back to it); gaps (N,): mean log days until then.

    whole (4,): mean log gap, its standard deviation in an item, ε = .01 · mean rate / typical gap in 1/day, and whether
    only purchases count.
    """
    returns = _returns(data)
    if returns.gap_of.size < _RETURNS_MIN:
        raise DoesNotApply(f"{returns.gap_of.size} returns in another visit, {_RETURNS_MIN} needed")
    design = _design(fitting.catalog, data.item_ids)
    gaps, spread = _gaps(returns, design)
    rates, rate = _rates(returns, design, gaps, spread)
    mean_gap = float(returns.gap_days_log.mean())
    whole = [mean_gap, spread, _FLOOR * rate / math.exp(mean_gap), float(data.bought.any())]
    return {
        "rates": rates.astype(np.float32),
        "gaps": gaps.astype(np.float32),
        "whole": np.array(whole),
    }


def repeat_rates(parts: Parts) -> Floats:
    """P(a person who had the item comes back to it in another visit), learnt; (N,)."""
    return np.asarray(parts["rates"].astype(np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Returns:
    """How people came back: R gaps and P pairs of a person and an item; times in log days.

    gap_of: (R,) the items; pair_of: (P,) the items; came_back: (P,); watched: (P,) log days from the first to the end
    """

    count: int
    gap_of: Ints
    gap_days_log: Floats
    pair_of: Ints
    came_back: Bools
    watched_days_log: Floats


def _returns(data: Interactions) -> _Returns:
    """Engagements (or purchases) with one item, a pause of more than 30 minutes apart, by person and item."""
    counts = data.weights > 0
    if data.bought.any():
        counts &= data.bought
    count = len(data.item_ids)
    keys = owners(data)[counts] * count + data.rows[counts]
    at_s = data.at_s[counts]
    order = np.lexsort((at_s, keys))
    keys, at_s = keys[order], at_s[order]
    same = keys[1:] == keys[:-1]
    elapsed = np.diff(at_s)
    again = same & (elapsed > SESSION_GAP_S)
    first = np.concatenate([[True], ~same])[: len(keys)]
    returned = np.zeros(int(first.sum()), dtype=np.bool_)
    returned[(np.cumsum(first) - 1)[1:][again]] = True
    end_s = float(data.at_s.max()) if len(data.at_s) else 0.0
    return _Returns(
        count=count,
        gap_of=keys[1:][again] % count,
        gap_days_log=np.log(elapsed[again] / DAY_S),
        pair_of=keys[first] % count,
        came_back=returned,
        watched_days_log=_log_days(end_s - at_s[first]),
    )


def _log_days(seconds: Floats) -> Floats:
    """ln of days, a second at least."""
    return np.asarray(np.log(np.maximum(seconds, 1.0) / DAY_S))


def _design(catalog: CatalogIndex, item_ids: tuple[str, ...]) -> Any:
    """Which attribute values each item of the model has: (N, V) of 0 and 1, CSR; none where the catalogue lacks it."""
    from scipy.sparse import csr_array  # noqa: PLC0415 — fitting only: serving never loads it

    at = np.array([catalog.row_of.get(item_id, -1) for item_id in item_ids], dtype=np.int64)
    values = (
        np.ones(len(catalog.indices)),
        catalog.indices,
        catalog.indptr,
    )
    of_catalog = csr_array(values, shape=(len(catalog.items), len(catalog.values)))
    known = (at >= 0).astype(np.float64)
    if not len(catalog.items):
        return csr_array((len(item_ids), len(catalog.values)))
    return (of_catalog[np.maximum(at, 0)] * known[:, None]).tocsr()


def _gaps(returns: _Returns, design: Any) -> tuple[Floats, float]:
    """Each item's mean log gap (N,), shrunk, and the standard deviation of log gaps around it.

    m_i = (5·(m̄ + Σ_v θ_v) + Σ log gaps) / (5 + gaps), θ the ridge estimate of the values' effects.
    """
    from scipy.sparse import diags_array, eye_array  # noqa: PLC0415 — fitting only
    from scipy.sparse.linalg import cg  # noqa: PLC0415 — fitting only

    mean, variance = returns.gap_days_log.mean(), max(returns.gap_days_log.var(), _SPREAD_MIN**2)
    number = np.bincount(returns.gap_of, minlength=returns.count).astype(np.float64)
    total = np.bincount(returns.gap_of, returns.gap_days_log - mean, minlength=returns.count)
    said = np.zeros(returns.count)
    if design.nnz:
        # Items are what the values' effects are learnt from: one with many gaps counts as RATE_PRIOR at most.
        weight = number / (1.0 + number / GAP_PRIOR)
        target = weight * total / np.maximum(number, 1.0)
        gram = design.T @ diags_array(weight) @ design
        ridge = variance / _GAP_SPREAD**2
        effects, _ = cg(gram + ridge * eye_array(design.shape[1]), design.T @ target, rtol=1e-6)
        said = design @ effects
    gaps = mean + (GAP_PRIOR * said + total) / (GAP_PRIOR + number)
    left = returns.gap_days_log - gaps[returns.gap_of]
    return gaps, max(float(left.std()), _SPREAD_MIN)


def _rates(returns: _Returns, design: Any, gaps: Floats, spread: float) -> tuple[Floats, float]:
    """Each item's rate of return (N,), and that of all.

    p_i = (10·p̂_i + returned) / (10 + seen), logit p̂_i = b + Σ_v θ_v; a pair that did not come back counts as seen only
    as far as it was watched: Φ((log watched − m_i) / s).
    """
    waited = (returns.watched_days_log - gaps[returns.pair_of]) / spread
    seen_each = np.where(returns.came_back, 1.0, _normal_cdf(waited))
    seen: Floats = np.zeros(returns.count)
    returned: Floats = np.zeros(returns.count)
    np.add.at(seen, returns.pair_of, seen_each)
    np.add.at(returned, returns.pair_of, returns.came_back)
    whole = (returned.sum() + 0.5) / (seen.sum() + 1.0)
    said = _said_by_values(design, seen, returned, whole)
    return (RATE_PRIOR * said + returned) / (RATE_PRIOR + seen), float(whole)


def _said_by_values(design: Any, seen: Floats, returned: Floats, whole: float) -> Floats:
    """p̂ (N,): a logistic regression of coming back on the values, θ ~ N(0, 1), around the logit of the whole."""
    from scipy.optimize import minimize  # noqa: PLC0415 — fitting only: serving never loads it

    base = math.log(whole / (1.0 - whole))
    if not design.nnz:
        return np.full(len(seen), whole)
    # An item alone says at most as much of its values as this many pairs: items differ among themselves.
    weight = 1.0 / (1.0 + seen / RATE_PRIOR)

    def loss(effects: Floats) -> tuple[float, Floats]:
        logits = base + design @ effects
        chance = 1.0 / (1.0 + np.exp(-logits))
        fit = weight @ (seen * np.logaddexp(0.0, logits) - returned * logits)
        slope = design.T @ (weight * (seen * chance - returned))
        penalty = 0.5 / _RATE_SPREAD**2 * float(effects @ effects)
        return fit + penalty, slope + effects / _RATE_SPREAD**2

    found = minimize(
        loss,
        np.zeros(design.shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS_MAX},
    )
    return np.asarray(1.0 / (1.0 + np.exp(-(base + design @ found.x))))


def _normal_cdf(z: Floats) -> Floats:
    """Φ, elementwise."""
    return 0.5 * (1.0 + np.array([math.erf(one) for one in (z / math.sqrt(2.0)).tolist()]))


def hazard(
    parts: Parts, rows: Ints, since_days: Floats, returns: Floats, gaps_sum: Floats
) -> Floats:
    """How likely a return is now, in 1/day, given that it has not come yet; (K,) for each of K items.

    λ = p·f(t) / (1 − p·F(t)) (a mixture cure model), f the log-normal density with mean m and the whole's standard
    deviation. p = (4·p_i + r) / (4 + r) and m = (2·m_i + Σ own log gaps) / (2 + r): r own returns beside the item's.

    since_days: t, above 0; returns: r; gaps_sum: the sum of the person's own log gaps in days
    """
    spread = float(parts["whole"][1])
    chance = (OWN_RATE_PRIOR * parts["rates"][rows] + returns) / (OWN_RATE_PRIOR + returns)
    middle = (OWN_GAP_PRIOR * parts["gaps"][rows] + gaps_sum) / (OWN_GAP_PRIOR + returns)
    z = (np.log(since_days) - middle) / spread
    density = np.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * spread * since_days)
    return np.asarray(chance * density / (1.0 - chance * _normal_cdf(z)))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Five features (5, C), 0 for what the person did not engage with in an earlier visit.

    due: log(1 + λ/ε), λ the hazard now. known: 1. count: log(1 + engagements). decayed: log(1 + 10·Σ 2^(−age/gap)),
    gap the typical one of all; lasting: the same with four gaps. Engagements are the newest ones of the history, and
    purchases as far as they are kept.
    """
    out = np.zeros((5, frame.size))
    rows, ages = _earlier(history)
    if not len(rows):
        return out
    mean_gap, _, floor, only_bought = parts["whole"].tolist()
    speaks = history.weights > 0
    counted = (history.rows[speaks], history.ages_s[speaks])
    if only_bought:
        bought = purchases_of(history)
        counted = (bought.rows, bought.ages_s)
    if len(counted[0]):
        due, hazards = _due(parts, *counted)
        known = np.isin(due, rows)
        out[0] = log_evidence(frame.add_up(due[known], hazards[known]), floor)
    number = frame.add_up(rows, np.ones(len(rows)))
    out[1] = number > 0
    out[2] = log_evidence(number, 1.0)
    gaps = ages / (DAY_S * math.exp(mean_gap))
    out[3] = log_evidence(frame.add_up(rows, 2.0**-gaps), 0.1)
    out[4] = log_evidence(frame.add_up(rows, 2.0 ** (-gaps / LASTING_GAPS)), 0.1)
    return out


def _earlier(history: History) -> tuple[Ints, Floats]:
    """What speaks for its item and came before the visit that goes on, and how long ago: (K,) each."""
    counts = history.weights > 0
    counts[: history.session] = False
    if history.purchases is None:
        return history.rows[counts], history.ages_s[counts]
    # Purchases are kept apart, and longer: the newest ones are left out here.
    counts &= ~history.bought
    visit_s = history.ages_s[: history.session].max(initial=-1.0) + _SECOND
    before = history.purchases.ages_s > visit_s
    return (
        np.concatenate([history.rows[counts], history.purchases.rows[before]]),
        np.concatenate([history.ages_s[counts], history.purchases.ages_s[before]]),
    )


def _due(parts: Parts, rows: Ints, ages_s: Floats) -> tuple[Ints, Floats]:
    """Each distinct item (K,) of engagements that count, newest first, and its hazard now."""
    order = np.lexsort((ages_s, rows))
    rows, days = rows[order], np.maximum(ages_s[order], 1.0) / DAY_S
    new = np.concatenate([[True], rows[1:] != rows[:-1]])
    starts = np.flatnonzero(new)
    gaps = np.diff(days, prepend=0.0)
    own = ~new & (gaps > SESSION_GAP_S / DAY_S)
    logs = np.where(own, np.log(np.where(own, gaps, 1.0)), 0.0)
    returns = np.add.reduceat(own.astype(np.float64), starts)
    return rows[starts], hazard(
        parts, rows[starts], days[starts], returns, np.add.reduceat(logs, starts)
    )


def reach(parts: Parts, history: History) -> Ints:
    """Everything in the history that speaks for its item, and what was bought."""
    return np.concatenate([history.rows[history.weights > 0], purchases_of(history).rows])


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item itself, where it was engaged with in an earlier visit."""
    return row if row in _earlier(history)[0] else None


MODEL = Model(
    name="repeats",
    features=(
        "repeats.due",
        "repeats.known",
        "repeats.count",
        "repeats.decayed",
        "repeats.lasting",
    ),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
