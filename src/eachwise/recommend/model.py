"""Statistics → an immutable taste model, and the model as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats, Ints, TasteModel
from eachwise.contracts.errors import InvalidInput
from eachwise.recommend.smoothing import excess
from eachwise.recommend.statistics import TasteStatistics, shares

# Weights lie on this grid: two bytes carry one exactly, and a decoded model scores as the live one.
_GRID = 65535.0
_FORMAT = 2


def solve(
    statistics: TasteStatistics,
    *,
    version: int,
    item_ids: Iterable[str],
    expected: Mapping[str, float],
    neighbours_max: int,
    now_s: float,
) -> TasteModel:
    """The model over these items (N) at ``now_s``; what was counted of other items is left out.

    weights[i, j] = excess(K_ij, T_i, popularity_j) of ``smoothing``, K the distance-discounted transitions: the largest
    ``neighbours_max`` of each row (0: all), ties by item order, on a grid of 1/65535. totals_i = T_i = Σ_j K_ij.
    popularity_i = (m_i + ½) / Σ(m + ½), m the long masses. recent_i ∝ popularity_i · (r_i + 5) /
    (R·popularity_i + 5), r the recent masses and R their sum. ``expected`` is passed through.
    """
    ids = tuple(item_ids)
    row_of = {item_id: row for row, item_id in enumerate(ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in statistics.item_ids], dtype=np.int64)
    popularity, recent = _shares(statistics, rows, len(ids), now_s)
    totals, indptr, indices, weights = _transitions(statistics, rows, popularity, neighbours_max)
    return TasteModel(
        version=version,
        item_ids=ids,
        row_of=row_of,
        indptr=indptr,
        indices=indices,
        weights=weights,
        totals=totals,
        popularity=popularity,
        recent=recent,
        expected=dict(expected),
    )


def _transitions(
    statistics: TasteStatistics, rows: Ints, popularity: Floats, neighbours_max: int
) -> tuple[Floats, Ints, Ints, Floats]:
    """Totals (N,), and CSR of what the transitions between the model's items have beyond popularity."""
    count = len(popularity)
    earlier, later, masses = statistics.transitions()
    earlier, later = rows[earlier], rows[later]
    kept = (earlier >= 0) & (later >= 0)
    earlier, later, masses = earlier[kept], later[kept], masses[kept]
    totals = np.bincount(earlier, weights=masses, minlength=count).astype(np.float64)
    steps = np.rint(excess(masses, totals[earlier], popularity[later]) * _GRID)
    kept = steps > 0
    earlier, later, steps = earlier[kept], later[kept], steps[kept]
    if neighbours_max and len(earlier):
        order = np.lexsort((later, -steps, earlier))
        lengths = np.bincount(earlier, minlength=count)
        places = np.arange(len(order)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        order = order[places < neighbours_max]
        earlier, later, steps = earlier[order], later[order], steps[order]
    order = np.argsort(earlier * count + later, kind="stable")
    indptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(earlier, minlength=count), out=indptr[1:])
    return totals, indptr, later[order], steps[order] / _GRID


def _shares(
    statistics: TasteStatistics, rows: Ints, count: int, now_s: float
) -> tuple[Floats, Floats]:
    """Popularity and its recent version, both of shape (N,) and of sum 1."""
    known = rows >= 0
    long, recent = np.zeros(count), np.zeros(count)
    long_masses, recent_masses = statistics.engagement(now_s)
    long[rows[known]] = long_masses[known]
    recent[rows[known]] = recent_masses[known]
    return shares(long, recent)


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    """A model as bytes, little-endian: weights in steps of 1/65535."""

    format: int
    version: int
    item_ids: tuple[str, ...]
    lengths: bytes
    indices: bytes
    wide: bool
    steps: bytes
    totals: bytes
    popularity: bytes
    recent: bytes
    expected: dict[str, float]


def encode_model(model: TasteModel) -> bytes:
    """The model as msgpack: 4 bytes a transition (6 above 65,536 items), 28 and the id an item."""
    wide = len(model.item_ids) > 1 << 16
    wire = _Wire(
        format=_FORMAT,
        version=model.version,
        item_ids=model.item_ids,
        lengths=np.diff(model.indptr).astype("<u4").tobytes(),
        indices=model.indices.astype("<u4" if wide else "<u2").tobytes(),
        wide=wide,
        steps=np.rint(model.weights * _GRID).astype("<u2").tobytes(),
        totals=model.totals.astype("<f8").tobytes(),
        popularity=model.popularity.astype("<f8").tobytes(),
        recent=model.recent.astype("<f8").tobytes(),
        expected=model.expected,
    )
    return msgspec.msgpack.encode(wire)


def decode_model(body: bytes) -> TasteModel:
    """Exactly the model that was encoded. Raises ``InvalidInput`` on other bytes."""
    try:
        wire = msgspec.msgpack.decode(body, type=_Wire)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"taste model: {error}", field="model") from None
    if wire.format != _FORMAT:
        raise InvalidInput(f"taste model: format {wire.format}, not {_FORMAT}", field="model")
    indptr = np.zeros(len(wire.item_ids) + 1, dtype=np.int64)
    np.cumsum(np.frombuffer(wire.lengths, dtype="<u4"), out=indptr[1:])
    indices = np.frombuffer(wire.indices, dtype="<u4" if wire.wide else "<u2")
    return TasteModel(
        version=wire.version,
        item_ids=wire.item_ids,
        row_of={item_id: row for row, item_id in enumerate(wire.item_ids)},
        indptr=indptr,
        indices=indices.astype(np.int64),
        weights=np.frombuffer(wire.steps, dtype="<u2") / _GRID,
        totals=np.frombuffer(wire.totals, dtype="<f8").astype(np.float64),
        popularity=np.frombuffer(wire.popularity, dtype="<f8").astype(np.float64),
        recent=np.frombuffer(wire.recent, dtype="<f8").astype(np.float64),
        expected=wire.expected,
    )
