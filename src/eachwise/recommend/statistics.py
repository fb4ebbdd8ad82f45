"""What is counted of the population's behaviour: a mergeable sufficient statistic.

It is a commutative monoid: shards, batches and single observations give the same to 1e-9 relative.
Two things are counted. **Transitions**: Σ_{d=1..10} C_d / d, where C_d[i, j] is how much engagement
with j came exactly d items after i in one person's history (docs/discussions/measured.md); they do not decay.
**Engagement masses** of each item on two horizons, decayed forward to one reference time.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.decay import factor

WINDOW = 10  # items back that a transition reaches: docs/discussions/measured.md
LONG_HALF_LIFE_S = 30 * 86400.0  # what is popular
RECENT_HALF_LIFE_S = 2 * 86400.0  # what is popular now; the trend is the ratio of the two

# Laplace's half an engagement for every item, so that one nobody touched has a share above 0.
_SHARE_PRIOR = 0.5
# Recent engagements below which an item's trend shrinks to 1: a Gamma prior of mean 1 and this mass
# on the ratio of what came lately to what was to be expected.
_TREND_PRIOR = 5.0

# Observations that wait in plain buffers; sorting them takes about a millisecond.
_BUFFER = 2048
# Runs are merged once the one before is less than twice as long: a pair moves O(log n) times.
_RUN_RATIO = 2
# Pairs held in one run: 160 MB. Beyond, those go that say least (see ``_bounded``); below, counts are exact.
PAIRS_MAX = 10_000_000
_KEPT_SHARE = 0.75
_SHIFT = 32  # a pair's key: code of the earlier item · 2³² + code of the later one
_FORMAT = 1

Run = tuple[Ints, Floats]  # sorted distinct keys, their masses


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted up to a moment: nothing of it changes any more, so another thread may read it.

    item_ids: by code; runs: pairs, sorted in a run, a pair in as many runs as it likes; long, recent: engagement masses
    by code at ``reference_s``
    """

    item_ids: tuple[str, ...]
    runs: tuple[Run, ...]
    long: Floats
    recent: Floats
    reference_s: float


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    """The statistic as bytes: little-endian buffers of int64 and float64."""

    format: int
    item_ids: list[str]
    keys: bytes
    masses: bytes
    long: bytes
    recent: bytes
    reference_s: float


class TasteStatistics:
    """Counts that take observations and add to one another; empty, it is the identity."""

    __slots__ = (
        "_at",
        "_codes",
        "_items",
        "_lengths",
        "_long",
        "_previous",
        "_recent",
        "_reference_s",
        "_runs",
        "_weights",
    )

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._runs: list[Run] = []
        self._long: Floats = np.zeros(0)
        self._recent: Floats = np.zeros(0)
        self._reference_s = 0.0
        self._empty_buffers()

    def _empty_buffers(self) -> None:
        self._items = array("q")
        self._previous = array("q")
        self._lengths = array("q")
        self._at = array("d")
        self._weights = array("d")

    def observe(
        self, previous: Sequence[str], item_id: str, at_s: float, weight: float = 1.0
    ) -> None:
        """Count one engagement with an item at ``at_s`` (seconds since 1970).

        ``previous`` are the person's items before it, newest first; those beyond ``WINDOW`` are
        left out, and so is the item itself. Only positive weight teaches. Amortised cost: a few
        microseconds.
        """
        if not (0.0 < weight < math.inf and math.isfinite(at_s)):
            return
        codes = self._codes
        code = codes.setdefault
        before = [code(one, len(codes)) for one in previous[:WINDOW]]
        self._previous.extend(before)
        self._items.append(code(item_id, len(codes)))
        self._lengths.append(len(before))
        self._at.append(at_s)
        self._weights.append(weight)
        if len(self._items) >= _BUFFER:
            self._flush()

    def merge(self, other: TasteStatistics) -> TasteStatistics:
        """The sum of two statistics, as a new one; associative and commutative."""
        total = TasteStatistics.decode(self.encode())
        total._flush()
        other._flush()
        codes = np.array([total._code(item_id) for item_id in other._codes], dtype=np.int64)
        for keys, masses in other._runs:
            total._add_run(_sorted_run(_recoded(keys, codes), masses))
        total._move_reference(other._reference_s)
        remaining = total._reference_s - other._reference_s
        long, recent = other._dense()
        np.add.at(total._long, codes, long * factor(remaining, LONG_HALF_LIFE_S))
        np.add.at(total._recent, codes, recent * factor(remaining, RECENT_HALF_LIFE_S))
        return total

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Every item counted so far; ``transitions`` and ``engagement`` code them by this order."""
        return tuple(self._codes)

    def transitions(self) -> tuple[Ints, Ints, Floats]:
        """Codes of the earlier and the later items, and masses, each (pairs,), sorted by codes."""
        self._flush()
        self._merge_runs(all_of_them=True)
        if not self._runs:
            none = np.zeros(0, dtype=np.int64)
            return none, none, np.zeros(0)
        keys, masses = self._runs[0]
        return keys >> _SHIFT, keys & ((1 << _SHIFT) - 1), masses

    def engagement(self, now_s: float) -> tuple[Floats, Floats]:
        """Engagement masses by code, long and recent, decayed to ``now_s``; (items,) each.

        Where ``now_s`` lies before the newest observation, they are as of that observation.
        """
        self._flush()
        elapsed = max(0.0, now_s - self._reference_s)
        long, recent = self._dense()
        return long * factor(elapsed, LONG_HALF_LIFE_S), recent * factor(
            elapsed, RECENT_HALF_LIFE_S
        )

    def counted(self) -> Counted:
        """What was counted so far. A few milliseconds: runs are never changed, only replaced."""
        self._flush()
        long, recent = self._dense()
        return Counted(
            item_ids=tuple(self._codes),
            runs=tuple(self._runs),
            long=long.copy(),
            recent=recent.copy(),
            reference_s=self._reference_s,
        )

    @classmethod
    def of(cls, counted: Counted) -> TasteStatistics:
        """Counts that go on from there."""
        found = cls()
        found._codes = {item_id: code for code, item_id in enumerate(counted.item_ids)}
        found._runs = list(counted.runs)
        found._long, found._recent = counted.long.copy(), counted.recent.copy()
        found._reference_s = counted.reference_s
        return found

    def encode(self) -> bytes:
        """The statistic as msgpack with little-endian buffers, its items in the order of ids."""
        earlier, later, masses = self.transitions()
        item_ids = sorted(self._codes)
        place = np.zeros(len(item_ids), dtype=np.int64)
        for position, item_id in enumerate(item_ids):
            place[self._codes[item_id]] = position
        keys, masses = _sorted_run((place[earlier] << _SHIFT) | place[later], masses)
        order = np.argsort(place)
        long, recent = self._dense()
        wire = _Wire(
            format=_FORMAT,
            item_ids=item_ids,
            keys=keys.astype("<i8").tobytes(),
            masses=masses.astype("<f8").tobytes(),
            long=long[order].astype("<f8").tobytes(),
            recent=recent[order].astype("<f8").tobytes(),
            reference_s=self._reference_s,
        )
        return msgspec.msgpack.encode(wire)

    @classmethod
    def decode(cls, body: bytes) -> TasteStatistics:
        """The statistic that ``encode`` wrote. Raises ``InvalidInput`` on other bytes."""
        try:
            wire = msgspec.msgpack.decode(body, type=_Wire)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise InvalidInput(f"taste statistics: {error}", field="statistics") from None
        if wire.format != _FORMAT:
            reason = f"taste statistics: format {wire.format}, not {_FORMAT}"
            raise InvalidInput(reason, field="statistics")
        found = cls()
        found._codes = {item_id: code for code, item_id in enumerate(wire.item_ids)}
        keys = np.frombuffer(wire.keys, dtype="<i8").astype(np.int64)
        if len(keys):
            found._runs = [(keys, np.frombuffer(wire.masses, dtype="<f8").astype(np.float64))]
        found._long = np.frombuffer(wire.long, dtype="<f8").astype(np.float64)
        found._recent = np.frombuffer(wire.recent, dtype="<f8").astype(np.float64)
        found._reference_s = wire.reference_s
        return found

    def _code(self, item_id: str) -> int:
        return self._codes.setdefault(item_id, len(self._codes))

    def _dense(self) -> tuple[Floats, Floats]:
        """Both mass arrays, grown to the number of items."""
        missing = len(self._codes) - len(self._long)
        if missing > 0:
            # Grown by an eighth at least, so that a stream of new items is not copied each time.
            more = np.zeros(max(missing, len(self._long) >> 3))
            self._long = np.concatenate([self._long, more])
            self._recent = np.concatenate([self._recent, more])
        size = len(self._codes)
        return self._long[:size], self._recent[:size]

    def _move_reference(self, to_s: float) -> None:
        """Decay both masses to a later reference time; an earlier one changes nothing."""
        self._dense()
        elapsed = to_s - self._reference_s
        if elapsed > 0:
            self._long *= factor(elapsed, LONG_HALF_LIFE_S)
            self._recent *= factor(elapsed, RECENT_HALF_LIFE_S)
            self._reference_s = to_s

    def _flush(self) -> None:
        """Turn what waits in the buffers into a run of pairs and into engagement masses."""
        if not self._items:
            return
        items = np.frombuffer(self._items, dtype=np.int64)
        previous = np.frombuffer(self._previous, dtype=np.int64)
        lengths = np.frombuffer(self._lengths, dtype=np.int64)
        at = np.frombuffer(self._at)
        weights = np.frombuffer(self._weights)
        self._empty_buffers()
        self._move_reference(float(at.max()))
        ages = self._reference_s - at
        for masses, half_life in (
            (self._long, LONG_HALF_LIFE_S),
            (self._recent, RECENT_HALF_LIFE_S),
        ):
            np.add.at(masses, items, weights * np.exp2(-ages / half_life))
        starts = np.cumsum(lengths) - lengths
        distances = np.arange(1, len(previous) + 1) - np.repeat(starts, lengths)
        later = np.repeat(items, lengths)
        kept = previous != later
        keys = (previous[kept] << _SHIFT) | later[kept]
        self._add_run(_sorted_run(keys, (np.repeat(weights, lengths) / distances)[kept]))

    def _add_run(self, run: Run) -> None:
        if len(run[0]):
            self._runs.append(run)
            self._merge_runs()

    def _merge_runs(self, *, all_of_them: bool = False) -> None:
        runs = self._runs
        while len(runs) > 1:
            last, before = runs[-1], runs[-2]
            if not all_of_them and len(before[0]) >= _RUN_RATIO * len(last[0]):
                return
            keys = np.concatenate([before[0], last[0]])
            masses = np.concatenate([before[1], last[1]])
            runs[-2:] = [_bounded(_sorted_run(keys, masses))]


def _recoded(keys: Ints, codes: Ints) -> Ints:
    """Pairs' keys with each code replaced by ``codes[code]``."""
    later: Ints = codes[keys & ((1 << _SHIFT) - 1)]
    earlier: Ints = codes[keys >> _SHIFT]
    return (earlier << _SHIFT) | later


def _sorted_run(keys: Ints, masses: Floats) -> Run:
    """Sort by key and add up the masses of equal keys."""
    if not len(keys):
        return keys, masses
    order = np.argsort(keys, kind="stable")
    keys, masses = keys[order], masses[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[starts], np.add.reduceat(masses, starts)


def _bounded(run: Run) -> Run:
    """The run, or above ``PAIRS_MAX`` pairs three quarters of so many: the largest K_ij / √T_i, T_i = Σ_j K_ij.

    Dividing by the root keeps something of rare items without keeping every pair of them.
    """
    keys, masses = run
    if len(keys) <= PAIRS_MAX:
        return run
    earlier = keys >> _SHIFT
    worth = masses / np.sqrt(np.bincount(earlier, weights=masses)[earlier])
    dropped = len(keys) - int(_KEPT_SHARE * PAIRS_MAX)
    kept = worth > np.partition(worth, dropped - 1)[dropped - 1]
    return keys[kept], masses[kept]


def shares(long: Floats, recent: Floats) -> tuple[Floats, Floats]:
    """Popularity p and its recent version from masses on both horizons, (N,) each of sum 1.

    p_i = (m_i + ½) / Σ(m + ½), m the long masses. recent_i ∝ p_i · (r_i + 5) / (R·p_i + 5), r the recent masses and R
    their sum.
    """
    if not len(long):
        return long, recent
    popularity = (long + _SHARE_PRIOR) / (long + _SHARE_PRIOR).sum()
    trend = (recent + _TREND_PRIOR) / (recent.sum() * popularity + _TREND_PRIOR)
    share = popularity * trend
    return popularity, share / share.sum()
