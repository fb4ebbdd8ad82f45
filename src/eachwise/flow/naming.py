"""What an answer is about: the decision that it answers, what was decided, and where; said in the log, once."""

from __future__ import annotations

import msgspec

from eachwise.contracts.events import Event
from eachwise.events import meaning_of
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.learn import Learning
from eachwise.flow.people import People
from eachwise.identity import NOBODY, Directory
from eachwise.settings import Settings

# Properties that say where something was shown.
_WHERE = frozenset({"placement", "placement_id", "channel"})


class Naming:
    """Completes events before they are logged."""

    def __init__(
        self,
        *,
        settings: Settings,
        people: People,
        directory: Directory,
        catalogue: Catalogue,
        learning: Learning,
    ) -> None:
        self._settings = settings
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._learning = learning

    def named(self, event: Event) -> Event:
        """An answer is logged with the decision that it answers, and with what was decided: caps count by experience.

        One that does not name its decision is credited by rule here, once, so that the log says what was learnt.
        """
        told = event.properties
        decision_id = told.get("decision_id")
        if decision_id is None and event.kind == "track":
            event = self._credited(event)
            told = event.properties
            decision_id = told.get("decision_id")
        known = told.get("experience_id") and not _WHERE.isdisjoint(told)
        if not isinstance(decision_id, str) or known:
            return self._placed(event)
        record = self._learning.answered_by(event, decision_id)
        if record is None:
            return event
        decided = {
            "experience_id": record.experience_id,
            "placement": record.inputs.placement_id,
            "channel": self._catalogue.channel_of(record.inputs.placement_id),
        }
        return msgspec.structs.replace(event, properties=decided | told)

    def _placed(self, event: Event) -> Event:
        """With the channel of the placement that it names: without one it would count under every channel's caps."""
        told = event.properties
        placement = told.get("placement", told.get("placement_id"))
        if not isinstance(placement, str) or "channel" in told:
            return event
        channel = self._catalogue.channel_of(placement)
        if not channel:
            return event
        return msgspec.structs.replace(event, properties=told | {"channel": channel})

    def _credited(self, event: Event) -> Event:
        person = self._directory.person_of(event)
        state = self._people.find(person) if person != NOBODY else None
        if state is None or not state.contacts:
            return event
        meaning = meaning_of(event, self._settings.events)
        decision_id = self._learning.credit(event, meaning, state)
        if not decision_id or self._learning.answered_by(event, decision_id) is None:
            return event
        properties = {**event.properties, "decision_id": decision_id, "credited": True}
        return msgspec.structs.replace(event, properties=properties)
