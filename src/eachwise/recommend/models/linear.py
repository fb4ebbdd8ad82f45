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

Dense = NDArray[np.float32]
Pairs = tuple[Ints, Ints, Floats]  # items, the items they meet, how much of it

DENSE_ITEMS_MAX: Final = 5_000
NEIGHBOURS = 100  # of each column; 50 and 150 gave the same to 1 %
ENTRIES_MAX = 500  # of each row published; 250 cost 1 %, 1,000 gained nothing
_FLOAT_BYTES = 4
_ENTRY_BYTES = 12  # of a sparse matrix: float32 and an index of up to eight bytes
_NOTHING = "nobody engaged with two items"
_BATCH = 64  # columns solved together
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
    from scipy.sparse import coo_array  # noqa: PLC0415 — fitting only: serving never loads it

    by_column = cross.tocsc()
    size = by_column.shape[1]
    rows, columns, values = [], [], []
    lengths = np.minimum(np.diff(by_column.indptr), NEIGHBOURS)
    wanted = np.flatnonzero(lengths)
    if not len(wanted):
        raise DoesNotApply(_NOTHING)
    # Systems of one size are solved together: most items of a long tail meet far fewer than ``NEIGHBOURS`` others.
    wanted = wanted[np.argsort(lengths[wanted], kind="stable")]
    place_of = np.full(size, -1, dtype=np.int64)
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        width = int(lengths[batch[-1]])
        systems = np.tile(np.eye(width, dtype=np.float32), (len(batch), 1, 1))
        sides = np.zeros((len(batch), width, 1), np.float32)
        chosen = []
        for place, column in enumerate(batch.tolist()):
            span = slice(by_column.indptr[column], by_column.indptr[column + 1])
            near = _largest(by_column.data[span], NEIGHBOURS)
            items = by_column.indices[span][near]
            count = len(items)
            _fill(systems[place, :count, :count], gram, items, place_of)
            systems[place, range(count), range(count)] += ridge
            sides[place, :count, 0] = by_column.data[span][near]
            chosen.append(items)
        found = np.linalg.solve(systems, sides)[:, :, 0]
        for place, column in enumerate(batch.tolist()):
            rows.append(chosen[place])
            columns.append(np.full(len(chosen[place]), column))
            values.append(found[place, : len(chosen[place])])
    whole = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return coo_array(whole, shape=(size, size)).tocsr()


def _fill(block: NDArray[np.float32], matrix: Any, items: Ints, place_of: Ints) -> None:
    """Write ``items``' rows and columns of a CSR matrix into a block; ``place_of`` (N,) is −1 before and after."""
    place_of[items] = np.arange(len(items))
    starts, ends = matrix.indptr[items], matrix.indptr[items + 1]
    spans = [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    columns = place_of[np.concatenate([matrix.indices[span] for span in spans])]
    rows = np.repeat(np.arange(len(items)), ends - starts)
    kept = columns >= 0
    block[:] = 0.0
    block[rows[kept], columns[kept]] = np.concatenate([matrix.data[span] for span in spans])[kept]
    place_of[items] = -1


def packed(name: str, matrix: Any) -> Parts:
    """The ``ENTRIES_MAX`` largest entries of each row by size, as a table of ``tables``: what serving gathers.

    matrix: (N, N), dense or CSR. Raises ``DoesNotApply`` where nothing is in it.
    """
    lengths = np.zeros(matrix.shape[0], dtype=np.int64)
    columns, values = [], []
    for row, (own_columns, own) in enumerate(_rows(matrix)):
        kept = _largest(np.abs(own), ENTRIES_MAX)
        kept = kept[own[kept] != 0]
        lengths[row] = len(kept)
        columns.append(own_columns[kept].astype(np.int32))
        values.append(own[kept].astype(np.float32))
    if not lengths.any():
        raise DoesNotApply(_NOTHING)
    return {
        f"{name}.indptr": np.concatenate([[0], np.cumsum(lengths)]),
        f"{name}.indices": np.concatenate(columns),
        f"{name}.values": np.concatenate(values),
    }


def _rows(matrix: Any) -> Iterator[tuple[Ints, Floats]]:
    if isinstance(matrix, np.ndarray):
        every = np.arange(matrix.shape[1])
        yield from ((every, row) for row in matrix)
        return
    matrix.sort_indices()
    for start, end in zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True):
        yield matrix.indices[start:end], matrix.data[start:end]


def _largest(values: NDArray[Any], count: int) -> Ints:
    """Places of the ``count`` largest, ascending."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.sort(np.argpartition(-values, count - 1)[:count])
