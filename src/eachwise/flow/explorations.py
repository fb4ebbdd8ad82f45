"""How often each person was lately shown something for the sake of learning: what bounds it."""

from __future__ import annotations

from collections import OrderedDict

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.ports import Store
from eachwise.maths.decay import MICROSECONDS

DAY_US = 86_400 * MICROSECONDS
# Of a person not met since the start, so many of the newest decisions are looked at; the first few alone, which mostly
# reach back beyond the day.
_LOOKED_AT, _FIRST = 50, 4


class Explorations:
    """Counted from the decisions logged, by the id that they were made for; kept for the people met lately."""

    def __init__(self, store: Store, kept_max: int) -> None:
        self._store = store
        self._kept_max = kept_max
        self._times: OrderedDict[str, list[int]] = OrderedDict()

    def within_day(self, individual_id: str, now_us: int) -> int:
        """How many decisions of the last day were not the best by expectation."""
        times = self._known(individual_id, now_us)
        times[:] = [at_us for at_us in times if at_us > now_us - DAY_US]
        return len(times)

    def note(self, record: DecisionRecord) -> None:
        """Count a decision that is made; of a person who is not kept, it is read with the others when asked for."""
        known = self._times.get(record.individual_id)
        if record.explored and known is not None:
            known.append(record.inputs.now_us)

    def _known(self, individual_id: str, now_us: int) -> list[int]:
        known = self._times.get(individual_id)
        if known is None:
            made = self._store.decisions_of(individual_id, _FIRST)
            if len(made) == _FIRST and made[-1].inputs.now_us > now_us - DAY_US:
                more = _LOOKED_AT - _FIRST
                made += self._store.decisions_of(individual_id, more, made[-1].decision_id)
            known = [record.inputs.now_us for record in made if record.explored]
            self._times[individual_id] = known
            if len(self._times) > self._kept_max:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(individual_id)
        return known
