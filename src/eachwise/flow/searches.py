"""What people search for: counted with every event, written from time to time, told when somebody types."""

from __future__ import annotations

from eachwise.contracts.events import Action, Event, Meaning
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.counting import Counting
from eachwise.maths.decay import seconds
from eachwise.maths.hashing import stable_hash
from eachwise.recommend.queries import PastQueries

STATISTIC = "searches"


class Searches(Counting[PastQueries]):
    """The past queries of one store."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        super().__init__(store, clock, STATISTIC, PastQueries)

    @property
    def past(self) -> PastQueries:
        """The counts as they stand."""
        return self._counts

    def observe(self, sequence: int, event: Event, meaning: Meaning, individual_id: str) -> None:
        """Count one logged event, if it is a search; what was counted already is not counted twice."""
        if meaning.action is not Action.SEARCH or not meaning.query or sequence <= self.sequence:
            return
        person = stable_hash(individual_id)
        self.past.observe(meaning.query, person, seconds(event.occurred_at_us))
        self._changed = True
