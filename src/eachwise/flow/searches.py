"""What people search for: counted with every event, written from time to time, told when somebody types."""

from __future__ import annotations

import msgspec

from eachwise.contracts.events import Action, Event, Meaning
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.flow.drive import Flow
from eachwise.maths.decay import MICROSECONDS, seconds
from eachwise.maths.hashing import stable_hash
from eachwise.recommend.queries import PastQueries

STATISTIC = "searches"
SAVE_INTERVAL_S = 300.0
# With nothing new the place in the log is written all the same, so that a start has no more than this to read again.
LAG_EVENTS_MAX = 10_000


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """The counts as they are written, with the sequence up to which they have seen the log."""

    sequence: int
    past: PastQueries


class Searches:
    """The past queries of one store. What was not written when the process died is counted again from the log."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        stored = store.statistic(STATISTIC)
        kept = None if stored is None else msgspec.msgpack.decode(stored, type=_Stored)
        self.sequence = 0 if kept is None else kept.sequence
        self.past = PastQueries() if kept is None else kept.past
        self._changed = False
        self._saved_at_us = clock.now_us()

    def observe(self, sequence: int, event: Event, meaning: Meaning, individual_id: str) -> None:
        """Count one logged event, if it is a search; what was counted already is not counted twice."""
        if meaning.action is not Action.SEARCH or not meaning.query or sequence <= self.sequence:
            return
        person = stable_hash(individual_id)
        self.past.observe(meaning.query, person, seconds(event.occurred_at_us))
        self._changed = True

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
        stored = msgspec.msgpack.encode(_Stored(sequence, self.past))
        try:
            yield self._store.commit(Commit(statistics={STATISTIC: stored}))
        except Exception:
            self._changed = True
            raise
        self.sequence = sequence
