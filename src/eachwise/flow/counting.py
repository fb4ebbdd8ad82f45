"""A statistic that is counted with every event of the log and written from time to time, with its place in the log."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.flow.drive import Flow
from eachwise.maths.decay import MICROSECONDS

SAVE_INTERVAL_S = 300.0
# With nothing new the place in the log is written all the same, so that a start has no more than this to read again.
LAG_EVENTS_MAX = 10_000

Counts = TypeVar("Counts")


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """The counts as they are written, with the sequence up to which they have seen the log."""

    sequence: int
    counts: msgspec.Raw


class Counting(Generic[Counts]):
    """Counts of one store. What was not written when the process died is counted again from the log.

    sequence: how far the written counts have seen the log; ``_changed``: there is something new since
    """

    def __init__(self, store: Store, clock: Clock, statistic: str, kind: type[Counts]) -> None:
        self._store = store
        self._clock = clock
        self._statistic = statistic
        stored = store.statistic(statistic)
        self.sequence, self._counts = 0, kind()
        if stored is not None:
            kept = msgspec.msgpack.decode(stored, type=_Stored)
            self.sequence = kept.sequence
            self._counts = msgspec.msgpack.decode(kept.counts, type=kind)
        self._changed = False
        self._saved_at_us = clock.now_us()

    def due(self, sequence: int) -> bool:
        """Whether it is time to write: there is something new, or the log has gone on far."""
        waited_us = self._clock.now_us() - self._saved_at_us
        new = self._changed or sequence - self.sequence >= LAG_EVENTS_MAX
        return new and waited_us >= SAVE_INTERVAL_S * MICROSECONDS

    def save(self, sequence: int) -> Flow[None]:
        """Write the counts; ``sequence`` is how far they have seen the log."""
        if sequence == self.sequence:
            return
        self._saved_at_us = self._clock.now_us()
        self._changed = False
        counts = msgspec.Raw(msgspec.msgpack.encode(self._counts))
        stored = msgspec.msgpack.encode(_Stored(sequence, counts))
        try:
            yield self._store.commit(Commit(statistics={self._statistic: stored}))
        except Exception:
            self._changed = True
            raise
        self.sequence = sequence
