"""Open messages count as contacts: each holds its place under the frequency caps until it is settled."""

from __future__ import annotations

from collections.abc import Iterable

from eachwise.contracts.decision import Reservation
from eachwise.contracts.delivery import OPEN, Message
from eachwise.flow.people import People
from eachwise.identity import Directory

# A time that never comes: what is settled gives its place back itself.
NEVER_US = 2**62


class Places:
    """Holds and frees the places of messages."""

    def __init__(self, people: People, directory: Directory) -> None:
        self._people = people
        self._directory = directory

    def hold(self, messages: Iterable[Message]) -> None:
        """These messages are in the outbox. What is transactional, and what is no contact, holds no place."""
        for message in messages:
            if message.state not in OPEN or message.transactional or not message.decision_id:
                continue
            person = self._directory.resolve(message.individual_id)
            self._people.release(person, message.decision_id)
            self._people.reserve(
                person,
                Reservation(
                    message.decision_id,
                    message.experience_id,
                    message.placement_id,
                    message.channel,
                    message.created_at_us,
                    NEVER_US,
                ),
            )

    def free(self, message: Message) -> None:
        """A message is settled: its place is free, or its delivery is a contact by now."""
        if message.decision_id:
            self._people.release(
                self._directory.resolve(message.individual_id), message.decision_id
            )
