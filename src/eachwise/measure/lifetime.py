"""ΔCLV: what one exposure changes in lifetime value against silence, from the two statistics of stages and of changes.

Of experience e for a person in stage s, with V the stages' values, γ the discount and m the next period's margin:

    ΔCLV = γ·Σ_j Δp_j V_j + Δm          Δ = mean of those who got e − mean of those who got silence

Σ_j Δp_j = 0, so this is Σ Δp·(V_to − V_from). The variance is clustered by person and takes in the doubt about V. The
effects of all experiences at a stage are shrunk toward what they have in common (``shrinkage``): of an experience with
thin evidence hardly more is claimed than of one never shown, 0 with a wide interval where nothing was measured at all.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Between, Change, LifetimeModel, Reason, Refused
from eachwise.measure.changes import Cell, ChangeStatistic, Silent
from eachwise.measure.shrinkage import shrink
from eachwise.measure.stages import StageValues

# An exposure is believed to move about so much of the distance between the best and the worst stage, before any data.
PRIOR_SHARE = 0.02
# Comparisons' worth of the common scatter mixed into a cell's own, which a few alike observations would call 0.
PRIOR_COMPARISONS = 10.0
# An experience's error is never all that of the silent: those who got it have their own.
SHARED_MAX = 0.95
# Where all stages are worth the same and nobody earns anything.
_VARIANCE_MIN = 1e-12


class _Found(NamedTuple):
    """One cell's comparison.

    effect, its scatter (the variance of one comparison), ess (how many it is worth), doubt (variance from not knowing
    V), shared (the part of its error, in standard deviations, that all experiences of the stage have), and its parts
    """

    experience_id: str
    effect: float
    scatter: float
    ess: float
    doubt: float
    shared: float
    moves: dict[str, float]
    earned: float


def lifetime_model(
    values: StageValues, changes: ChangeStatistic, *, version: int, period_s: float,
    level: float = 0.95,
) -> LifetimeModel | Refused:  # fmt: skip
    """The model that decisions read. ``Refused`` where no decision was drawn between an experience and silence.

    Raises ``InvalidInput`` where both are not of the same stages.
    """
    if values.stages != changes.stages:
        raise InvalidInput("stages: values and changes must be of the same", field="stages")
    by_stage = {stage: _compared(values, changes, stage) for stage in values.stages}
    if not any(by_stage.values()):
        return Refused(reasons=[_why_not(changes)])
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    scale = _prior_scale(values)
    found: dict[str, dict[str, Change]] = {}
    unseen = {}
    for stage, cells in by_stage.items():
        own, shared = _errors(cells, values)
        effects = np.array([one.effect for one in cells])
        shrunk = shrink(effects, own, scale=scale, shared=shared)
        unseen[stage] = Change(clv=_held(shrunk.unseen_mean, shrunk.unseen_variance, z))
        for place, one in enumerate(cells):
            found.setdefault(one.experience_id, {})[stage] = Change(
                clv=_held(float(shrunk.mean[place]), float(shrunk.variance[place]), z),
                moves=one.moves,
                earned=one.earned,
                ess=one.ess,
            )
    return LifetimeModel(
        version=version,
        period_s=period_s,
        discount=values.discount,
        stages=values.described(level),
        changes=found,
        unseen=unseen,
    )


def _compared(values: StageValues, changes: ChangeStatistic, stage: str) -> list[_Found]:
    """Every cell of a stage in which both sides were seen."""
    return [
        _compare(values, experience_id, cell, changes.silent[stage])
        for (experience_id, at), cell in sorted(changes.cells.items(), key=lambda each: each[0])
        if at == stage and bool(np.all(cell.squares > 0.0))
    ]


def _compare(values: StageValues, experience_id: str, cell: Cell, silent: Silent) -> _Found:
    """The difference of two weighted means and its variance.

    A person's influence on a side's mean is (c·u − mean·u₀)/Σw, u the person's own sums there.
    """
    size = len(values.stages) + 2
    sides = cell.sums.reshape(2, size)
    mass = sides[:, 0]
    means = sides[:, 1:] / mass[:, None]
    worth = np.append(values.discount * values.value, 1.0)
    level = means @ worth
    influence = np.concatenate(
        [sign * np.append(-level[k], worth) / mass[k] for k, sign in enumerate((1.0, -1.0))]
    )
    variance = max(float(influence @ cell.outer @ influence), 0.0)
    ess = mass**2 / cell.squares
    both = float(1.0 / (1.0 / ess).sum())
    delta = means[0] - means[1]
    doubt = float((values.discount * values.draws @ delta[:-1]).var())
    return _Found(
        experience_id=experience_id,
        effect=float(level[0] - level[1]),
        scatter=variance * both,
        shared=_shared_error(influence, cell, silent, worth),
        ess=both,
        doubt=doubt,
        moves=dict(zip(values.stages, delta[:-1].tolist(), strict=True)),
        earned=float(delta[-1]),
    )


def _shared_error(influence: Floats, cell: Cell, silent: Silent, worth: Floats) -> float:
    """The loading of a cell's error on the error of the mean of all silent, cov / sd."""
    mass = float(silent.sums[0])
    common = np.append(-float(silent.sums[1:] @ worth) / mass, worth) / mass
    variance = float(common @ silent.outer @ common)
    if variance <= 0.0:
        return 0.0
    return float(influence @ cell.shared @ common) / float(np.sqrt(variance))


def _errors(cells: list[_Found], values: StageValues) -> tuple[Floats, Floats]:
    """Each effect's own sampling variance, and its loading on the error that it shares with the stage's others.

    The scatter is mixed with what is common to the stage, and the doubt about V comes on top. That nobody moved in n
    comparisons does not make a move impossible: it may have a probability near 1/(n + 2) (Laplace), so the scatter is
    at least (γ·(max V − min V))²/(n + 2).
    """
    if not cells:
        return np.zeros(0), np.zeros(0)
    scatter = np.array([one.scatter for one in cells])
    ess = np.array([one.ess for one in cells])
    doubt = np.array([one.doubt for one in cells])
    unmoved = (values.discount * float(np.ptp(values.value))) ** 2 / (float(ess.sum()) + 2.0)
    common = max(float(ess @ scatter) / float(ess.sum()), unmoved)
    mixed = (ess * scatter + PRIOR_COMPARISONS * common) / (ess + PRIOR_COMPARISONS) / ess
    most = np.sqrt(SHARED_MAX * mixed)
    shared = np.clip(np.array([one.shared for one in cells]), -most, most)
    own = np.maximum(mixed - shared**2 + doubt, _VARIANCE_MIN)
    return np.asarray(own), np.asarray(shared)


def _prior_scale(values: StageValues) -> float:
    """The size of effect that is plausible before data, money."""
    spread = values.discount * float(np.ptp(values.value))
    return max(PRIOR_SHARE * spread, PRIOR_SHARE * float(np.abs(values.reward).max()), 1e-6)


def _held(mean: float, variance: float, z: float) -> Between:
    half = z * float(np.sqrt(variance))
    return Between(mean, mean - half, mean + half)


def _why_not(changes: ChangeStatistic) -> Reason:
    if changes.decisions == 0:
        return Reason(code="nothing_logged", words="no decision was logged")
    return Reason(
        code="no_randomisation",
        words=f"of {changes.decisions:,} decisions {changes.open:,} were drawn between an experience "
        "and silence, and none of them can be compared: keep a share of silence drawn at random",
    )
