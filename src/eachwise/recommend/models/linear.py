"""What the linear models share: one matrix B (N, N) from summed statistics, exact where it fits, by neighbours beyond.

B[i, j] says how much a past engagement with i speaks for j now: B = (G + λI)⁻¹ C, G and C sums over people. Up to
``DENSE_ITEMS_MAX`` items it is solved exactly, in N² memory and N³ steps. Beyond, each column j is solved over the
items that go with it most, as SLIM does with selected features (Ning & Karypis 2011, fsSLIM): memory and steps grow
with what was counted, and 100,000 items need no 80 GB (docs/discussions/measured.md has what that costs in quality).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import MissingExtra
from eachwise.contracts.taste import Interactions, Parts
from eachwise.recommend.models.base import DoesNotApply, Fitting
from eachwise.recommend.tables import top_of_rows

Dense = NDArray[np.float32]
Pairs = tuple[Ints, Ints, Floats]  # items, the items they meet, how much of it

DENSE_ITEMS_MAX: Final = 5_000
NEIGHBOURS = 100  # of each column; 50 and 150 gave the same to 1 %
ENTRIES_MAX = 500  # of each row published; 250 cost 1 %, 1,000 gained nothing
_FLOAT_BYTES = 4
_ENTRY_BYTES = 12  # of a sparse matrix: float32 and an index of up to eight bytes
_NOTHING = "nobody engaged with two items"
_BATCH = 64  # columns solved together
_READ_MAX = 4_000_000  # entries that wait to be picked from: 150 MB
_PAIRS_MAX = 4_000_000  # pairs that wait to be summed: 100 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a fit goes: ``dense`` or by neighbours, and from every ``step``-th person."""

    dense: bool
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Engaged:
    """The E engagements that speak for their items, in order; one that speaks against its item teaches no model here.

    rows: (E,) items; person: (E,); at: (E,) its number within the person, oldest 0; length: (E,) how many there are
    """

    rows: Ints
    person: Ints
    at: Ints
    length: Ints


def engaged(data: Interactions, step: int = 1) -> Engaged:
    """The engagements of weight above 0 of every ``step``-th person."""
    person = np.repeat(np.arange(data.people), np.diff(data.indptr))
    speaks = (data.weights > 0) & (person % step == 0)
    person = person[speaks]
    lengths = np.bincount(person, minlength=data.people)
    starts = np.cumsum(lengths) - lengths
    return Engaged(
        rows=data.rows[speaks].astype(np.int64),
        person=person,
        at=np.arange(len(person)) - starts[person],
        length=lengths[person],
    )


def way(name: str, items: int, pairs: int, matrices: int, fitting: Fitting) -> Way:
    """How to fit ``items`` from ``pairs`` of engagements with ``matrices`` sums; what that costs is said.

    Raises ``MissingExtra`` without scipy.
    """
    try:
        import scipy  # noqa: F401, PLC0415 — fitting only: serving never loads it
    except ModuleNotFoundError:
        raise MissingExtra("scipy is not installed: pip install 'eachwise[train]'") from None
    budget = fitting.memory_bytes_max
    dense_bytes = matrices * _FLOAT_BYTES * items * items
    if items <= DENSE_ITEMS_MAX and dense_bytes <= budget:
        return Way(dense=True, step=1)
    # A sum of two sparse matrices holds three at its peak.
    counted_bytes = 3 * _ENTRY_BYTES * min(pairs, matrices * items * items)
    step = max(1, math.ceil(counted_bytes / max(budget, 1)))
    text = (
        f"{name}: a dense fit of {items:,} items is {said(dense_bytes)} (budget {said(budget)}) and "
        f"{items:,}³ steps: each item is fitted on the {NEIGHBOURS} that go with it most"
    )
    if step > 1:
        text += f", from one person in {step}: the pairs of all would take {said(counted_bytes)}"
    fitting.say(text)
    return Way(dense=False, step=step)


def said(size_bytes: int) -> str:
    """A size in words: 80 GB, 1.17 GB, 46.7 MB."""
    return f"{size_bytes / 1e9:.3g} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.3g} MB"


def summed(pairs: Iterable[Pairs], items: int) -> Any:
    """Σ of the masses of equal pairs: (N, N), CSR float32."""
    from scipy.sparse import coo_array, csr_array  # noqa: PLC0415 — fitting only: serving never loads it

    total = csr_array((items, items), dtype=np.float32)
    waiting: list[Pairs] = []
    for one in itertools.chain(pairs, [_END]):
        waiting.append(one)
        if one is _END or sum(len(left) for left, _, _ in waiting) >= _PAIRS_MAX:
            left, right, mass = (np.concatenate(column) for column in zip(*waiting, strict=True))
            cells = (mass.astype(np.float32), (left, right))
            total = total + coo_array(cells, shape=(items, items)).tocsr()
            waiting = []
    return total


_NONE: Final = np.zeros(0, dtype=np.int64)
_END: Final[Pairs] = (_NONE, _NONE, np.zeros(0))


def by_neighbours(gram: Any, cross: Any, ridge: float) -> Any:
    """B (N, N) in CSR, column by column: b_S = (G_SS + λI)⁻¹ C_Sj, S the ``NEIGHBOURS`` largest of C's column j.

    gram: G, whole and symmetric, CSR; cross: C, CSR. Steps: N · NEIGHBOURS³ / 3.
    """
    from scipy.sparse import csc_array  # noqa: PLC0415 — fitting only: serving never loads it

    by_column = top_of_rows(cross.T.tocsr(), NEIGHBOURS)  # a row of Cᵀ is a column of C
    lengths = np.diff(by_column.indptr)
    wanted = np.flatnonzero(lengths)
    if not len(wanted):
        raise DoesNotApply(_NOTHING)
    upward, diagonal = _upward(gram), gram.diagonal() + np.float32(ridge)
    # Systems of one size are solved together: most items of a long tail meet far fewer than ``NEIGHBOURS`` others.
    wanted = wanted[np.argsort(lengths[wanted], kind="stable")]
    values = np.empty(len(by_column.data), np.float32)
    place_of = np.full((_BATCH, gram.shape[0]), -1, dtype=np.int16)
    read = np.concatenate([[0], np.cumsum(np.diff(upward.indptr)[by_column.indices])])
    read = np.diff(read[by_column.indptr])
    for batch in _batches(wanted, read[wanted]):
        counts = lengths[batch]
        entries = _spans(by_column.indptr[batch], counts)
        items = by_column.indices[entries]
        systems, inside = _systems(upward, diagonal, items, counts, place_of)
        sides = np.zeros((len(batch), systems.shape[1], 1), np.float32)
        owner = np.repeat(np.arange(len(batch)), counts)
        sides[owner, inside, 0] = by_column.data[entries]
        values[entries] = np.linalg.solve(systems, sides)[owner, inside, 0]
    found = (values, by_column.indices, by_column.indptr)
    return csc_array(found, shape=cross.shape).tocsr()


def _batches(wanted: Ints, read: Ints) -> Iterator[Ints]:
    """Columns to solve together: 64, or as many as read ``_READ_MAX`` entries in all, one at least.

    wanted: (K,) columns; read: (K,) entries that each one's system is picked from
    """
    upto = np.concatenate([[0], np.cumsum(read)])
    start = 0
    while start < len(wanted):
        end = int(np.searchsorted(upto, upto[start] + _READ_MAX, side="right")) - 1
        end = min(max(end, start + 1), start + _BATCH)
        yield wanted[start:end]
        start = end


def _spans(starts: Ints, lengths: Ints) -> Ints:
    """The integers of the ranges [start, start + length), one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _upward(gram: Any) -> Any:
    """Of each pair of a symmetric matrix the one entry in the row of fewer entries, equal ones in the lower row; CSR.

    So no row is longer than about √(2 · entries): what goes with everything would be read again for every column.
    """
    degree = np.diff(gram.indptr)
    rank = np.empty(len(degree), dtype=np.int64)
    rank[np.argsort(degree, kind="stable")] = np.arange(len(degree))
    found = gram.copy()
    own = np.repeat(rank, degree)
    found.data[rank[found.indices] <= own] = 0.0
    found.eliminate_zeros()
    return found


def _systems(
    upward: Any, diagonal: Any, items: Ints, counts: Ints, place_of: NDArray[np.int16]
) -> tuple[NDArray[np.float32], Ints]:
    """G_SS + λI of each column's items, padded with ones on the diagonal (B, W, W), and each item's place in its S.

    upward: G's pairs, once each; diagonal: (N,) with λ; items: (Σ counts,) the columns' S, one after the other
    place_of: (at least B, N), −1 before and after
    """
    width, size = int(counts.max()), len(counts)
    owner = np.repeat(np.arange(size), counts)
    inside = _spans(np.zeros(size, dtype=np.int64), counts)
    place_of[owner, items] = inside
    starts = upward.indptr[items]
    lengths = upward.indptr[items + 1] - starts
    entries = _spans(starts, lengths)
    of = np.repeat(np.arange(len(items)), lengths)
    places = place_of[owner[of], upward.indices[entries]]
    kept = np.flatnonzero(places >= 0)
    of, places = of[kept], places[kept].astype(np.int64)
    systems = np.zeros((size, width, width), np.float32)
    masses = upward.data[entries[kept]]
    systems[owner[of], inside[of], places] = masses
    systems[owner[of], places, inside[of]] = masses
    systems[:, range(width), range(width)] = 1.0
    systems[owner, inside, inside] = diagonal[items]
    place_of[owner, items] = -1
    return systems, inside


def packed(name: str, matrix: Any) -> Parts:
    """The ``ENTRIES_MAX`` largest entries of each row by size, as a table of ``tables``: what serving gathers.

    matrix: (N, N), dense or CSR. Raises ``DoesNotApply`` where nothing is in it.
    """
    lengths, columns, values = (
        _of_dense(matrix) if isinstance(matrix, np.ndarray) else _of_sparse(matrix)
    )
    if not lengths.any():
        raise DoesNotApply(_NOTHING)
    return {
        f"{name}.indptr": np.concatenate([[0], np.cumsum(lengths)]),
        f"{name}.indices": columns.astype(np.int32),
        f"{name}.values": values.astype(np.float32),
    }


def _of_dense(matrix: Dense) -> tuple[Ints, Ints, Floats]:
    """Lengths of the rows (N,), columns and values of what is kept of them."""
    found = [_largest(np.abs(row), ENTRIES_MAX) for row in matrix]
    kept = [near[row[near] != 0] for row, near in zip(matrix, found, strict=True)]
    values = [row[near] for row, near in zip(matrix, kept, strict=True)]
    return np.array([len(near) for near in kept]), np.concatenate(kept), np.concatenate(values)


def _of_sparse(matrix: Any) -> tuple[Ints, Ints, Floats]:
    matrix.eliminate_zeros()
    matrix.sort_indices()
    kept = np.ones(len(matrix.data), dtype=np.bool_)
    lengths = np.diff(matrix.indptr)
    for row in np.flatnonzero(lengths > ENTRIES_MAX).tolist():
        span = slice(matrix.indptr[row], matrix.indptr[row + 1])
        near = _largest(np.abs(matrix.data[span]), ENTRIES_MAX)
        kept[span] = False
        kept[span.start + near] = True
    return np.minimum(lengths, ENTRIES_MAX), matrix.indices[kept], matrix.data[kept]


def _largest(values: NDArray[Any], count: int) -> Ints:
    """Places of the ``count`` largest, ascending."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.sort(np.argpartition(-values, count - 1)[:count])
