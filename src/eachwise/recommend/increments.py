"""The live model as versions that say what changed: a shop of 100,000 items can publish one every few minutes.

A version is a whole snapshot, or a delta on the version before it. Applying it is all there is: the model in use is
made by the same ``apply`` that rebuilds an old one, so that a replay has it to the bit.

What a delta holds grows with what happened and not with the shop. Engagement masses are sent for items that were
engaged with; all others decay alike. A row of transitions is solved anew once its total has changed by a tenth: between
two solutions it is that much behind, and a row of a thousand transitions is sent some seventy times in its life.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Bools, Floats, Ints, TasteModel
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.decay import factor
from eachwise.recommend.smoothing import excess
from eachwise.recommend.statistics import (
    LONG_HALF_LIFE_S,
    RECENT_HALF_LIFE_S,
    Counted,
    shares,
)
from eachwise.recommend.tables import ENTRIES_MAX

# Weights lie on this grid: two bytes carry one exactly.
GRID = 65535.0
# A row is due once its total has changed by more than this share.
GROWTH = 0.1
# However many items there are, a row keeps so many transitions.
NEIGHBOURS_MIN = 50
_FORMAT = 3
_CODE_BITS = 32
_Row = tuple[NDArray[np.uint32], NDArray[np.uint16]]
# The population's mass of items of any value; see ``individual.population``.
_ANY_VALUE = ""


@dataclass(frozen=True, kw_only=True)
class Live:
    """One version with what the next is reckoned from.

    N items in the order of their ids; indptr (N + 1,), indices and steps: CSR of item → next item, weights in steps of
    1/65535; totals: (N,) each row's transitions when it was solved; long, recent: (N,) engagement masses at ``at_s``;
    values: ``name=value`` → the population's mass of items that carry it, and "" of all
    """

    version: int
    item_ids: tuple[str, ...]
    indptr: Ints
    indices: NDArray[np.uint32]
    steps: NDArray[np.uint16]
    totals: Floats
    long: Floats
    recent: Floats
    at_s: float
    values: dict[str, float]

    @cached_property
    def model(self) -> TasteModel:
        """What serves."""
        popularity, recent = shares(self.long, self.recent)
        whole = self.values.get(_ANY_VALUE, 0.0)
        return TasteModel(
            version=self.version,
            item_ids=self.item_ids,
            row_of={item_id: row for row, item_id in enumerate(self.item_ids)},
            indptr=self.indptr,
            indices=self.indices.astype(np.int64),
            weights=self.steps / GRID,
            totals=self.totals,
            popularity=popularity,
            recent=recent,
            expected={
                value: mass / whole
                for value, mass in self.values.items()
                if value != _ANY_VALUE and mass > 0.0
            },
        )


def nothing() -> Live:
    """Version 0: nothing learnt yet."""
    none = np.zeros(0)
    return Live(
        version=0,
        item_ids=(),
        indptr=np.zeros(1, dtype=np.int64),
        indices=np.zeros(0, dtype=np.uint32),
        steps=np.zeros(0, dtype=np.uint16),
        totals=none,
        long=none,
        recent=none,
        at_s=0.0,
        values={},
    )


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    """A version as bytes, little-endian. ``whole``: on nothing, else on the version before it.

    Items that came and went; the rows with other masses; the rows that were solved; values with other masses.
    """

    format: int
    version: int
    whole: bool
    at_s: float
    added: list[str]
    removed: list[str]
    massed: bytes
    long: bytes
    recent: bytes
    solved: bytes
    lengths: bytes
    indices: bytes
    steps: bytes
    totals: bytes
    values: dict[str, float]


def grow(
    last: Live,
    counted: Counted,
    values: dict[str, float],
    item_ids: tuple[str, ...],
    *,
    version: int,
    neighbours_max: int,
    now_s: float,
    whole: bool,
) -> bytes:
    """The next version over these items in the order of their ids, as ``apply`` takes it.

    ``values`` are the population's masses; ``neighbours_max`` transitions are kept of a row (0: all), fewer where
    there are very many items. ``whole``: everything anew.
    """
    start = nothing() if whole else last
    known, before = set(item_ids), set(start.item_ids)
    base = _with_items(start, item_ids, now_s)
    row_of = {item_id: row for row, item_id in enumerate(item_ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in counted.item_ids], dtype=np.int64)
    long, recent = _masses(counted, rows, len(item_ids), now_s)
    changed = ~np.isclose(long, base.long, rtol=1e-9, atol=0.0)
    changed |= ~np.isclose(recent, base.recent, rtol=1e-9, atol=0.0)
    massed = np.flatnonzero(changed)
    new = np.array([item_id not in before for item_id in item_ids], dtype=np.bool_)
    totals, leads_to_new = _totals(counted, rows, new)
    due = np.abs(totals - base.totals) > GROWTH * base.totals
    solved = np.flatnonzero(due | leads_to_new)
    popularity, _ = shares(long, recent)
    most = neighbours_max or len(item_ids)
    most = min(most, max(NEIGHBOURS_MIN, ENTRIES_MAX // max(len(item_ids), 1)))
    lengths, indices, steps = _solve(counted, rows, solved, totals, popularity, most)
    wire = _Wire(
        format=_FORMAT,
        version=version,
        whole=whole,
        at_s=now_s,
        added=sorted(known - before),
        removed=sorted(before - known),
        massed=massed.astype("<u4").tobytes(),
        long=long[massed].astype("<f8").tobytes(),
        recent=recent[massed].astype("<f8").tobytes(),
        solved=solved.astype("<u4").tobytes(),
        lengths=lengths.astype("<u4").tobytes(),
        indices=indices.astype("<u4").tobytes(),
        steps=steps.astype("<u2").tobytes(),
        totals=totals[solved].astype("<f8").tobytes(),
        values={
            value: mass for value, mass in values.items() if mass != start.values.get(value, 0.0)
        },
    )
    return msgspec.msgpack.encode(wire)


def apply(last: Live, bodies: Sequence[bytes]) -> Live:
    """The version that bodies make, one after the other, of the one before them.

    Raises ``InvalidInput`` on other bytes, or out of turn.
    """
    found = last
    # Rows that were solved by deltas so far: put in together, for it costs as much to put in one as to put in many.
    rows: dict[int, _Row] = {}
    for body in bodies:
        wire = _decoded(body)
        if wire.whole:
            found, rows = nothing(), {}
        elif wire.version != found.version + 1:
            raise InvalidInput(
                f"taste model: version {wire.version} does not follow {found.version}",
                field="model",
            )
        item_ids = found.item_ids
        if wire.added or wire.removed:
            found, rows = _with_rows(found, rows), {}
            item_ids = tuple(sorted({*found.item_ids, *wire.added} - set(wire.removed)))
        found = _stepped(_with_items(found, item_ids, wire.at_s), wire)
        _collect(rows, wire)
    return _with_rows(found, rows)


def _stepped(base: Live, wire: _Wire) -> Live:
    """Everything of a version but its rows of transitions."""
    long, recent, totals = base.long.copy(), base.recent.copy(), base.totals.copy()
    massed = np.frombuffer(wire.massed, dtype="<u4")
    long[massed] = np.frombuffer(wire.long, dtype="<f8")
    recent[massed] = np.frombuffer(wire.recent, dtype="<f8")
    totals[np.frombuffer(wire.solved, dtype="<u4")] = np.frombuffer(wire.totals, dtype="<f8")
    return replace(
        base,
        version=wire.version,
        totals=totals,
        long=long,
        recent=recent,
        values=base.values | wire.values,
    )


def _collect(rows: dict[int, _Row], wire: _Wire) -> None:
    """The rows that a version solved, by number."""
    solved = np.frombuffer(wire.solved, dtype="<u4").tolist()
    ends = np.cumsum(np.frombuffer(wire.lengths, dtype="<u4").astype(np.int64)).tolist()
    indices = np.frombuffer(wire.indices, dtype="<u4")
    steps = np.frombuffer(wire.steps, dtype="<u2")
    for row, begin, end in zip(solved, [0, *ends], ends, strict=False):
        rows[row] = (indices[begin:end], steps[begin:end])


def _decoded(body: bytes) -> _Wire:
    try:
        wire = msgspec.msgpack.decode(body, type=_Wire)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"taste model: {error}", field="model") from None
    if wire.format != _FORMAT:
        raise InvalidInput(f"taste model: format {wire.format}, not {_FORMAT}", field="model")
    return wire


def _with_items(live: Live, item_ids: tuple[str, ...], at_s: float) -> Live:
    """The same over other items, sorted by id, its masses decayed to a later time; new items have nothing."""
    elapsed = max(0.0, at_s - live.at_s)
    long = live.long * factor(elapsed, LONG_HALF_LIFE_S)
    recent = live.recent * factor(elapsed, RECENT_HALF_LIFE_S)
    totals, indptr, indices, steps = live.totals, live.indptr, live.indices, live.steps
    if item_ids != live.item_ids:
        row_of = {item_id: row for row, item_id in enumerate(item_ids)}
        to = np.array([row_of.get(item_id, -1) for item_id in live.item_ids], dtype=np.int64)
        long, recent, totals = (_moved(each, to, len(item_ids)) for each in (long, recent, totals))
        origins = np.repeat(to, np.diff(indptr))
        columns = to[indices]
        kept = (origins >= 0) & (columns >= 0)
        indptr = np.zeros(len(item_ids) + 1, dtype=np.int64)
        np.cumsum(np.bincount(origins[kept], minlength=len(item_ids)), out=indptr[1:])
        indices, steps = columns[kept].astype(np.uint32), steps[kept]
    return Live(
        version=live.version,
        item_ids=item_ids,
        indptr=indptr,
        indices=indices,
        steps=steps,
        totals=totals,
        long=long,
        recent=recent,
        at_s=live.at_s + elapsed,
        values=live.values,
    )


def _moved(array: Floats, to: Ints, count: int) -> Floats:
    found = np.zeros(count)
    found[to[to >= 0]] = array[to >= 0]
    return found


def _masses(counted: Counted, rows: Ints, count: int, now_s: float) -> tuple[Floats, Floats]:
    """Engagement masses of the items at a time, (N,) each."""
    elapsed = max(0.0, now_s - counted.reference_s)
    return (
        _moved(counted.long * factor(elapsed, LONG_HALF_LIFE_S), rows, count),
        _moved(counted.recent * factor(elapsed, RECENT_HALF_LIFE_S), rows, count),
    )


def _totals(counted: Counted, rows: Ints, new: Bools) -> tuple[Floats, Bools]:
    """Each row's transitions to other items of these, and whether any leads to a ``new`` one; (N,) each."""
    found, leads = np.zeros(len(new)), np.zeros(len(new), dtype=np.bool_)
    for keys, masses in counted.runs:
        earlier, later = rows[keys >> _CODE_BITS], rows[keys & ((1 << _CODE_BITS) - 1)]
        kept = (earlier >= 0) & (later >= 0)
        earlier, later = earlier[kept], later[kept]
        found += np.bincount(earlier, weights=masses[kept], minlength=len(new))
        leads[earlier[new[later]]] = True
    return found, leads


def _solve(
    counted: Counted, rows: Ints, solved: Ints, totals: Floats, popularity: Floats, most: int
) -> tuple[Ints, Ints, Ints]:
    """The transitions of some rows, ascending in a row: lengths, indices, steps; the ``most`` largest of a row."""
    code_of = np.full(len(totals), -1, dtype=np.int64)
    known = np.flatnonzero(rows >= 0)
    code_of[rows[known]] = known
    line, column, mass = _pairs(counted, code_of[solved], rows)
    # The same pair may lie in several runs.
    order = np.argsort(line * max(len(totals), 1) + column, kind="stable")
    line, column, mass = line[order], column[order], mass[order]
    first = np.ones(len(line), dtype=np.bool_)
    first[1:] = (line[1:] != line[:-1]) | (column[1:] != column[:-1])
    starts = np.flatnonzero(first)
    line, column = line[starts], column[starts]
    mass = np.add.reduceat(mass, starts) if len(starts) else mass
    steps = np.rint(excess(mass, totals[solved][line], popularity[column]) * GRID)
    kept = steps > 0
    line, column, steps = line[kept], column[kept], steps[kept]
    order = np.lexsort((column, -steps, line))
    lengths = np.bincount(line, minlength=len(solved))
    place = np.arange(len(order)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    chosen = np.sort(order[place < most])
    line, column, steps = line[chosen], column[chosen], steps[chosen]
    return np.bincount(line, minlength=len(solved)), column, steps.astype(np.int64)


def _pairs(counted: Counted, codes: Ints, rows: Ints) -> tuple[Ints, Ints, Floats]:
    """The pairs that begin with some items: place among ``codes``, row of the later item, mass; in no order."""
    lines, columns, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for keys, masses in counted.runs:
        begin = np.searchsorted(keys, codes << _CODE_BITS)
        length = np.searchsorted(keys, (codes + 1) << _CODE_BITS) - begin
        length[codes < 0] = 0
        at = np.repeat(begin - np.cumsum(length) + length, length) + np.arange(length.sum())
        column = rows[keys[at] & ((1 << _CODE_BITS) - 1)]
        kept = column >= 0
        lines.append(np.repeat(np.arange(len(codes)), length)[kept])
        columns.append(column[kept])
        found.append(masses[at][kept])
    return np.concatenate(lines), np.concatenate(columns), np.concatenate(found)


def _with_rows(live: Live, rows: dict[int, _Row]) -> Live:
    """The same with some rows of the CSR replaced: what lies between them is copied in whole stretches."""
    if not rows:
        return live
    lengths = np.diff(live.indptr)
    columns: list[NDArray[np.uint32]] = []
    weights: list[NDArray[np.uint16]] = []
    upto = 0
    for row in sorted(rows):
        indices, steps = rows[row]
        begin = int(live.indptr[row])
        columns += [live.indices[upto:begin], indices]
        weights += [live.steps[upto:begin], steps]
        upto = int(live.indptr[row + 1])
        lengths[row] = len(indices)
    columns.append(live.indices[upto:])
    weights.append(live.steps[upto:])
    indptr = np.zeros(len(live.indptr), dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    return replace(
        live,
        indptr=indptr,
        indices=np.concatenate(columns).astype(np.uint32),
        steps=np.concatenate(weights).astype(np.uint16),
    )
