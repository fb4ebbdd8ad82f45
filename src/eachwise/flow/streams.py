"""Who listens for what waits for them, and what they are handed."""

from __future__ import annotations

import re
from collections.abc import Callable

from eachwise.contracts.decision import Decided, DecideRequest
from eachwise.contracts.ports import Clock
from eachwise.flow.asked import check_named, individual_of
from eachwise.flow.decide import Deciding
from eachwise.flow.drive import Flow
from eachwise.flow.waiting import Waiting
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS

# What was handed over is kept for a page that lost its connection meanwhile.
KEPT_US = 120 * MICROSECONDS
KEPT_MAX = 20
_MARK = re.compile(r"at-([0-9]{1,19})")

Heard = Callable[[], object]
Handed = tuple[str, Decided]


class Streams:
    """Listeners by person. ``open``: how many there are."""

    def __init__(
        self,
        *,
        clock: Clock,
        directory: Directory,
        deciding: Deciding,
        waiting: Waiting,
    ) -> None:
        self._clock = clock
        self._directory = directory
        self._deciding = deciding
        self._waiting = waiting
        self._listeners: dict[str, list[Heard]] = {}
        self._handed: dict[str, list[tuple[int, Handed]]] = {}
        self.open = 0
        self.ended = False
        waiting.wake = self._wake

    def person(
        self, user_id: str | None, anonymous_id: str | None, individual_id: str | None
    ) -> str:
        """Whom the ids name. Raises ``InvalidInput`` where they name nobody."""
        asked = DecideRequest(
            placements=[],
            user_id=user_id,
            anonymous_id=anonymous_id,
            individual_id=individual_id,
        )
        check_named(asked)
        return individual_of(asked, self._directory, self._clock.now_us())

    def listen(self, individual_id: str, heard: Heard) -> Callable[[], None]:
        """Call ``heard`` when something new waits for a person, or all streams are to end; returns what stops it."""
        listeners = self._listeners.setdefault(individual_id, [])
        listeners.append(heard)
        self.open += 1

        def stop() -> None:
            listeners.remove(heard)
            self.open -= 1
            if not listeners:
                self._listeners.pop(individual_id, None)
                self._forget()

        return stop

    def mark(self) -> str:
        """An id that stands for now: a page whose last one it is has all that was handed out before."""
        return f"at-{self._clock.now_us()}"

    def take(self, individual_id: str, after: str = "") -> Flow[list[Handed]]:
        """What waits for a person and may be shown now: taken up; ``after``: first what was handed out behind it.

        ``after`` is the last id that the page had: a message's, or a ``mark``.
        """
        now_us = self._clock.now_us()
        person = self._directory.resolve(individual_id)
        again = _behind(self._kept(person, now_us), after) if after else []
        standing = self._waiting.standing(person)
        found = [
            (message.message_id, self._deciding.answer(record)) for message, record in standing
        ]
        if standing:
            yield from self._waiting.picked(person, [record for _, record in standing])
            handed = [*self._handed.get(person, ()), *((now_us, each) for each in found)]
            self._handed[person] = handed[-KEPT_MAX:]
        return again + found

    def _kept(self, person: str, now_us: int) -> list[tuple[int, Handed]]:
        """What a person was handed lately, under whichever of their ids."""
        names = self._waiting.names(person)
        every = [each for name in names for each in self._handed.get(name, ())]
        return sorted(
            (each for each in every if each[0] > now_us - KEPT_US), key=lambda each: each[0]
        )

    def _forget(self) -> None:
        """Drop what nobody will come back for."""
        since_us = self._clock.now_us() - KEPT_US
        over = [person for person, kept in self._handed.items() if kept[-1][0] <= since_us]
        for person in over:
            del self._handed[person]

    def end(self) -> None:
        """The service stops: every listener is told, and takes no more."""
        self.ended = True
        for listeners in self._listeners.values():
            for heard in listeners:
                heard()

    def _wake(self, individual_id: str) -> None:
        if not self._listeners:
            return
        # A page goes on listening under the id that it had before its person logged in.
        for name in self._waiting.names(individual_id):
            for heard in self._listeners.get(name, ()):
                heard()


def _behind(kept: list[tuple[int, Handed]], after: str) -> list[Handed]:
    """Those that came behind an id; of one that is not known any more, nothing is known."""
    if mark := _MARK.fullmatch(after):
        return [each for at_us, each in kept if at_us >= int(mark[1])]
    handed = [each for _, each in kept]
    names = [message_id for message_id, _ in handed]
    return handed[names.index(after) + 1 :] if after in names else []
