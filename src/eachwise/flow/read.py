"""Questions: who is this person to us, why was this decided, what was turned away."""

from __future__ import annotations

import msgspec

from eachwise.contracts.decision import DecisionRecord, Explanation, OutcomeView
from eachwise.contracts.errors import CannotReplay, NotFound
from eachwise.contracts.individual import Individual, Profile
from eachwise.contracts.ports import Clock, Store
from eachwise.decide import ValuesOf, explain, feature_lines, values_of
from eachwise.events import meaning_of
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.histories import resolve
from eachwise.flow.people import People
from eachwise.flow.plans import SETTINGS
from eachwise.flow.taste import Tasting
from eachwise.identity import Directory
from eachwise.individual import multiples, profile
from eachwise.maths.times import iso
from eachwise.settings import Settings


class Reading:
    """Reads what the other flows keep; changes nothing."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        people: People,
        directory: Directory,
        tasting: Tasting,
        catalogue: Catalogue,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._tasting = tasting
        self._catalogue = catalogue

    def resolve(self, individual_id: str) -> str:
        """The individual behind an id: ``user:…``, ``anon:…`` or as it was sent. Raises ``NotFound``."""
        return resolve(individual_id, self._directory, self._people)

    def profile(self, individual_id: str) -> Profile:
        """The individual in words and figures. Raises ``NotFound``."""
        resolved = self.resolve(individual_id)
        state = self._people.find(resolved)
        if state is None:
            raise NotFound(f"no individual {individual_id!r}")
        shelf = self._catalogue.shelf
        return profile(
            resolved,
            state,
            expected=self._tasting.model.expected,
            now_us=self._clock.now_us(),
            settings=self._settings,
            merged=self._directory.parts(resolved),
            multiple=shelf.once("multiples", multiples),
        )

    def decision(self, decision_id: str) -> DecisionRecord:
        """A decision's record. Raises ``NotFound``."""
        record = self._store.decision(decision_id)
        if record is None:
            raise NotFound(
                f"no decision {decision_id!r}; it was never made, or is older than the retention"
            )
        return record

    def explain(self, decision_id: str) -> Explanation:
        """A decision in words, with what came back for it. Raises ``NotFound``."""
        record = self.decision(decision_id)
        outcomes = [
            OutcomeView(
                at=iso(entry.event.occurred_at_us),
                action=meaning_of(entry.event, self._settings.events).action.value,
                event=entry.event.name or entry.event.kind,
                message_id=entry.event.message_id,
            )
            for entry in self._store.outcomes_of(decision_id)
        ]
        return Explanation(
            decision_id=decision_id,
            lines=explain(
                record,
                outcomes,
                explorations_max=self._explorations_max(record),
                behind=feature_lines(record, state_of(record), self.values_at(record)),
            ),
            record=record,
            outcomes=outcomes,
        )

    def values_at(self, record: DecisionRecord) -> ValuesOf:
        """What each item carried when a decision was made; as it carries now where that catalogue is gone."""
        try:
            shelf = self._catalogue.shelf_at(record.inputs.catalog_version)
        except CannotReplay:
            shelf = self._catalogue.shelf
        items, row_of = shelf.index.items, shelf.index.row_of

        def values(item_id: str) -> list[str]:
            return values_of(items[row_of[item_id]].attributes) if item_id in row_of else []

        return values

    def _explorations_max(self, record: DecisionRecord) -> int | None:
        """The bound that a decision was made under; None where its settings are no longer kept."""
        version = record.inputs.models.get(SETTINGS)
        found = None if version is None else self._store.model(SETTINGS, version)
        if found is None:
            return None
        try:
            settings = msgspec.msgpack.decode(found.body, type=Settings)
        except msgspec.ValidationError:
            return None
        return settings.decide.explorations_per_day


def state_of(record: DecisionRecord) -> Individual:
    """The person as a decision saw them."""
    return msgspec.msgpack.decode(record.inputs.state, type=Individual)
