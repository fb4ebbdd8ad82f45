"""A layout under one version of the propensity model: all of a decision that the moment does not change.

A candidate's features are x = (fixed part f, moving part d). Of N(μ, Σ) over the weights the fixed part's share of
mean, variance and draws is worked out here once, so that a decision only touches the D moving columns:

    m = fᵀμ_f + dᵀμ_d        s² = fᵀΣ_ff f + 2 (Σ_df f)ᵀ d + dᵀΣ_dd d        z = fᵀw_f + dᵀw_d
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, PropensityHead, PropensityModel
from eachwise.contracts.experience import Experience, Placement
from eachwise.contracts.learning import OUTCOMES, Outcome
from eachwise.decide.layout import Layout, Select, layout
from eachwise.maths.bayes import Prior, gaussian_draws
from eachwise.maths.draws import normals_of
from eachwise.maths.hashing import stable_hash

DRAWS_MIN = 64
TAKEUP: Final = "takeup"


# What is believed of a weight that an outcome's head has not learnt yet; the learner's, passed on by the shell.
Priors = Mapping[Outcome, Prior]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullHead:
    """One head over K experiences: shares of the fixed features, and the posterior of the D moving weights.

    fixed_mean, fixed_variance: (K,); cross: (K, D) = F Σ_fd; fixed_draws: (M, K); moving_mean: (D,);
    moving_covariance: (D, D); moving_draws: (M, D). Draws are of N(0, Σ); fixed_alike: (M,) each one's mean over K.
    """

    fixed_mean: Floats
    fixed_variance: Floats
    cross: Floats
    fixed_draws: Floats
    fixed_alike: Floats
    moving_mean: Floats
    moving_covariance: Floats
    moving_draws: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainHeads:
    """The H heads whose weights are independent, over K experiences; ``rows`` says which is which.

    fixed_mean, fixed_variance: (H, K); moving_mean, moving_variance: (D, H)
    """

    rows: Mapping[Outcome, int]
    fixed_mean: Floats
    fixed_variance: Floats
    moving_mean: Floats
    moving_variance: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A placement ready to decide with one version of definitions, catalogue and model.

    ``updates``: how many exposures the model has seen.
    """

    layout: Layout
    version: int
    updates: int
    takeup: FullHead
    others: PlainHeads


def plan(
    placement: Placement,
    experiences: Sequence[Experience],
    catalog: CatalogIndex,
    model: PropensityModel,
    *,
    select: Select,
    priors: Priors,
    draws: int = DRAWS_MIN,
) -> Plan:
    """Prepare decisions of a placement; to be kept until a version changes.

    ``experiences`` are those of the placement; ``select`` gives an item query's mask over the catalogue's rows.
    ``draws`` is the least number of joint draws wanted: what the model does not store is drawn from its covariance,
    seeded by its version. Raises ``InvalidInput`` for doubled or forbidden ids.
    """
    return with_model(layout(placement, experiences, catalog, select), model, priors, draws)


def with_model(
    prepared: Layout, model: PropensityModel, priors: Priors, draws: int = DRAWS_MIN
) -> Plan:
    """The same layout under another version of the model: cheap enough for every publication."""
    index = model.index or {name: column for column, name in enumerate(model.names)}
    return Plan(
        layout=prepared,
        version=model.version,
        updates=model.updates,
        takeup=_full(prepared, model, index, priors, max(draws, DRAWS_MIN)),
        others=_plain(prepared, model, index, priors),
    )


def _full(
    prepared: Layout, model: PropensityModel, index: Mapping[str, int], priors: Priors, count: int
) -> FullHead:
    """Share the take-up head's posterior out between fixed and moving features.

    A fixed feature is 1 or absent, and a row has few: its sums are gathered, in O(K W²) instead of O(K F²).
    """
    head, prior = _enough(model.heads[TAKEUP], count, model.version, TAKEUP), priors[TAKEUP]
    fixed = _weights(prepared.fixed, head, index, prior, model.version)
    moving = _weights(prepared.moving, head, index, prior, model.version)
    if not math.isfinite(float(fixed.mean.sum() + moving.mean.sum())):
        raise ArithmeticError(
            f"the {TAKEUP} head of propensity version {model.version} is not finite"
        )
    places = prepared.fixed_columns
    columns, across = fixed.column[places], moving.column[:-1]
    size, width = places.shape
    variance = fixed.own[places].sum(axis=1)
    cross = np.zeros((size, len(across)))
    draws = np.zeros((size, len(head.draws)))
    for each in range(width):
        variance += _covariances(head, columns[:, each], columns[:, each])
        for other in range(each + 1, width):
            variance += 2.0 * _covariances(head, columns[:, each], columns[:, other])
        cross += _covariances(head, columns[:, each, None], across)
        draws += fixed.draws[places[:, each]]
    own = np.diag(moving.own[:-1])
    return FullHead(
        fixed_mean=fixed.mean[places].sum(axis=1),
        fixed_variance=variance,
        cross=np.asfortranarray(cross),
        fixed_draws=np.ascontiguousarray(draws.T),
        fixed_alike=draws.sum(axis=0) / max(size, 1),
        moving_mean=moving.mean[:-1].copy(),
        moving_covariance=_covariances(head, across[:, None], across) + own,
        moving_draws=np.ascontiguousarray(moving.draws[:-1].T),
    )


def _plain(
    prepared: Layout, model: PropensityModel, index: Mapping[str, int], priors: Priors
) -> PlainHeads:
    """The other heads' means and variances in the layout's columns; what they have not seen has its prior."""
    outcomes = [outcome for outcome in OUTCOMES if outcome != TAKEUP]
    fixed, moving = (
        [_believed(names, model.heads[outcome], index, priors[outcome]) for outcome in outcomes]
        for names in (prepared.fixed, prepared.moving)
    )
    places = prepared.fixed_columns
    return PlainHeads(
        rows={outcome: row for row, outcome in enumerate(outcomes)},
        fixed_mean=np.array([mean[places].sum(axis=1) for mean, _ in fixed]),
        fixed_variance=np.array([variance[places].sum(axis=1) for _, variance in fixed]),
        moving_mean=np.array([mean[:-1] for mean, _ in moving]).T.copy(),
        moving_variance=np.array([variance[:-1] for _, variance in moving]).T.copy(),
    )


class _Weights(NamedTuple):
    """What a head says of n named weights, and of one more that is nothing (0 throughout).

    column: (n + 1,) where the model has it, −1 where it has not seen it; mean: (n + 1,)
    own: (n + 1,) the variance of what it has not seen, which is independent of all else
    draws: (n + 1, M)
    """

    column: Ints
    mean: Floats
    own: Floats
    draws: Floats


def _weights(
    names: Sequence[str],
    head: PropensityHead,
    index: Mapping[str, int],
    prior: Prior,
    version: int,
) -> _Weights:
    column = np.array([*(index.get(name, -1) for name in names), -1], dtype=np.int64)
    known, new = np.flatnonzero(column >= 0), np.flatnonzero(column[:-1] < 0)
    mean, own = np.zeros((2, len(column)))
    draws = np.zeros((len(column), len(head.draws)))
    mean[known] = head.mean[column[known]]
    draws[known] = head.draws[:, column[known]].T
    if len(new):
        unseen = [names[place] for place in new.tolist()]
        believed = np.array([prior(name) for name in unseen])
        seeds = [stable_hash("unseen weight", TAKEUP, version, name) for name in unseen]
        mean[new], own[new] = believed[:, 0], believed[:, 1] * believed[:, 1]
        draws[new] = believed[:, 1:] * normals_of(seeds, len(head.draws))
    return _Weights(column, mean, own, draws)


def _believed(
    names: Sequence[str], head: PropensityHead, index: Mapping[str, int], prior: Prior
) -> tuple[Floats, Floats]:
    """Mean and variance of n weights under a head of independent ones, (n + 1,) each; the last is 0."""
    found = np.zeros((2, len(names) + 1))
    column = np.array([*(index.get(name, -1) for name in names), -1], dtype=np.int64)
    known = column >= 0
    found[0, known], found[1, known] = head.mean[column[known]], head.covariance[column[known]]
    for place in np.flatnonzero(~known[:-1]).tolist():
        mean, sd = prior(names[place])
        found[:, place] = mean, sd * sd
    return found[0], found[1]


def _covariances(head: PropensityHead, left: Ints, right: Ints) -> Floats:
    """Entries of the covariance, broadcast over two arrays of columns; 0 where either is −1."""
    known = (left >= 0) & (right >= 0)
    if not len(head.mean):
        return np.zeros(known.shape)
    return np.where(known, head.covariance[left, right], 0.0)


def _enough(head: PropensityHead, count: int, version: int, label: str) -> PropensityHead:
    """The head with at least ``count`` draws; those missing are drawn here, seeded by version and label."""
    missing = count - len(head.draws)
    if missing <= 0:
        return head
    more = gaussian_draws(head.covariance, missing, stable_hash("more draws", label, version))
    stored = head.draws.reshape(-1, len(head.mean))
    return PropensityHead(
        mean=head.mean, covariance=head.covariance, draws=np.concatenate([stored, more])
    )
