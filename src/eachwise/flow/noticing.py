"""What of the events may move a journey: noticed as events are folded, kept until the journeys have taken it in.

The queue is written with each checkpoint, so that what was folded and not yet taken in survives a crash; what was
folded after the checkpoint is folded, and noticed, again. ``taken`` is where the journeys are in the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from eachwise.contracts.events import Event
from eachwise.contracts.experience import STAGES
from eachwise.contracts.ports import Store
from eachwise.flow.people import People
from eachwise.individual import engagement_score, stage_of
from eachwise.maths.words import fold_name
from eachwise.settings import StageSettings

# The statistic under which the queue is kept, and where the journeys are in the log.
QUEUE, TAKEN = "journeys:noticed", "journeys:taken"


class Noticed(msgspec.Struct, frozen=True, array_like=True):
    """One thing to take in, in log order.

    sequence: of the event in the log; 0: it came otherwise (``POST …/enter``)
    event:    the folded name, "" where only a merge was noticed
    stage:    the stage to which the event raised the person, "" where it did not
    merged:   the person who turned out to be ``individual_id``
    journey_id, key: which journey is asked for by hand, and with which key
    """

    sequence: int
    individual_id: str
    at_us: int
    received_at_us: int
    event: str = ""
    message_id: str = ""
    properties: dict[str, Any] = {}
    stage: str = ""
    merged: str = ""
    journey_id: str = ""
    key: str = ""


_decode = msgspec.msgpack.Decoder(list[Noticed]).decode
_encode = msgspec.msgpack.Encoder().encode


class Noticing:
    """The queue between folding and the journeys."""

    def __init__(self, store: Store, people: People, settings: StageSettings) -> None:
        self._people = people
        self._settings = settings
        stored = store.statistic(TAKEN)
        self.taken = 0 if stored is None else msgspec.msgpack.decode(stored, type=int)
        waiting = store.statistic(QUEUE)
        kept = [] if waiting is None else _decode(waiting)
        self._queue = deque(each for each in kept if each.sequence > self.taken)
        # Set by the journeys: whether there are any, the folded names that matter, whether any name may, and whether
        # stages do.
        self.journeys = False
        self.names: frozenset[str] = frozenset()
        self.everything = False
        self.stages = False
        # Called whenever there is something to take in.
        self.wake: Callable[[], None] = _nothing
        self._answers: dict[int, Future[str]] = {}

    def __len__(self) -> int:
        return len(self._queue)

    def merged(self, sequence: int, source: str, target: str, event: Event) -> None:
        """``source`` turned out to be ``target``: whatever began its journeys, they are the other's from now on."""
        if self.journeys:
            noticed = Noticed(
                sequence, target, event.occurred_at_us, event.received_at_us, merged=source
            )
            self._add(noticed)

    def rung(self, event: Event, *people: str) -> int:
        """The highest stage at which any of these stands as of an event, as a place in ``STAGES``; −1 of nobody.

        Worked out only where a journey asks for stages.
        """
        if not self.stages:
            return -1
        at_us, settings = event.occurred_at_us, self._settings
        states = [state for each in people if (state := self._people.find(each)) is not None]
        stages = (stage_of(s, at_us, engagement_score(s, at_us), settings)[0] for s in states)
        return max((STAGES.index(stage) for stage in stages), default=-1)

    def happened(self, sequence: int, individual_id: str, event: Event, before: int) -> None:
        """An event of a person, who stood ``before`` it on that rung: what it raised them to is noticed with it."""
        after = self.rung(event, individual_id)
        stage = STAGES[after] if after > before else ""
        if not (stage or self.everything or self.names):
            return
        name = name_of(event)
        if not (stage or self.everything or name in self.names):
            return
        self._add(
            Noticed(
                sequence,
                individual_id,
                event.occurred_at_us,
                event.received_at_us,
                event=name,
                message_id=event.message_id,
                properties=event.properties or event.traits,
                stage=stage,
            )
        )

    def asked(self, noticed: Noticed) -> Future[str]:
        """Someone is to enter a journey; the future is done when that is durable: the instance's id, or why not."""
        answer: Future[str] = Future()
        # It is running: a request that is given up cannot cancel it under the round that answers it.
        answer.set_running_or_notify_cancel()
        self._answers[id(noticed)] = answer
        self._queue.append(noticed)
        self.wake()
        return answer

    def take(self, limit: int) -> list[Noticed]:
        """The oldest, about so many: what one event brought is never parted. They stay queued until ``settled``."""
        taken: list[Noticed] = []
        for each in self._queue:
            if len(taken) >= limit and each.sequence != taken[-1].sequence:
                break
            taken.append(each)
        return taken

    def settled(self, taken: list[Noticed], answers: dict[int, str | Exception]) -> None:
        """These are taken in, durably."""
        for noticed in taken:
            self._queue.popleft()
            self.taken = max(self.taken, noticed.sequence)
            future = self._answers.pop(id(noticed), None)
            if future is not None:
                answer = answers.get(id(noticed), "")
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def refused(self, taken: list[Noticed], error: Exception) -> None:
        """These could not be taken in: whoever asked by hand is told, and may ask again; what the log has stays."""
        asked = {
            id(each): future for each in taken if (future := self._answers.pop(id(each), None))
        }
        self._queue = deque(each for each in self._queue if id(each) not in asked)
        for future in asked.values():
            future.set_exception(error)

    def kept(self) -> dict[str, bytes | None]:
        """The statistic to write with a checkpoint: what was folded and is not taken in yet."""
        waiting = [each for each in self._queue if each.sequence]
        return {QUEUE: _encode(waiting) if waiting else None}

    def _add(self, noticed: Noticed) -> None:
        if noticed.sequence > self.taken:
            self._queue.append(noticed)
            self.wake()


def taken_as(sequence: int) -> dict[str, bytes | None]:
    """The statistic that says how far the journeys are in the log."""
    return {TAKEN: _encode(sequence)}


def name_of(event: Event) -> str:
    """What journeys call an event: a track's folded name, ``page NAME``, ``screen NAME``, or its kind."""
    if event.kind == "track":
        return fold_name(event.name)
    return fold_name(f"{event.kind} {event.name}")


def _nothing() -> None:
    """Nobody waits."""
