"""What deliveries report to the log: delivered, bounced, gone; each once, whatever is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eachwise.contracts.delivery import Message
from eachwise.contracts.events import Event
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.drive import Flow
from eachwise.flow.identified import events_of
from eachwise.flow.ingest import Ingest
from eachwise.flow.people import People
from eachwise.identity import Directory
from eachwise.individual.consent import ADDRESS_TRAITS

DELIVERED = {
    "email": "Email Delivered",
    "push": "Push Notification Received",
    "sms": "SMS Delivered",
}
OTHER_DELIVERED = "Message Delivered"
BOUNCED = {
    "email": "Email Bounced",
    "push": "Push Notification Bounced",
    "sms": "SMS Bounced",
}


class Reports:
    """Writes events of deliveries in the person's name."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        people: People,
        directory: Directory,
        ingest: Ingest,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._directory = directory
        self._ingest = ingest

    def events(
        self,
        individual_id: str,
        *,
        message_id: str,
        name: str,
        properties: Mapping[str, Any] | None = None,
        traits: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """An event of this person's, now, with what leads to them; empty where nothing does."""
        person = self._directory.resolve(individual_id)
        return events_of(
            person,
            self._people.find(person) or Individual(),
            self._directory,
            message_id=message_id,
            name=name,
            now_us=self._clock.now_us(),
            properties=properties,
            traits=traits,
            known_as=individual_id,
        )

    def log(
        self,
        individual_id: str,
        *,
        message_id: str,
        name: str,
        properties: Mapping[str, Any] | None = None,
        traits: Mapping[str, Any] | None = None,
    ) -> Flow[bool]:
        """Log it; False where no event could carry the person's name."""
        made = self.events(
            individual_id, message_id=message_id, name=name, properties=properties, traits=traits
        )
        if not made:
            return False
        yield from self._ingest.ingest(made, source="outbox")
        return True

    def delivered(self, message: Message) -> Flow[bool]:
        """The delivery of a message: an exposure that caps and the learner count. Calls are none."""
        if not message.decision_id:
            return False
        name = DELIVERED.get(message.channel, OTHER_DELIVERED)
        return (
            yield from self.log(
                message.individual_id,
                message_id=_delivered_id(message),
                name=name,
                properties=_about(message),
            )
        )

    def was_delivered(self, message: Message) -> bool:
        """Whether the delivery is in the log."""
        return self._store.event(_delivered_id(message)) is not None

    def gone(self, message: Message, reason: str, browser: str = "") -> Flow[bool]:
        """The address does not exist: nothing goes there any more, until the person has another one.

        Of push only the ``browser`` of that id; without one, all that the person has.
        """
        name = BOUNCED.get(message.channel)
        if name is None:
            return False
        told = {**_about(message), "permanent": True, "reason": reason}
        if message.channel != "push":
            told[ADDRESS_TRAITS[message.channel]] = message.address
        elif browser:
            told["subscription_id"] = browser
        logged = yield from self.log(
            message.individual_id,
            message_id=f"bounced-{message.message_id}" + (f"-{browser}" if browser else ""),
            name=name,
            properties=told,
        )
        return logged


def _delivered_id(message: Message) -> str:
    return f"delivered-{message.message_id}"


def _about(message: Message) -> dict[str, Any]:
    told = {
        "decision_id": message.decision_id,
        "experience_id": message.experience_id,
        "placement": message.placement_id,
        "channel": message.channel,
        "journey_id": message.journey_id,
        "outbox_id": message.message_id,
    }
    return {name: value for name, value in told.items() if value}
