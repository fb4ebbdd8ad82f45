"""The individuals at work: a bounded cache of decoded states, and which of them the store does not have yet.

A changed state stays in memory until the checkpoint that carries it is durable, so a read never goes back in time.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from eachwise.contracts.decision import Reservation
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Store
from eachwise.individual import merge
from eachwise.settings import AffinitySettings

_decode = msgspec.msgpack.Decoder(Individual).decode
_encode = msgspec.msgpack.Encoder().encode


class People:
    """States by individual id, least recently used first. Not thread-safe: one flow at a time."""

    def __init__(self, store: Store, affinity: AffinitySettings, kept_max: int) -> None:
        self._store = store
        self._affinity = affinity
        self._kept_max = kept_max
        self._states: OrderedDict[str, Individual | None] = OrderedDict()
        self._changed: set[str] = set()
        self._in_flight: frozenset[str] = frozenset()
        self._reserved: dict[str, list[Reservation]] = {}

    def find(self, individual_id: str) -> Individual | None:
        """The state, or None where nobody has this id."""
        states = self._states
        if individual_id in states:
            states.move_to_end(individual_id)
            return states[individual_id]
        stored = self._store.individual(individual_id)
        state = None if stored is None else _decode(stored)
        if state is not None:
            states[individual_id] = state
            self._evict()
        return state

    def edit(self, individual_id: str) -> Individual:
        """The state to fold into (a new one where there is none); it will be written at the next checkpoint."""
        state = self.find(individual_id)
        if state is None:
            state = Individual()
        # Put in place even where it was found: with little memory, looking for it may have evicted it again.
        self._states[individual_id] = state
        self._changed.add(individual_id)
        return state

    def replace(self, individual_id: str, state: Individual | None) -> None:
        """Put a recomputed state in place; ``None`` deletes it."""
        self._states[individual_id] = state
        self._states.move_to_end(individual_id)
        self._changed.add(individual_id)

    def merge(self, source: str, target: str) -> None:
        """``source`` turns out to be ``target``: add the states, move the reservations, forget the source."""
        taken = self.find(source)
        if taken is not None:
            kept = self.find(target)
            self.replace(target, taken if kept is None else merge(kept, taken, self._affinity))
            self.replace(source, None)
        if source in self._reserved:
            self._reserved.setdefault(target, []).extend(self._reserved.pop(source))

    def reserve(self, individual_id: str, reservation: Reservation) -> None:
        """Hold a place under the frequency caps."""
        self._reserved.setdefault(individual_id, []).append(reservation)

    def retake(self, individual_id: str, decision_id: str, now_us: int) -> None:
        """A place is held as of now: what holds it is a contact at this moment, however long it waited."""
        held = self._reserved.get(individual_id, [])
        for number, each in enumerate(held):
            if each.decision_id == decision_id:
                held[number] = msgspec.structs.replace(each, reserved_at_us=now_us)

    def release(self, individual_id: str, decision_id: str) -> None:
        """Give a held place back: its exposure was confirmed (and is a contact now), or its decision was not logged."""
        held = self._reserved.get(individual_id)
        if held is not None:
            held[:] = [r for r in held if r.decision_id != decision_id]
            if not held:
                del self._reserved[individual_id]

    def reservations(self, individual_id: str, now_us: int) -> list[Reservation]:
        """The places still held at this time; those past their time are dropped."""
        held = self._reserved.get(individual_id)
        if held is None:
            return []
        live = [r for r in held if r.expires_at_us > now_us]
        if live:
            self._reserved[individual_id] = live
        else:
            del self._reserved[individual_id]
        return list(live)

    @property
    def changed(self) -> int:
        """How many states the store does not have yet."""
        return len(self._changed)

    def take_changed(self) -> dict[str, bytes | None]:
        """What the next checkpoint must write. Call ``settled`` once it is durable."""
        taken = {
            key: None if (s := self._states[key]) is None else _encode(s)
            for key in sorted(self._changed)
        }
        self._in_flight = frozenset(self._changed)
        self._changed.clear()
        return taken

    def settled(self, *, failed: bool = False) -> None:
        """The last checkpoint is durable (or failed: then its states count as changed again)."""
        if failed:
            self._changed |= self._in_flight
        self._in_flight = frozenset()
        self._evict()

    def _evict(self) -> None:
        # In batches of a tenth, so that the scan for unpinned states costs O(1) a read.
        if len(self._states) <= self._kept_max * 11 // 10:
            return
        pinned = self._changed | self._in_flight
        excess = len(self._states) - self._kept_max
        for key in [key for key in self._states if key not in pinned][:excess]:
            del self._states[key]
