"""Session neighbours: what came up in the visits of others that are most like the one that goes on (VMIS-kNN).

Kersbergen, Sprangers & Schelter, "Serenade" (SIGMOD 2022); the second feature weighs where in its visit the neighbour
met an item, after Garg et al., "STAN" (SIGIR 2019). What is counted merges: see ``Visits``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.histories import SESSION_GAP_S
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import owners
from eachwise.recommend.tables import log_evidence

# Serenade's m and k: newest visits looked at for each item, and neighbours kept.
NEWEST = 2500
NEIGHBOURS = 500
# Items of the visit that goes on that look for neighbours, and of a neighbour's visit, the newest.
TAIL = 9
LENGTH_MAX = 50
# Worth of the n-th newest item of the visit, and of a neighbour whose newest shared item is that one.
ITEM_DECAY = 0.7
NEIGHBOUR_DECAY = 0.8
# Worth of an item d places after the newest shared one, and of one d places before it: .7^(d−1), .6 · .7^(d−1).
STEP_DECAY = 0.7
BEFORE = 0.6

_REACH = 200
_PLACES = 16  # above TAIL: a visit and a place pack into one integer
_ITEM_WORTH = ITEM_DECAY ** np.arange(_PLACES)
_NEIGHBOUR_WORTH = NEIGHBOUR_DECAY ** np.arange(_PLACES)
_FIT_BYTES = 120  # that one engagement takes at the peak of the fit, measured
_MIX = 0x9E3779B97F4A7C15  # 2⁶⁴ / golden ratio: spreads small integers over 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """Visits of at least two distinct items: the sufficient statistic, a commutative monoid under ``merge``.

    ends_s: (S,) when each ended, ascending; equal ends are in the order of what is in them
    indptr: (S + 1,); rows: (D,) a visit's distinct items, by their last engagement, the newest 50
    """

    ends_s: Floats
    indptr: Ints
    rows: NDArray[np.int32]


def visits_of(data: Interactions) -> Visits:
    """Everyone's visits: a person's engagements of weight above 0 without a gap of more than 30 minutes."""
    speaks = data.weights > 0
    owner, at_s, rows = owners(data)[speaks], data.at_s[speaks], data.rows[speaks]
    begins = np.ones(len(rows), dtype=np.bool_)
    begins[1:] = (owner[1:] != owner[:-1]) | (np.diff(at_s) > SESSION_GAP_S)
    visit = np.cumsum(begins) - 1
    count = int(visit[-1]) + 1 if len(visit) else 0
    order = np.lexsort((rows, visit))
    last = np.ones(len(rows), dtype=np.bool_)
    last[:-1] = (visit[order][1:] != visit[order][:-1]) | (rows[order][1:] != rows[order][:-1])
    kept = np.sort(order[last])  # an item at its last engagement, in the order of time
    lengths = np.bincount(visit[kept], minlength=count)
    from_end = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(kept))
    kept = kept[(from_end <= LENGTH_MAX) & (np.repeat(lengths, lengths) > 1)]
    ends_s = at_s[np.flatnonzero(np.append(begins[1:], True))] if count else at_s
    lengths = np.bincount(visit[kept], minlength=count)
    some = lengths > 0
    return _ordered(ends_s[some], lengths[some], rows[kept])


def merge(one: Visits, other: Visits) -> Visits:
    """The visits of both; associative and commutative, and the visits of nobody change nothing."""
    return _ordered(
        np.concatenate([one.ends_s, other.ends_s]),
        np.concatenate([np.diff(one.indptr), np.diff(other.indptr)]),
        np.concatenate([one.rows, other.rows]),
    )


def newest(visits: Visits, count: int, most: int = NEWEST) -> Visits:
    """The visits that are among the ``most`` newest of any of their items (of N = ``count``): all that a fit reads.

    newest(merge(newest(a), newest(b))) = newest(merge(a, b)): a visit left out of a shard is in no whole's lists.
    """
    lists = _lists(visits, count, most)
    kept = np.zeros(len(visits.ends_s), dtype=np.bool_)
    kept[lists["visits"]] = True
    return _chosen(visits, kept)


def _ordered(ends_s: Floats, lengths: Ints, rows: NDArray[np.int32]) -> Visits:
    """In the order of their ends; equal ends by a digest of the items, so that no order of arrival matters."""
    starts = np.cumsum(lengths) - lengths
    places = np.arange(len(rows)) - np.repeat(starts, lengths)
    mixed = (rows.astype(np.uint64) + 1) * np.uint64(_MIX) ^ (places.astype(np.uint64) << 40)
    mixed *= mixed >> np.uint64(29) | np.uint64(1)
    digest = np.add.reduceat(mixed, starts) if len(starts) else mixed
    order = np.lexsort((digest, lengths, ends_s))
    indptr = np.zeros(len(order) + 1, dtype=np.int64)
    np.cumsum(lengths[order], out=indptr[1:])
    moved = rows[_spans(starts[order], lengths[order])]
    return Visits(ends_s=ends_s[order], indptr=indptr, rows=moved)


def _chosen(visits: Visits, kept: NDArray[np.bool_]) -> Visits:
    lengths = np.diff(visits.indptr)
    indptr = np.zeros(int(kept.sum()) + 1, dtype=np.int64)
    np.cumsum(lengths[kept], out=indptr[1:])
    return Visits(
        ends_s=visits.ends_s[kept], indptr=indptr, rows=visits.rows[np.repeat(kept, lengths)]
    )


def _spans(starts: Ints, lengths: Ints) -> Ints:
    """The integers of the ranges [start, start + length), one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _lists(visits: Visits, count: int, most: int) -> dict[str, Ints]:
    """Item → its ``most`` newest visits, newest first: ``indptr`` (N + 1,), ``visits``; ``met`` (N,) of how many."""
    visit = np.repeat(np.arange(len(visits.ends_s)), np.diff(visits.indptr))
    order = np.lexsort((-visit, visits.rows))
    met = np.bincount(visits.rows, minlength=count)
    place = np.arange(len(order)) - np.repeat(np.cumsum(met) - met, met)
    indptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.minimum(met, most), out=indptr[1:])
    return {"indptr": indptr, "visits": visit[order[place < most]], "met": met}


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """Item → its newest visits, visit → its items, and each item's rarity log(S / visits with it)."""
    affordable = fitting.memory_bytes_max // _FIT_BYTES
    if len(data.rows) > affordable:
        fitting.say(f"sessions: the newest {affordable:,} of {len(data.rows):,} engagements")
        data = _since(data, float(np.sort(data.at_s)[len(data.rows) - affordable]))
    count = len(data.item_ids)
    visits = newest(visits_of(data), count)
    if not len(visits.ends_s):
        raise DoesNotApply("no visit has two different items")
    lists = _lists(visits, count, NEWEST)
    rarity = np.log(len(visits.ends_s) / np.maximum(lists["met"], 1.0))
    return {
        "indptr": lists["indptr"],
        "visits": lists["visits"].astype(np.int32),
        "starts": visits.indptr,
        "rows": visits.rows,
        "rarity": rarity.astype(np.float32),
    }


def _since(data: Interactions, at_s: float) -> Interactions:
    """The engagements from a moment on."""
    kept = data.at_s >= at_s
    indptr = np.zeros(len(data.indptr), dtype=np.int64)
    np.cumsum(np.bincount(owners(data)[kept], minlength=data.people), out=indptr[1:])
    return Interactions(
        item_ids=data.item_ids,
        indptr=indptr,
        rows=data.rows[kept],
        at_s=data.at_s[kept],
        weights=data.weights[kept],
        bought=data.bought[kept],
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What K neighbours hold: rows and weights (E,), one neighbour after the other, ``lengths`` (K,) entries each.

    shared: (K,) the newest item of the visit that each has too
    """

    rows: NDArray[np.int32]
    weights: Floats
    lengths: Ints
    shared: Ints


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Two features (2, C), each log(1 + Σ over the neighbours h that hold the item of λ(h) · r_h · rarity).

    r_h = Σ .7^n over the items that h shares with the visit, n = 0 the newest; λ(h) = .8^n of the newest of them. The
    second weighs each item by how far from that shared item h met it, too: .7^(d−1) after, .6 · .7^(d−1) before it.
    """
    found = _neighbours(parts, history)
    if found is None:
        return np.zeros((2, frame.size))
    rarity = frame.take(parts["rarity"])
    near = found.weights * _steps(found)
    return np.stack(
        [
            log_evidence(frame.add_up(found.rows, found.weights) * rarity, 1.0),
            log_evidence(frame.add_up(found.rows, near) * rarity, 1.0),
        ]
    )


def _neighbours(parts: Parts, history: History) -> _Found | None:
    """The 500 visits most like the one that goes on, equal ones newest first; None without any."""
    own = _own(history)
    lists, indptr = parts["visits"], parts["indptr"]
    spans = [lists[indptr[row] : indptr[row + 1]] for row in own.tolist()]
    lengths = [len(span) for span in spans]
    if not sum(lengths):
        return None
    place = np.repeat(np.arange(len(own)), lengths)
    # Visit and place in one integer: one sort brings a visit's shared items together, the newest first.
    keys = np.sort(np.concatenate(spans).astype(np.int64) * _PLACES + place)
    visits, place = keys // _PLACES, keys % _PLACES
    first = np.flatnonzero(np.concatenate([[True], visits[1:] != visits[:-1]]))
    likeness = np.add.reduceat(_ITEM_WORTH[place], first)
    visits, place = visits[first], place[first]
    if len(visits) > NEIGHBOURS:
        # Visits are numbered by their ends: the higher of two equals is the newer.
        rank = np.rint(likeness * 2**20).astype(np.int64) * 2**32 + visits
        kept = np.argpartition(-rank, NEIGHBOURS - 1)[:NEIGHBOURS]
        visits, place, likeness = visits[kept], place[kept], likeness[kept]
    starts = parts["starts"][visits]
    counts = parts["starts"][visits + 1] - starts
    return _Found(
        rows=parts["rows"][_spans(starts, counts)],
        weights=np.repeat(likeness * _NEIGHBOUR_WORTH[place], counts),
        lengths=counts,
        shared=own[place],
    )


def _own(history: History) -> Ints:
    """The newest distinct items of the visit that goes on, newest first."""
    rows = history.rows[: history.session]
    rows = rows[history.weights[: history.session] > 0]
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)[:TAIL]]


# Worth of an item d places from the newest shared one, for d = −49 … 49.
_STEPS = np.concatenate(
    [
        BEFORE * STEP_DECAY ** np.arange(LENGTH_MAX - 2, -1, -1.0),
        [0.0],
        STEP_DECAY ** np.arange(LENGTH_MAX - 1.0),
    ]
)


def _steps(found: _Found) -> Floats:
    """How near each entry lies to its neighbour's newest shared item; 0 at that item; (E,)."""
    anchors = np.flatnonzero(found.rows == np.repeat(found.shared, found.lengths))
    distance = np.arange(len(found.rows)) - np.repeat(anchors, found.lengths)
    return np.asarray(_STEPS[distance + LENGTH_MAX - 1])


def reach(parts: Parts, history: History) -> Ints:
    """The 200 items that score highest."""
    found = _neighbours(parts, history)
    if found is None:
        return np.zeros(0, dtype=np.int64)
    rows, where = np.unique(found.rows, return_inverse=True)
    scores = np.bincount(where, weights=found.weights) * parts["rarity"][rows]
    if len(rows) > _REACH:
        rows = rows[np.argpartition(-scores, _REACH - 1)[:_REACH]]
    return rows.astype(np.int64)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the visit that the neighbours with this row share most weight on; never the row itself."""
    found = _neighbours(parts, history)
    if found is None:
        return None
    shared = np.repeat(found.shared, found.lengths)
    there = (found.rows == row) & (shared != row)
    if not there.any():
        return None
    own, where = np.unique(shared[there], return_inverse=True)
    return int(own[np.bincount(where, weights=found.weights[there]).argmax()])


MODEL = Model(
    name="sessions",
    features=("sessions.vmis", "sessions.near"),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
