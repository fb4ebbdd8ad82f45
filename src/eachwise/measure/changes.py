"""What an experience changes in the stages and the margin of the period after it, against silence: sums that merge.

Only draws count. Where a decision could give experience e with probability p and silence with q, both above 0, those
who got e are held against those who got silence. Weights are inverse probabilities times pq/(p + q), the overlap
weights of Li, Morgan & Zaslavsky (2018): q/(p + q) for e and p/(p + q) for silence. They lie in [0, 1], so nobody with
a probability of one in a thousand outweighs a thousand others, and the effect is that on people for whom the choice
was open. ``tilt="none"`` keeps 1/p and 1/q, for the effect on all.

Of each (experience, stage) cell and side the sums over decisions of w·(1, 1[next stage = 1 … S], margin) are kept,
Q = S + 2 figures, and over people of the outer products of their own sums: any linear combination of next stages and
margin then has its clustered variance, whatever the stages turn out to be worth. Experiences share those who got
silence: how far their errors are the same is kept too, against the silent of all experiences together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import SILENCE
from eachwise.measure.log import Log

Tilt = Literal["overlap", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One experience at one stage. Figures of those who got it come first, then those of who got silence.

    sums: (2Q,); outer: (2Q, 2Q) Σ over people; squares: (2,) Σ w² of each side; shared: (2Q, Q) Σ over people of the
    outer products with their sums among the stage's silent
    """

    sums: Floats
    outer: Floats
    squares: Floats
    shared: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """All silent of a stage, each counted for every experience it is held against: (Q,) sums, (Q, Q) over people."""

    sums: Floats
    outer: Floats


_Key = TypeVar("_Key")
_Sums = TypeVar("_Sums", Cell, Silent)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStatistic:
    """``cells``: (experience, stage) → sums. Of the ``decisions`` read ``open`` could have gone either way."""

    stages: tuple[str, ...]
    tilt: Tilt
    cells: dict[tuple[str, str], Cell]
    silent: dict[str, Silent]
    decisions: int
    open: int


def no_changes(stages: Sequence[str], tilt: Tilt = "overlap") -> ChangeStatistic:
    """The statistic of nobody: merging's identity."""
    return ChangeStatistic(
        stages=tuple(stages), tilt=tilt, cells={}, silent={}, decisions=0, open=0
    )


def count_changes(
    log: Log, stages: Sequence[str], *, before: Ints, after: Ints, earned: Floats,
    tilt: Tilt = "overlap",
) -> ChangeStatistic:  # fmt: skip
    """The statistic of a log's decisions; silence must be among the recorded candidates to count.

    before, after: (D,) the stage, as an index of ``stages``, at the decision and a period later
    earned: (D,) margin of that period, orders credited to the decision itself left out where its value counts them
    All decisions of a person belong into one statistic. Raises ``InvalidInput`` for wrong shapes or unknown stages.
    """
    for name, values in (("before", before), ("after", after), ("earned", earned)):
        if len(values) != len(log.person):
            raise InvalidInput(f"{name}: needs one entry a decision", field=name)
    for name, rows in (("before", before), ("after", after)):
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < len(stages):
            raise InvalidInput(f"{name}: names a stage that is not there", field=name)
    decision, row, side, weight, able = _pairs(log, tilt)
    outcome = np.zeros((len(log.person), len(stages) + 2))
    outcome[:, 0] = 1.0
    outcome[np.arange(len(after)), after + 1] = 1.0
    outcome[:, -1] = earned
    figures = weight[:, None] * outcome[decision]
    names, who = np.unique(log.person, return_inverse=True)
    people, size, stage = len(names), len(stages), before[decision]
    spared = side == 1
    silent_keys, silent_sums = _summed((stage * people + who[decision])[spared], figures[spared])
    cell_keys, cell_sums = _summed(
        ((log.arm[row] * size + stage) * people + who[decision]),
        np.concatenate([figures * ~spared[:, None], figures * spared[:, None]], axis=1),
    )
    squares = np.stack([weight**2 * ~spared, weight**2 * spared], axis=1)
    _, cell_squares = _summed(log.arm[row] * size + stage, squares)
    # Of every person in a cell the sums among the stage's silent, 0 where the person never was.
    padded = np.concatenate([silent_sums, np.zeros((1, size + 2))])
    wanted = cell_keys // people % size * people + cell_keys % people
    at = np.searchsorted(silent_keys, wanted)
    there = np.append(silent_keys, -1)[at] == wanted
    beside = padded[np.where(there, at, len(silent_sums))]
    cells = {}
    for number, (key, its) in enumerate(_runs(cell_keys // people)):
        part = cell_sums[its]
        cells[log.arms[key // size], stages[key % size]] = Cell(
            sums=part.sum(axis=0),
            outer=part.T @ part,
            squares=cell_squares[number],
            shared=part.T @ beside[its],
        )
    silent = {}
    for key, its in _runs(silent_keys // people):
        part = silent_sums[its]
        silent[stages[key]] = Silent(sums=part.sum(axis=0), outer=part.T @ part)
    return ChangeStatistic(
        stages=tuple(stages),
        tilt=tilt,
        cells=cells,
        silent=silent,
        decisions=len(log.person),
        open=able,
    )


def merge_changes(left: ChangeStatistic, right: ChangeStatistic) -> ChangeStatistic:
    """Both as one; associative, commutative. Nobody may be in both.

    Raises ``InvalidInput`` where they are of other stages or another tilt.
    """
    if (left.stages, left.tilt) != (right.stages, right.tilt):
        raise InvalidInput("stages: both statistics must be made alike", field="stages")
    return ChangeStatistic(
        stages=left.stages,
        tilt=left.tilt,
        cells=_added(left.cells, right.cells),
        silent=_added(left.silent, right.silent),
        decisions=left.decisions + right.decisions,
        open=left.open + right.open,
    )


def _added(left: dict[_Key, _Sums], right: dict[_Key, _Sums]) -> dict[_Key, _Sums]:
    """Both dictionaries of sums, those of the same key added field by field."""
    found = dict(left)
    for key, more in right.items():
        known = found.get(key)
        found[key] = more if known is None else _plus(known, more)
    return found


def _plus(left: _Sums, right: _Sums) -> _Sums:
    names = type(left).__dataclass_fields__
    return replace(left, **{name: getattr(left, name) + getattr(right, name) for name in names})


def _pairs(log: Log, tilt: Tilt) -> tuple[Ints, Ints, Ints, Floats, int]:
    """Who is held against whom: decision, candidate row, side (0 got it, 1 got silence) and weight; open decisions.

    Who got an experience appears once, at its own row; who got silence at every candidate that could have been drawn.
    """
    able = log.recorded & (log.probability > 0.0)
    silence = np.array([arm == SILENCE for arm in log.arms], dtype=bool)[log.arm] & able
    quiet = log.summed(np.where(silence, log.probability, 0.0))
    other = able & ~silence & (log.spread(quiet) > 0.0)
    owner = np.repeat(np.arange(len(log.person)), np.diff(log.indptr))
    was_silent = silence[log.chosen]
    got = np.flatnonzero(other[log.chosen])
    spared = np.flatnonzero(other & was_silent[owner])
    decision = np.concatenate([got, owner[spared]])
    row = np.concatenate([log.chosen[got], spared])
    side = np.concatenate([np.zeros(len(got)), np.ones(len(spared))]).astype(np.int64)
    p, q = log.probability[row], quiet[decision]
    own, other_way = np.where(side == 0, p, q), np.where(side == 0, q, p)
    weight = other_way / (p + q) if tilt == "overlap" else 1.0 / own
    return decision, row, side, weight, int((log.summed(other.astype(np.float64)) > 0.0).sum())


def _summed(key: Ints, figures: Floats) -> tuple[Ints, Floats]:
    """The distinct keys (G,), ascending, and the sums of their figures (G, Q)."""
    names, group = np.unique(key, return_inverse=True)
    sums = np.zeros((len(names), figures.shape[1]))
    np.add.at(sums, group, figures)
    return np.asarray(names, dtype=np.int64), sums


def _runs(key: Ints) -> Iterator[tuple[int, slice]]:
    """Each distinct key of an ascending array with where it stands."""
    starts = np.flatnonzero(np.diff(key, prepend=-1)).tolist()
    for first, end in pairwise([*starts, len(key)]):
        yield int(key[first]), slice(first, end)
