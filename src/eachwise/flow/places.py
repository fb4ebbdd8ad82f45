"""Open messages count as contacts: each holds its place under the frequency caps until it is settled.

What waits may wait for longer than a cap's window, and then its place, as old as the decision, keeps nobody off any
more. So a place is taken anew at the moment at which its message is about to go out or to be shown, before anything
else is asked whether it may: of two that have waited, one goes, and the other keeps its distance to that.
"""

from __future__ import annotations

from collections.abc import Iterable

from eachwise.contracts.decision import Reservation
from eachwise.contracts.delivery import OPEN, Message
from eachwise.contracts.ports import Clock
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.people import People
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS

# A time that never comes: what is settled gives its place back itself.
NEVER_US = 2**62
# What it was at when the engine stopped may have gone out: its place is that of its last attempt.
_ATTEMPTED = frozenset({"claimed", "sending", "unknown"})


class Places:
    """Holds and frees the places of messages."""

    def __init__(
        self, *, clock: Clock, people: People, directory: Directory, catalogue: Catalogue
    ) -> None:
        self._clock = clock
        self._people = people
        self._directory = directory
        self._catalogue = catalogue

    def hold(self, messages: Iterable[Message]) -> None:
        """These messages are in the outbox. What is transactional, and what is no contact, holds no place."""
        for message in messages:
            if message.state in OPEN:
                self._hold(message, self._since_us(message), NEVER_US)

    def take(self, message: Message) -> None:
        """A message is about to be handed over, or shown: from now on its place is that of a contact of now."""
        if message.decision_id:
            person = self._directory.resolve(message.individual_id)
            self._people.retake(person, message.decision_id, self._clock.now_us())

    def free(self, message: Message) -> None:
        """A message is settled: its place is free, or its delivery is a contact by now.

        What a page took up holds it as any decision does, until the page reports what it showed.
        """
        placement = self._catalogue.offers.definitions.placements.get(message.placement_id)
        if message.state == "picked" and placement is not None:
            now_us = self._clock.now_us()
            self._hold(message, now_us, now_us + placement.reserve_s * MICROSECONDS)
        elif message.decision_id:
            person = self._directory.resolve(message.individual_id)
            self._people.release(person, message.decision_id)

    def _hold(self, message: Message, since_us: int, until_us: int) -> None:
        if message.transactional or not message.decision_id:
            return
        person = self._directory.resolve(message.individual_id)
        self._people.release(person, message.decision_id)
        self._people.reserve(
            person,
            Reservation(
                message.decision_id,
                message.experience_id,
                message.placement_id,
                message.channel,
                since_us,
                until_us,
            ),
        )

    def _since_us(self, message: Message) -> int:
        if message.state not in _ATTEMPTED:
            return message.created_at_us
        # No attempt is later than the end of its lease.
        attempted_us = min(message.claimed_until_us, self._clock.now_us())
        return max(message.created_at_us, attempted_us)
