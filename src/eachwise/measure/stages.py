"""What the stages of a relationship are worth: a Markov reward process, from counts that merge.

Per period a person is in one of S stages and earns something. With P the transition probabilities, r the mean margin
of a period that begins in a stage and γ the discount per period, V = r + γPV, so V = (I − γP)⁻¹ r.

Rows of P are Dirichlet, given a prior mass that favours staying; r is shrunk toward the common mean, its sampling
variance clustered by person. The interval of V is that of seeded posterior draws of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Between, StageValue
from eachwise.measure.shrinkage import shrink

DRAWS = 400
# Periods of belief about where a stage leads before any were counted: most of it that one stays.
PRIOR_PERIODS = 2.0
PRIOR_STAYS = 0.8
PRIOR_PEOPLE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStatistic:
    """Sums over people; adding two of different people is exact. S stages.

    counts: (S, S) periods that began in stage i and ended in stage j
    sums:   (S, 5) Σ e, Σ n, Σ e², Σ e·n, Σ n² over people, of each stage's earnings e and periods n of one person
    """

    stages: tuple[str, ...]
    counts: Floats
    sums: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class StageValues:
    """``value`` (S,), ``draws`` (M, S) of its posterior, ``transition`` (S, S) and ``reward`` (S,) posterior means."""

    stages: tuple[str, ...]
    discount: float
    value: Floats
    draws: Floats
    transition: Floats
    reward: Floats
    periods: Floats

    def described(self, level: float = 0.95) -> list[StageValue]:
        """Stage by stage, with the interval of the draws."""
        tail = (1.0 - level) / 2.0
        low, high = np.quantile(self.draws, [tail, 1.0 - tail], axis=0)
        return [
            StageValue(
                stage=stage,
                value=Between(float(self.value[i]), float(low[i]), float(high[i])),
                reward=float(self.reward[i]),
                periods=float(self.periods[i]),
                next=dict(zip(self.stages, self.transition[i].tolist(), strict=True)),
            )
            for i, stage in enumerate(self.stages)
        ]


def no_stages(stages: Sequence[str]) -> StageStatistic:
    """The statistic of nobody: merging's identity. Raises ``InvalidInput`` for stages named twice, or none."""
    if not stages or len(set(stages)) != len(stages):
        raise InvalidInput("stages: name at least one, each once", field="stages")
    size = len(stages)
    return StageStatistic(
        stages=tuple(stages), counts=np.zeros((size, size)), sums=np.zeros((size, 5))
    )


def count_stages(
    stages: Sequence[str], lives: Iterable[tuple[Sequence[str], Sequence[float]]]
) -> StageStatistic:
    """The statistic of these people; each is (stages at the ends of T + 1 periods, margin earned in each of the T).

    Period t begins in stage t and ends in stage t + 1. Raises ``InvalidInput`` for an unknown stage or a wrong length.
    """
    found = no_stages(stages)
    row = {stage: i for i, stage in enumerate(stages)}
    for path, earned in lives:
        unknown = next((stage for stage in path if stage not in row), None)
        if unknown is not None:
            raise InvalidInput(f"lives: {unknown!r} is no stage", field="lives")
        if len(path) != len(earned) + 1:
            raise InvalidInput("lives: T earnings need T + 1 stages", field="lives")
        at = np.array([row[stage] for stage in path], dtype=np.int64)
        np.add.at(found.counts, (at[:-1], at[1:]), 1.0)
        money = np.bincount(
            at[:-1], weights=np.asarray(earned, dtype=np.float64), minlength=len(row)
        )
        periods = np.bincount(at[:-1], minlength=len(row)).astype(np.float64)
        found.sums[:] += np.stack([money, periods, money**2, money * periods, periods**2], axis=1)
    return found


def merge_stages(left: StageStatistic, right: StageStatistic) -> StageStatistic:
    """Both statistics as one; associative, commutative. Nobody may be in both.

    Raises ``InvalidInput`` where they are of other stages.
    """
    if left.stages != right.stages:
        raise InvalidInput("stages: both statistics must be of the same", field="stages")
    return StageStatistic(
        stages=left.stages, counts=left.counts + right.counts, sums=left.sums + right.sums
    )


def solve_stages(
    statistic: StageStatistic, *, discount: float, seed: int, draws: int = DRAWS
) -> StageValues:
    """V and its posterior draws; ``discount`` γ in [0, 1) per period. Raises ``InvalidInput`` outside it."""
    if not 0.0 <= discount < 1.0:
        raise InvalidInput("discount: must be at least 0 and below 1", field="discount")
    size = len(statistic.stages)
    generator = np.random.default_rng(seed)
    belief = statistic.counts + _prior(size)
    transition = belief / belief.sum(axis=1, keepdims=True)
    reward, variance = _rewards(statistic)
    gamma = generator.gamma(np.broadcast_to(belief, (draws, size, size)))
    rows = gamma / gamma.sum(axis=2, keepdims=True)
    rewards = reward + np.sqrt(variance) * generator.standard_normal((draws, size))
    return StageValues(
        stages=statistic.stages,
        discount=discount,
        value=_solved(transition, reward, discount),
        draws=_solved(rows, rewards, discount),
        transition=transition,
        reward=reward,
        periods=statistic.sums[:, 1].copy(),
    )


def _solved(transition: Floats, reward: Floats, discount: float) -> Floats:
    """(I − γP)⁻¹ r, of one process or of many."""
    system = np.eye(transition.shape[-1]) - discount * transition
    return np.asarray(np.linalg.solve(system, reward[..., None])[..., 0])


def _prior(size: int) -> Floats:
    """(S, S) pseudo-counts: a share of them that one stays, the rest evenly."""
    stays = PRIOR_STAYS if size > 1 else 1.0
    others = (1.0 - stays) / max(size - 1, 1)
    return PRIOR_PERIODS * (others + (stays - others) * np.eye(size))


def _rewards(statistic: StageStatistic) -> tuple[Floats, Floats]:
    """Posterior mean and variance of each stage's mean margin a period, (S,).

    Σe/Σn of a stage is a ratio of sums over people: its variance Σ (e − r n)² / (Σ n)² (Cochran 1977) opens into the
    statistic's sums. A few people who happened to earn alike prove nothing: two more, as unlike as people of all
    stages are, are counted with them.
    """
    money, periods, squares, cross, lengths = statistic.sums.T
    total = float(periods.sum())
    if total == 0.0:
        return np.zeros(len(money)), np.zeros(len(money))
    mean = np.divide(money, periods, out=np.zeros_like(money), where=periods > 0.0)
    off = np.maximum(squares - 2.0 * mean * cross + mean**2 * lengths, 0.0)
    common = float(money.sum()) / total
    pooled = float(off.sum()) / float(lengths.sum())
    seen = periods > 0.0
    variance = np.full(len(mean), np.inf)
    typical = lengths[seen] / periods[seen]
    variance[seen] = (off[seen] + PRIOR_PEOPLE * pooled * typical**2) / periods[seen] ** 2
    scale = max(float(np.abs(mean[seen] - common).max()), np.sqrt(pooled), 1e-9)
    shrunk = shrink(mean, np.maximum(variance, 1e-18), scale=scale, centre=common)
    return shrunk.mean, np.maximum(shrunk.variance, 0.0)
