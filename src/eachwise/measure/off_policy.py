"""What another policy would have earned, from the log of the one that ran: an estimate with its interval, or a refusal.

With w = π(a|x)/μ(a|x) the target's over the logged probability of what was chosen, q̂ a cross-fitted reward model and n
decisions (Dudík, Langford & Li 2011):

    IPS = Σ w r / n        SNIPS = Σ w r / Σ w        DR = Σ [ Σ_a π(a|x) q̂(x, a) + w (r − q̂(x, chosen)) ] / n

Intervals are clustered by person and corrected for skewness (``clustered``). When to refuse was measured
(docs/discussions/off-policy.md): below an effective sample of 300 an interval that claims 95 % holds the truth far less
often, and says nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Diagnostics, Evaluated, Evaluation, Reason, Refused
from eachwise.measure.clustered import interval, numbered, standard_error
from eachwise.measure.log import SUM_TOLERANCE, Log
from eachwise.measure.reward_model import predicted_rewards


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to refuse, and from where on an estimate may decide. Defaults: docs/discussions/off-policy.md."""

    ess_min: float = 300.0
    ess_decisive: float = 1000.0
    conversions_min: float = 10.0
    conversions_decisive: float = 30.0
    weight_share_max: float = 0.01
    weight_mean_off_max: float = 0.1
    # A mean weight so many standard errors from 1, and beyond the alarm, is no accident.
    weight_mean_errors_max: float = 4.0


LIMITS = Limits()


def evaluate(
    log: Log, target: Floats, *, model: Floats | None = None, level: float = 0.95,
    limits: Limits = LIMITS,
) -> Evaluation:  # fmt: skip
    """The value a decision of the policy ``target`` (N,) of candidates' probabilities, summing to 1 a decision.

    ``model`` (N,) are predicted rewards that owe nothing to the decision's own person (None: ``predicted_rewards``).
    Returns ``Refused`` with every reason where the log cannot answer, else ``Evaluated``. Raises ``InvalidInput`` for a
    target that is no policy, or a level outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise InvalidInput(f"level: lies between 0 and 1, not {level}", field="level")
    number, people = numbered(log.person)
    if people < 2:
        return Refused(
            reasons=[
                Reason(
                    code="nothing_logged",
                    words=f"{len(log.person)} decisions of {people} people: no interval can be given",
                )
            ]
        )
    _check(log, target)
    weight = target[log.chosen] / log.probability[log.chosen]
    diagnostics = _diagnose(log, target, weight, people, limits)
    reasons = _reasons(log, weight, number, people, diagnostics, limits)
    if reasons:
        return Refused(reasons=reasons, diagnostics=diagnostics)
    if model is None:
        model = predicted_rewards(log)
    elif model.shape != log.probability.shape or not bool(np.all(np.isfinite(model))):
        raise InvalidInput("model: needs one finite reward a candidate", field="model")
    return _estimate(log, target, model, weight, diagnostics, level, limits)


def _estimate(
    log: Log, target: Floats, model: Floats, weight: Floats, diagnostics: Diagnostics,
    level: float, limits: Limits,
) -> Evaluated:  # fmt: skip
    count, reward = len(log.person), log.reward
    number, people = numbered(log.person)
    direct = log.summed(target * model)
    robust = direct + weight * (reward - model[log.chosen])
    snips = float(weight @ reward) / float(weight.sum())
    logged = float(reward.mean())
    value = float(robust.mean())

    def held(middle: float, influence: Floats) -> tuple[float, Floats, Ints, int, float]:
        return middle, influence, number, people, level

    return Evaluated(
        value=interval(*held(value, (robust - value) / count)),
        snips=interval(*held(snips, weight * (reward - snips) / float(weight.sum()))),
        logged=interval(*held(logged, (reward - logged) / count)),
        difference=interval(
            *held(value - logged, (robust - reward - (value - logged)) / count)
        ),
        ips=float(weight @ reward) / count,
        model_only=float(direct.mean()),
        decisive=diagnostics.ess >= limits.ess_decisive
        and diagnostics.conversions >= limits.conversions_decisive
        and not diagnostics.alarms,
        diagnostics=diagnostics,
        level=level,
    )  # fmt: skip


def _check(log: Log, target: Floats) -> None:
    """Refuse probabilities that are none, or that depend on what was chosen."""
    if target.shape != log.probability.shape:
        raise InvalidInput("target: needs one probability a candidate", field="target")
    if not bool(np.all((target >= 0.0) & (target <= 1.0 + SUM_TOLERANCE))):
        raise InvalidInput("target: probabilities lie in [0, 1]", field="target")
    if bool(np.any(log.summed(target) > 1.0 + SUM_TOLERANCE)):
        raise InvalidInput("target: sums to more than 1 in a decision", field="target")
    if bool(np.any(target[~log.recorded] > 0.0)):
        raise InvalidInput(
            "target: acts on candidates that the log names only because they were chosen",
            field="target",
        )


def _diagnose(log: Log, target: Floats, weight: Floats, people: int, limits: Limits) -> Diagnostics:
    total = float(weight.sum())
    squares = float(weight @ weight)
    ess = total * total / squares if squares > 0.0 else 0.0
    converted = log.converted.astype(np.float64)
    weighted = float(weight @ converted) / total if total > 0.0 else 0.0
    missing = 1.0 - log.summed(target)
    off = np.where(log.probability > 0.0, 0.0, target)
    unsupported = float(np.maximum(missing, 0.0).mean()) + float(off.sum()) / len(missing)
    mean = total / len(weight)
    alarms = []
    if abs(mean - 1.0) > limits.weight_mean_off_max:
        alarms.append(
            f"the mean weight is {mean:.2f} and should be 1: the recorded probabilities, or the "
            "target's, may not be those that choices were drawn with"
        )
    return Diagnostics(
        decisions=len(log.person),
        people=people,
        ess=ess,
        conversions=ess * min(weighted, float(converted.mean())),
        weight_max_share=float(weight.max()) / total if total > 0.0 else 1.0,
        weight_mean=mean,
        unsupported=unsupported,
        alarms=alarms,
    )


def _reasons(
    log: Log, weight: Floats, number: Ints, people: int, found: Diagnostics, limits: Limits
) -> list[Reason]:
    """Everything that speaks against an estimate."""
    reasons = []
    if found.unsupported > SUM_TOLERANCE:
        reasons.append(
            Reason(
                code="no_support",
                words=f"{found.unsupported:.2%} of the target's probability is on candidates that "
                "the log's policy could not choose or did not record",
            )
        )
    if found.ess < limits.ess_min:
        reasons.append(
            Reason(
                code="too_few_effective",
                words=f"{found.decisions:,} decisions speak for the target like {found.ess:,.0f}; "
                f"at least {limits.ess_min:,.0f} are needed",
            )
        )
    if found.conversions < limits.conversions_min:
        reasons.append(
            Reason(
                code="too_few_conversions",
                words=f"{found.conversions:.1f} effective conversions; at least "
                f"{limits.conversions_min:g} are needed",
            )
        )
    if found.weight_max_share > limits.weight_share_max:
        reasons.append(
            Reason(
                code="one_weight",
                words=f"one decision carries {found.weight_max_share:.1%} of the weight; at most "
                f"{limits.weight_share_max:.0%} is allowed",
            )
        )
    # Weights miss their mean of 1 for want of support too: then that is the reason.
    if found.alarms and found.unsupported <= SUM_TOLERANCE:
        off_mean = weight - found.weight_mean
        errors = np.asarray(np.bincount(number, off_mean, people), dtype=np.float64)
        off = abs(found.weight_mean - 1.0)
        if off * len(weight) > limits.weight_mean_errors_max * standard_error(errors):
            reasons.append(Reason(code="wrong_probabilities", words=found.alarms[0]))
    return reasons
