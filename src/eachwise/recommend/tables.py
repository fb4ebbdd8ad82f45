"""Sparse item × item tables: packed once, then rows gathered over a person's history. What most models serve from.

A table T (N, N) lies in a model's parts as ``<name>.indptr`` (N + 1,), ``<name>.indices`` int32, ascending in a row,
and ``<name>.values`` float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Parts
from eachwise.recommend.models.base import Frame

# Below this much, the log of evidence is straight: docs/discussions/measured.md, log(1e-3 + S).
FLOOR = 1e-3
# Of one table; a float32 and an int32 each: 16 MB. Half of the entries lose nothing (docs/discussions/measured.md).
ENTRIES_MAX = 2_000_000
_ROW_MIN = 50
# How much less than the item after it each item of a history brings in.
_REACH_DECAY = 0.9


@dataclass(frozen=True, slots=True)
class Table:
    """CSR of a table, as views of a model's parts."""

    indptr: Ints
    indices: NDArray[np.int32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, parts: Parts, name: str) -> Table:
        """The table of this name in a model's parts."""
        return cls(parts[f"{name}.indptr"], parts[f"{name}.indices"], parts[f"{name}.values"])


@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows of a table at a history's K items, one after the other: what several sums read.

    columns, values: (E,); lengths: (K,) entries of each row; ends: (K,) where each row ends; weights: (K,) the items'
    """

    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    lengths: Ints
    ends: Ints
    weights: Floats

    def upto(self, tail: int) -> Gathered:
        """Those of the newest ``tail`` items."""
        if tail >= len(self.lengths):
            return self
        end = int(self.ends[tail - 1])
        return Gathered(
            self.columns[:end],
            self.values[:end],
            self.lengths[:tail],
            self.ends[:tail],
            self.weights[:tail],
        )


def gather(table: Table, history: History, tail: int) -> Gathered:
    """The rows of the newest ``tail`` (≥ 1) items; kept in the history's memo, for the next that asks."""
    if history.memo is None:
        return _gathered(table, history, tail)
    number = id(table.indices)
    kept: Gathered | None = history.memo.get((number, tail))
    if kept is None:
        # The table is kept beside what was read of it, so that no other can come to have its number.
        _, longest = history.memo.get(number, (None, None))
        if longest is None or len(longest.lengths) < min(tail, len(history.rows)):
            longest = _gathered(table, history, tail)
            history.memo[number] = table, longest
        kept = history.memo[number, tail] = longest.upto(tail)
    return kept


def _gathered(table: Table, history: History, tail: int) -> Gathered:
    rows = history.rows[:tail]
    starts, ends = table.indptr[rows], table.indptr[rows + 1]
    lengths = ends - starts
    spans = [slice(*span) for span in zip(starts.tolist(), ends.tolist(), strict=True)]
    return Gathered(
        np.concatenate([table.indices[span] for span in spans] or [table.indices[:0]]),
        np.concatenate([table.values[span] for span in spans] or [table.values[:0]]),
        lengths,
        lengths.cumsum(),
        history.weights[: len(rows)],
    )


def decayed(
    found: Gathered, frame: Frame, tail: int, decay: float, values: NDArray[Any] | None = None
) -> Floats:
    """S = Σ_{k=1..tail} w_k · decay^(k−1) · T[x_k, :] at the frame's items (C,); x_1 is the newest.

    ``values`` stand for the table's own where given, in the same order.
    """
    used = min(tail, len(found.lengths))
    upto = int(found.ends[used - 1]) if used else 0
    factors = found.weights[:used] * decay ** np.arange(used)
    read = found.values if values is None else values
    shares = factors.repeat(found.lengths[:used])
    return frame.add_up(found.columns[:upto], read[:upto] * shares)


def log_evidence(sums: Floats, floor: float = FLOOR) -> Floats:
    """log(1 + max(S, 0)/floor), 0 where there is none; (C,)."""
    found = np.zeros(len(sums))
    some = np.flatnonzero(sums > 0)
    found[some] = np.log1p(sums[some] / floor)
    return found


def strongest(table: Table, history: History, row: int, tail: int, decay: float) -> int | None:
    """The item of the history that adds most to a row's S, where any adds something; the newest of equals."""
    found = gather(table, history, tail)
    entries = (found.columns == row).nonzero()[0]
    if not len(entries):
        return None
    places = found.ends.searchsorted(entries, side="right")
    pulls = found.values[entries] * found.weights[places] * decay**places
    most = int(pulls.argmax())
    return int(history.rows[places[most]]) if pulls[most] > 0.0 else None


def reached(table: Table, history: History, origins_max: int, each_max: int) -> Ints:
    """The columns that the newest ``origins_max`` items lead to most strongly: ``each_max`` for every two of them.

    Entries compete by value · .9^(k−1), k = 1 the newest item: what the newest leads to is not crowded out, and an
    item that leads nowhere takes no one's place.
    """
    found = gather(table, history, origins_max)
    most = each_max * (-(-origins_max // 2))
    columns = found.columns
    if len(columns) > most:
        factors = _REACH_DECAY ** np.arange(len(found.lengths))
        strength = found.values * factors.repeat(found.lengths)
        columns = columns[(-strength).argpartition(most - 1)[:most]]
    return columns.astype(np.int64)


def pack(name: str, matrix: Any, entries_max: int = ENTRIES_MAX) -> dict[str, NDArray[Any]]:
    """A scipy CSR matrix as the parts of a table: of each row the largest entries, so many that the whole stays small.

    A row keeps ``entries_max`` / N entries and at least 50; ties go to the lower column.
    """
    found = top_of_rows(matrix, max(_ROW_MIN, entries_max // max(matrix.shape[0], 1)))
    found.sort_indices()
    return {
        f"{name}.indptr": found.indptr.astype(np.int64),
        f"{name}.indices": found.indices.astype(np.int32),
        f"{name}.values": found.data.astype(np.float32),
    }


def top_of_rows(matrix: Any, each: int) -> Any:
    """A scipy CSR matrix with the ``each`` largest entries of every row; ties go to the lower column."""
    lengths = np.diff(matrix.indptr)
    if not len(lengths) or lengths.max() <= each:
        return matrix
    matrix.sort_indices()
    kept = _largest(matrix.indptr, matrix.data, each)
    indptr = np.concatenate([[0], np.cumsum(np.minimum(lengths, each))])
    parts = (matrix.data[kept], matrix.indices[kept], indptr)
    return type(matrix)(parts, shape=matrix.shape)


def _largest(indptr: Sequence[int], values: NDArray[Any], each: int) -> NDArray[np.bool_]:
    """Which entries are among the ``each`` largest of their row."""
    kept = np.ones(len(values), dtype=np.bool_)
    for row in np.flatnonzero(np.diff(indptr) > each).tolist():
        start, end = indptr[row], indptr[row + 1]
        own = values[start:end]
        least = np.partition(own, len(own) - each)[len(own) - each]
        higher = own > least
        level = np.flatnonzero(own == least)[: each - int(higher.sum())]
        kept[start:end] = higher
        kept[start + level] = True
    return kept
