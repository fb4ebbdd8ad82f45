"""How often each person was lately shown something for the sake of learning: what bounds it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.ports import Store
from eachwise.flow.lately import LOOKED_AT_MAX, lately
from eachwise.maths.decay import MICROSECONDS

DAY_US = 86_400 * MICROSECONDS


class Explorations:
    """Counted from the decisions logged, by the id that they were made for; kept for the ids met lately.

    ``bound``: more than so many within a day need not be told apart.
    """

    def __init__(self, store: Store, kept_max: int, bound: int) -> None:
        self._store = store
        self._kept_max = kept_max
        self._bound = bound
        self._times: OrderedDict[str, list[int]] = OrderedDict()

    def within_day(self, names: Iterable[str], now_us: int) -> int:
        """How many decisions of the last day under these ids were not the best by expectation."""
        found = 0
        for name in names:
            times = self._known(name, now_us)
            times[:] = [at_us for at_us in times if at_us > now_us - DAY_US]
            found += len(times)
        return found

    def note(self, record: DecisionRecord) -> None:
        """Count a decision that is made; under an id that is not kept, it is read with the others when asked for."""
        known = self._times.get(record.individual_id)
        if record.explored and known is not None:
            known.append(record.inputs.now_us)

    def _known(self, name: str, now_us: int) -> list[int]:
        known = self._times.get(name)
        if known is None:
            known = self._times[name] = self._read(name, now_us)
            if len(self._times) > self._kept_max:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(name)
        return known

    def _read(self, name: str, now_us: int) -> list[int]:
        """The moments from the log, newest first, until the bound is reached."""
        times: list[int] = []
        if not self._bound:
            return times
        looked_at, at_us = 0, now_us
        for record in lately(self._store, name, now_us - DAY_US):
            looked_at, at_us = looked_at + 1, record.inputs.now_us
            if record.explored:
                times.append(at_us)
            if len(times) == self._bound:
                return times
        if looked_at == LOOKED_AT_MAX:
            # What was not looked at may all have been exploration: until it is a day old, there is no more of it.
            times += [at_us] * self._bound
        return times
