"""How people move between the stages of a relationship, period by period: counts that merge, rates with intervals.

Of each person it is known where they stood at K + 1 moments, the boundaries of K periods, and how long they stood at a
stage for the first time before they rose. A rate n_ij/n_i over several periods is a ratio of sums over people, who
count several times: with u_g = n_ijg − p·n_ig its variance is G/(G − 1)·Σ u_g²/n_i² (Cochran 1977), and it is worth
p(1 − p)/variance independent observations (Kish 1965), at most n_i. Its interval is Wilson's of so many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Between
from eachwise.contracts.relations import RungTime, StageTransition
from eachwise.maths.intervals import score_bounds
from eachwise.maths.survival import kaplan_meier

# Where somebody stands who has not been seen yet.
UNSEEN = -1
RISEN_DAYS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One person. S stages, K periods.

    stood:  (K + 1,) the stage at each boundary, 0 … S − 1 or ``UNSEEN``; lapsed: (K + 1,)
    waits:  (stage, days, rose): first standing at a stage, how long until first standing higher, or until the end
    """

    stood: Ints
    lapsed: Bools
    waits: Sequence[tuple[int, float, bool]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionStatistic:
    """Sums over people; adding two of different people is exact.

    counts:  (K, S + 1, S) who stood in row i at a period's start and in j at its end; row S: who was not seen yet
    stood:   (K + 1, S) people by stage at each boundary; lapsed: (K + 1,)
    squares: (S, S, 2) Σ n_ij², Σ n_ij·n_i over people; own: (S,) Σ n_i²; people: (S,) who ever began a period there
    movers:  (S, S) people who ever went from i to j
    waits:   for each stage days and whether they rose
    """

    stages: tuple[str, ...]
    counts: Ints
    stood: Ints
    lapsed: Ints
    squares: Ints
    own: Ints
    people: Ints
    movers: Ints
    waits: tuple[tuple[tuple[float, bool], ...], ...]
    persons: int = 0


def no_transitions(stages: Sequence[str], periods: int) -> TransitionStatistic:
    """The statistic of nobody: merging's identity. Raises ``InvalidInput`` without a stage or a period."""
    if not stages or len(set(stages)) != len(stages) or periods < 1:
        raise InvalidInput(
            "stages: name at least one, each once, and at least one period", field="stages"
        )
    size = len(stages)
    return TransitionStatistic(
        stages=tuple(stages),
        counts=np.zeros((periods, size + 1, size), dtype=np.int64),
        stood=np.zeros((periods + 1, size), dtype=np.int64),
        lapsed=np.zeros(periods + 1, dtype=np.int64),
        squares=np.zeros((size, size, 2), dtype=np.int64),
        own=np.zeros(size, dtype=np.int64),
        people=np.zeros(size, dtype=np.int64),
        movers=np.zeros((size, size), dtype=np.int64),
        waits=tuple(() for _ in stages),
    )


def count_transitions(
    stages: Sequence[str], periods: int, paths: Iterable[Path]
) -> TransitionStatistic:
    """The statistic of these people. Raises ``InvalidInput`` for a path of another length or an unknown stage."""
    found = no_transitions(stages, periods)
    size = len(stages)
    waits: list[list[tuple[float, bool]]] = [[] for _ in stages]
    persons = 0
    for path in paths:
        persons += 1
        stood = path.stood
        if len(stood) != periods + 1 or len(path.lapsed) != periods + 1:
            raise InvalidInput("paths: K periods have K + 1 boundaries", field="paths")
        if not ((stood >= UNSEEN) & (stood < size)).all():
            raise InvalidInput(f"paths: stages are numbered from 0 to {size - 1}", field="paths")
        seen = np.flatnonzero(stood >= 0)
        found.stood[seen, stood[seen]] += 1
        found.lapsed[seen] += path.lapsed[seen]
        moved = np.flatnonzero(stood[1:] >= 0)
        # −1 is the last row: whoever was not seen yet.
        found.counts[moved, stood[moved], stood[moved + 1]] += 1
        _own(found, stood)
        for stage, days, rose in path.waits:
            waits[stage].append((days, rose))
    return replace(found, waits=tuple(tuple(sorted(each)) for each in waits), persons=persons)


def merge_transitions(left: TransitionStatistic, right: TransitionStatistic) -> TransitionStatistic:
    """Both as one; associative, commutative. Nobody may be in both.

    Raises ``InvalidInput`` where they are of other stages or periods.
    """
    if left.stages != right.stages or left.counts.shape != right.counts.shape:
        raise InvalidInput(
            "stages: both statistics must be of the same, and as long", field="stages"
        )
    return TransitionStatistic(
        stages=left.stages,
        counts=left.counts + right.counts,
        stood=left.stood + right.stood,
        lapsed=left.lapsed + right.lapsed,
        squares=left.squares + right.squares,
        own=left.own + right.own,
        people=left.people + right.people,
        movers=left.movers + right.movers,
        waits=tuple(
            tuple(sorted(one + other)) for one, other in zip(left.waits, right.waits, strict=True)
        ),
        persons=left.persons + right.persons,
    )


def all_transitions(statistic: TransitionStatistic, level: float = 0.95) -> list[StageTransition]:
    """What all periods together tell, those that happened; people as the units."""
    counts = statistic.counts[:, :-1].sum(axis=0)
    return [
        _transition(statistic, counts, before, after, level)
        for before, after in np.argwhere(counts).tolist()
    ]


def period_transitions(
    statistic: TransitionStatistic, period: int, level: float = 0.95
) -> list[StageTransition]:
    """What one period tells: everybody counts once in it."""
    return transitions_of(statistic.stages, statistic.counts[period, :-1], level)


def transitions_of(
    stages: Sequence[str], counts: Ints, level: float = 0.95
) -> list[StageTransition]:
    """Rates of counts (S, S) in which everybody counts once, those that happened."""
    starts = counts.sum(axis=1)
    return [
        StageTransition(
            before=stages[before],
            after=stages[after],
            count=int(counts[before, after]),
            of=int(starts[before]),
            people=int(counts[before, after]),
            rate=_rate(counts[before, after] / starts[before], float(starts[before]), level),
        )
        for before, after in np.argwhere(counts).tolist()
    ]


def rung_times(statistic: TransitionStatistic, level: float = 0.95) -> list[RungTime]:
    """How long each stage but the last holds people until they first stand higher; those that anybody came to."""
    found = []
    for stage, waits in zip(statistic.stages[:-1], statistic.waits, strict=False):
        if not waits:
            continue
        days = np.array([each[0] for each in waits])
        rose = np.array([each[1] for each in waits], dtype=np.bool_)
        curve = kaplan_meier(days, rose, level)
        median, low, high = curve.median()
        risen = curve.happened_by(RISEN_DAYS)
        found.append(
            RungTime(
                stage=stage,
                people=len(days),
                rose=int(rose.sum()),
                median_days=median,
                low_days=low,
                high_days=high,
                risen_30d=None if risen is None else Between(risen.value, risen.low, risen.high),
            )
        )
    return found


def effective_rate(
    count: Floats, of: Floats, squares: Floats, people: int, level: float = 0.95
) -> Between:
    """The interval of Σ count/Σ of over people (see the module), from sums: count Σ n_ij, of Σ n_i (scalars above 0),
    squares (3,): Σ n_ij², Σ n_ij·n_i, Σ n_i².
    """
    share = float(count) / float(of)
    spread = float(squares[0] - 2.0 * share * squares[1] + share * share * squares[2])
    # Nobody moved, or everybody: how alike a person's periods are is not known, so each person counts once.
    worth = float(people)
    if people > 1 and 0.0 < share < 1.0 and spread > 0.0:
        variance = people / (people - 1) * spread / float(of) ** 2
        worth = min(share * (1.0 - share) / variance, float(of))
    return _rate(share, worth, level)


def _transition(
    statistic: TransitionStatistic, counts: Ints, before: int, after: int, level: float
) -> StageTransition:
    of = counts[before].sum()
    squares = np.append(statistic.squares[before, after], statistic.own[before]).astype(np.float64)
    people = int(statistic.people[before])
    return StageTransition(
        before=statistic.stages[before],
        after=statistic.stages[after],
        count=int(counts[before, after]),
        of=int(of),
        people=int(statistic.movers[before, after]),
        rate=effective_rate(counts[before, after], of, squares, people, level),
    )


def _own(found: TransitionStatistic, stood: Ints) -> None:
    """One person's own counts, squared and crossed."""
    began = np.flatnonzero((stood[:-1] >= 0) & (stood[1:] >= 0))
    if not len(began):
        return
    size = len(found.stages)
    own = np.zeros((size, size), dtype=np.int64)
    np.add.at(own, (stood[began], stood[began + 1]), 1)
    starts = own.sum(axis=1)
    found.squares[:, :, 0] += own * own
    found.squares[:, :, 1] += own * starts[:, None]
    found.own[:] += starts * starts
    found.people[:] += starts > 0
    found.movers[:] += own > 0


def _rate(share: float, worth: float, level: float) -> Between:
    plain = float(share)  # numpy's own float has no JSON
    low, high = score_bounds(plain, worth, level)
    return Between(plain, low, high)
