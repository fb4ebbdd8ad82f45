"""What was decided for a person lately: read from the log once, then kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.ports import Store

# So many of the newest decisions made under one id are looked at: a read of them all takes some ten milliseconds.
LOOKED_AT_MAX = 500
# The first few alone, which mostly reach back far enough.
_FIRST, _PAGE = 4, 50


def lately(store: Store, name: str, since_us: int) -> Iterator[DecisionRecord]:
    """The decisions made under an id after a time, newest first: at most ``LOOKED_AT_MAX``."""
    found, wanted, before = 0, _FIRST, None
    while wanted > 0:
        page = store.decisions_of(name, wanted, before)
        for record in page:
            if record.inputs.now_us <= since_us:
                return
            yield record
        if len(page) < wanted:
            return
        found, before = found + len(page), page[-1].decision_id
        wanted = min(_PAGE, LOOKED_AT_MAX - found)


class _Known(msgspec.Struct):
    """Of one id: the newest decision of each placement (µs, decision id), complete for what came after ``since_us``."""

    since_us: int
    newest: dict[str, tuple[int, str]]


class Visits:
    """The newest decision of each placement by the id that it was made for; kept for the ids met lately."""

    def __init__(self, store: Store, kept_max: int) -> None:
        self._store = store
        self._kept_max = kept_max
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def newest(
        self, names: Iterable[str], placement_id: str, since_us: int
    ) -> Iterator[DecisionRecord]:
        """The newest decision of a placement after a time under each of these ids, newest first."""
        found = [self._of(name, placement_id, since_us) for name in names]
        for at_us, decision_id in sorted((each for each in found if each), reverse=True):
            record = self._store.decision(decision_id) if at_us > since_us else None
            if record is not None:
                yield record

    def note(self, record: DecisionRecord) -> None:
        """Keep a decision that is durable; of an id that is not kept, it is read with the others when asked for."""
        known = self._known.get(record.individual_id)
        if known is not None:
            known.newest[record.inputs.placement_id] = (record.inputs.now_us, record.decision_id)

    def _of(self, name: str, placement_id: str, since_us: int) -> tuple[int, str] | None:
        known = self._known.get(name)
        if known is None or (placement_id not in known.newest and known.since_us > since_us):
            known = self._known[name] = _Known(since_us, {})
            for record in lately(self._store, name, since_us):
                made = (record.inputs.now_us, record.decision_id)
                known.newest.setdefault(record.inputs.placement_id, made)
            if len(self._known) > self._kept_max:
                self._known.popitem(last=False)
        self._known.move_to_end(name)
        return known.newest.get(placement_id)
