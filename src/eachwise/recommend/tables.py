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
    """The rows of a table at a history's items, one after the other: what several sums read."""

    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    lengths: Ints
    weights: Floats


def gather(table: Table, history: History, tail: int) -> Gathered:
    """The rows of the newest ``tail`` items."""
    rows = history.rows[:tail]
    starts, ends = table.indptr[rows], table.indptr[rows + 1]
    spans = list(zip(starts.tolist(), ends.tolist(), strict=True))
    if not spans:
        return Gathered(table.indices[:0], table.values[:0], ends - starts, history.weights[:0])
    return Gathered(
        np.concatenate([table.indices[start:end] for start, end in spans]),
        np.concatenate([table.values[start:end] for start, end in spans]),
        ends - starts,
        history.weights[: len(rows)],
    )


def decayed(
    found: Gathered, frame: Frame, tail: int, decay: float, values: NDArray[Any] | None = None
) -> Floats:
    """S = Σ_{k=1..tail} w_k · decay^(k−1) · T[x_k, :] at the frame's items (C,); x_1 is the newest.

    ``values`` stand for the table's own where given, in the same order.
    """
    used = min(tail, len(found.lengths))
    lengths = found.lengths[:used]
    upto = int(lengths.sum())
    factors = found.weights[:used] * decay ** np.arange(used)
    read = found.values if values is None else values
    return frame.add_up(found.columns[:upto], read[:upto] * np.repeat(factors, lengths))


def log_evidence(sums: Floats, floor: float = FLOOR) -> Floats:
    """log(1 + max(S, 0)/floor), 0 where there is none; (C,)."""
    found = np.zeros(len(sums))
    some = np.flatnonzero(sums > 0)
    found[some] = np.log1p(sums[some] / floor)
    return found


def strongest(table: Table, history: History, row: int, tail: int, decay: float) -> int | None:
    """The item of the history that adds most to a row's S, where any adds something; the newest of equals."""
    best, found = 0.0, None
    for place, origin in enumerate(history.rows[:tail].tolist()):
        start, end = int(table.indptr[origin]), int(table.indptr[origin + 1])
        at = start + int(np.searchsorted(table.indices[start:end], row))
        if at < end and table.indices[at] == row:
            pull = float(table.values[at]) * float(history.weights[place]) * decay**place
            if pull > best:
                best, found = pull, origin
    return found


def reached(table: Table, history: History, origins_max: int, each_max: int) -> Ints:
    """The ``each_max`` strongest columns of each of the newest ``origins_max`` items' rows."""
    found = [np.zeros(0, dtype=np.int64)]
    for origin in history.rows[:origins_max].tolist():
        start, end = int(table.indptr[origin]), int(table.indptr[origin + 1])
        own = table.indices[start:end]
        if len(own) > each_max:
            own = own[np.argpartition(-table.values[start:end], each_max - 1)[:each_max]]
        found.append(own.astype(np.int64))
    return np.concatenate(found)


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
        order = np.argsort(-values[start:end], kind="stable")
        kept[start + order[each:]] = False
    return kept
