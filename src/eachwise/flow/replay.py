"""A decision computed again from its record alone, with the versions that it was made with."""

from __future__ import annotations

import msgspec

from eachwise.contracts.decision import DecisionRecord, Inputs, Replay
from eachwise.contracts.errors import CannotReplay, StoreError
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Store
from eachwise.decide import Choice, Situation, compare, failed_by
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.compose import Versions, choose, look, situation_of
from eachwise.flow.learn import Learning
from eachwise.flow.plans import SETTINGS, Plans
from eachwise.flow.taste import MODEL as TASTE
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import MODEL as TRAINED
from eachwise.flow.trained import Trained
from eachwise.learn import MODEL as PROPENSITY
from eachwise.settings import Settings


class Replaying:
    """Rebuilds what a record names. Every method raises ``CannotReplay`` when an input is no longer kept."""

    def __init__(
        self,
        *,
        store: Store,
        catalogue: Catalogue,
        tasting: Tasting,
        learning: Learning,
        trained: Trained,
        plans: Plans,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._tasting = tasting
        self._learning = learning
        self._trained = trained
        self._plans = plans

    def replay(self, record: DecisionRecord) -> Replay:
        """Recompute a decision, and hold every figure against the record."""
        try:
            choice = self.choice(record.inputs)
        except (CannotReplay, StoreError):
            raise
        except Exception as error:
            choice = failed_by(error)
        found = compare(record, choice)
        return Replay(
            decision_id=record.decision_id,
            exact=found.exact,
            agrees=found.agrees,
            differences=found.differences,
            candidates=list(choice.candidates),
            filtered=choice.filtered,
        )

    def choice(self, inputs: Inputs) -> Choice:
        """What these inputs lead to."""
        versions = self._versions(inputs)
        plan = self._plans.plan(inputs, versions)
        return choose(
            look(_state(inputs), inputs.context, inputs.now_us, versions), inputs, versions, plan
        )

    def situation(self, inputs: Inputs) -> Situation:
        """What a decision was made from: for asking what would have been."""
        versions = self._versions(inputs)
        plan = self._plans.plan(inputs, versions)
        looked = look(_state(inputs), inputs.context, inputs.now_us, versions)
        return situation_of(looked, inputs, versions, plan)

    def _versions(self, inputs: Inputs) -> Versions:
        return Versions(
            shelf=self._catalogue.shelf_at(inputs.catalog_version),
            offers=self._catalogue.offers_at(inputs.definitions_version),
            taste=self._tasting.model_at(inputs.models[TASTE]),
            propensity=self._learning.propensity.model_at(inputs.models[PROPENSITY]),
            settings=self._settings_at(inputs.models[SETTINGS]),
            # Decisions older than trained models name none.
            trained=self._trained.at(inputs.models.get(TRAINED, 0)),
        )

    def _settings_at(self, version: int) -> Settings:
        found = self._store.model(SETTINGS, version)
        if found is None:
            raise CannotReplay(f"version {version} of model {SETTINGS!r} is no longer kept")
        try:
            return msgspec.msgpack.decode(found.body, type=Settings)
        except msgspec.ValidationError as error:
            raise CannotReplay(
                f"version {version} of the settings is not valid any more: {error}"
            ) from None


def _state(inputs: Inputs) -> Individual:
    return msgspec.msgpack.decode(inputs.state, type=Individual)
