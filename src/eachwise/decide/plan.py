"""A layout under one version of the propensity model: all of a decision that the moment does not change.

A candidate's features are x = (fixed part f, moving part d). Of N(μ, Σ) over the weights the fixed part's share of
mean, variance and draws is worked out here once, so that a decision only touches the D moving columns:

    m = fᵀμ_f + dᵀμ_d        s² = fᵀΣ_ff f + 2 (Σ_df f)ᵀ d + dᵀΣ_dd d        z = fᵀw_f + dᵀw_d
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, PropensityHead, PropensityModel
from eachwise.contracts.experience import Experience, Placement
from eachwise.contracts.learning import OUTCOMES, Outcome
from eachwise.decide.layout import Layout, Select, layout
from eachwise.maths.bayes import Prior, gaussian_draws, serial_matmul
from eachwise.maths.draws import normals
from eachwise.maths.hashing import stable_hash

DRAWS_MIN = 64
TAKEUP: Final = "takeup"


# What is believed of a weight that an outcome's head has not learnt yet; the learner's, passed on by the shell.
Priors = Mapping[Outcome, Prior]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullHead:
    """One head over K experiences: shares of the fixed features, and the posterior of the D moving weights.

    fixed_mean, fixed_variance: (K,); cross: (K, D) = F Σ_fd; fixed_draws: (M, K); moving_mean: (D,);
    moving_covariance: (D, D); moving_draws: (M, D). Draws are of N(0, Σ).
    """

    fixed_mean: Floats
    fixed_variance: Floats
    cross: Floats
    fixed_draws: Floats
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
    """Bring the take-up head's posterior into the layout's columns and share it out between fixed and moving ones."""
    names = prepared.fixed + prepared.moving
    head = _enough(model.heads[TAKEUP], count, model.version, TAKEUP)
    mean, covariance, draws = _gathered(names, head, index, priors[TAKEUP], model.version, TAKEUP)
    split = len(prepared.fixed)
    matrix = prepared.fixed_matrix
    across = serial_matmul(matrix, covariance[:split])
    return FullHead(
        fixed_mean=matrix @ mean[:split],
        fixed_variance=np.sum(across[:, :split] * matrix, axis=1),
        cross=np.ascontiguousarray(across[:, split:]),
        fixed_draws=serial_matmul(draws[:, :split], matrix.T),
        moving_mean=mean[split:].copy(),
        moving_covariance=covariance[split:, split:].copy(),
        moving_draws=np.ascontiguousarray(draws[:, split:]),
    )


def _plain(
    prepared: Layout, model: PropensityModel, index: Mapping[str, int], priors: Priors
) -> PlainHeads:
    """The other heads' means and variances in the layout's columns; what they have not seen has its prior."""
    names = prepared.fixed + prepared.moving
    outcomes = [outcome for outcome in OUTCOMES if outcome != TAKEUP]
    known = [(place, index[name]) for place, name in enumerate(names) if name in index]
    places = np.array([place for place, _ in known], dtype=np.int64)
    columns = np.array([column for _, column in known], dtype=np.int64)
    mean, variance = np.zeros((2, len(outcomes), len(names)))
    for row, outcome in enumerate(outcomes):
        prior, head = priors[outcome], model.heads[outcome]
        for place, name in enumerate(names):
            if name not in index:
                mean[row, place], sd = prior(name)
                variance[row, place] = sd * sd
        mean[row, places] = head.mean[columns]
        variance[row, places] = head.covariance[columns]
    split = len(prepared.fixed)
    matrix = prepared.fixed_matrix.T
    return PlainHeads(
        rows={outcome: row for row, outcome in enumerate(outcomes)},
        fixed_mean=serial_matmul(mean[:, :split], matrix),
        fixed_variance=serial_matmul(variance[:, :split], matrix * matrix),
        moving_mean=np.ascontiguousarray(mean[:, split:].T),
        moving_variance=np.ascontiguousarray(variance[:, split:].T),
    )


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


def _gathered(
    names: Sequence[str], head: PropensityHead, index: Mapping[str, int], prior: Prior,
    version: int, label: str,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Mean (F,), covariance (F, F) and draws (M, F) over ``names``; unseen ones enter with their prior, independent."""
    known = [(place, index[name]) for place, name in enumerate(names) if name in index]
    places = np.array([place for place, _ in known], dtype=np.int64)
    columns = np.array([column for _, column in known], dtype=np.int64)
    mean = np.zeros(len(names))
    covariance = np.zeros((len(names), len(names)))
    draws = np.zeros((len(head.draws), len(names)))
    mean[places] = head.mean[columns]
    covariance[np.ix_(places, places)] = head.covariance[np.ix_(columns, columns)]
    draws[:, places] = head.draws[:, columns]
    for place, name in enumerate(names):
        if name not in index:
            prior_mean, prior_sd = prior(name)
            mean[place] = prior_mean
            covariance[place, place] = prior_sd * prior_sd
            seed = stable_hash("unseen weight", label, version, name)
            draws[:, place] = prior_sd * normals(seed, (len(head.draws),))
    if not math.isfinite(float(mean.sum())):
        raise ArithmeticError(f"the {label} head of propensity version {version} is not finite")
    return mean, covariance, draws
