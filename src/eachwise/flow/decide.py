"""Decisions out: load the person, compose the stages, log the record, then answer."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from eachwise.contracts.arrays import PropensityModel
from eachwise.contracts.decision import (
    Decided,
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Inputs,
    Replay,
    Reservation,
)
from eachwise.contracts.errors import CannotReplay, InvalidInput
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.individual import Individual
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.decide import Layout, Plan, by_value, compare, layout, with_model
from eachwise.flow.asked import check_named, individual_of
from eachwise.flow.catalogue import Catalogue, kept
from eachwise.flow.compose import Versions, choose
from eachwise.flow.drive import Flow
from eachwise.flow.learn import Learning, people_of
from eachwise.flow.people import People
from eachwise.flow.taste import MODEL as TASTE
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import MODEL as TRAINED
from eachwise.flow.trained import Trained
from eachwise.identity import Directory
from eachwise.learn import MODEL as PROPENSITY
from eachwise.learn import PRIORS
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.hashing import stable_hash
from eachwise.settings import Settings

SETTINGS = "settings"
PLACEMENTS_MAX = 20
ITEMS_MAX = 200
_encode = msgspec.msgpack.Encoder().encode


class Deciding:
    """Answers "what now, for this person?", and answers it again from the record."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        people: People,
        directory: Directory,
        catalogue: Catalogue,
        tasting: Tasting,
        learning: Learning,
        trained: Trained,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._tasting = tasting
        self._learning = learning
        self._trained = trained
        self._settings_version = 0
        self._used: set[tuple[str, int]] = set()
        self._layouts: OrderedDict[tuple[str, int, int], Layout] = OrderedDict()
        self._plans: OrderedDict[tuple[str, int, int, int, int], Plan] = OrderedDict()
        self._made = 0

    def restore(self) -> Flow[None]:
        """Publish the settings if they changed, and hold again the places that unconfirmed decisions reserved."""
        body = _encode(self._settings)
        newest = self._store.model(SETTINGS)
        self._settings_version = newest.version if newest else 0
        if newest is None or newest.body != body:
            self._settings_version += 1
            version = ModelVersion(
                model=SETTINGS,
                version=self._settings_version,
                base=0,
                created_at_us=self._clock.now_us(),
                body=body,
            )
            yield self._store.commit(Commit(models=[version]))
        now_us = self._clock.now_us()
        for record, exposed in self._learning.open_decisions():
            if not exposed:
                self._reserve(record, now_us)

    # -- live ----------------------------------------------------------------------------------------------

    def decide(self, request: DecideRequest) -> Flow[DecideResponse]:
        """Decide for every placement asked; the answer is given once its records are durable.

        Raises ``InvalidInput`` for a request without identity or placements, or whose ``request_id`` was used for
        other placements; ``NotFound`` for an unknown placement.
        """
        _check(request)
        individual_id = individual_of(request, self._directory, self._clock.now_us())
        if request.request_id is not None:
            made = self._store.decisions_of_request(individual_id, request.request_id)
            if made:
                again = [self._answer(record) for record in _in_order(request, made)]
                return DecideResponse(individual_id=individual_id, decisions=again)
        for placement_id in request.placements:
            self._catalogue.offers.placement(placement_id)
        records = [
            self._record(request, individual_id, placement_id)
            for placement_id in request.placements
        ]
        state = self._people.find(individual_id)
        people = [people_of(record, state) for record in records]
        try:
            yield self._store.commit(Commit(decisions=records, model_uses=self._new_uses(records)))
        except Exception:
            for record in records:
                self._people.release(individual_id, record.decision_id)
            raise
        for record, known in zip(records, people, strict=True):
            self._used.update(record.inputs.models.items())
            self._learning.expect(record, known)
        return DecideResponse(
            individual_id=individual_id, decisions=[self._answer(record) for record in records]
        )

    def _record(
        self, request: DecideRequest, individual_id: str, placement_id: str
    ) -> DecisionRecord:
        now_us = self._clock.now_us()
        state = self._people.find(individual_id) or Individual()
        self._made += 1
        seed = stable_hash(individual_id, placement_id, now_us, self._made)
        versions = self._current()
        inputs = Inputs(
            state=_encode(state),
            reservations=self._people.reservations(individual_id, now_us),
            context=request.context,
            count=request.count,
            placement_id=placement_id,
            now_us=now_us,
            catalog_version=versions.shelf.index.version,
            definitions_version=versions.offers.definitions.version,
            models={
                TASTE: versions.taste.version,
                PROPENSITY: versions.propensity.version,
                SETTINGS: self._settings_version,
                TRAINED: self._trained.version,
            },
            policy=self._settings.decide.policy,
            seed=seed,
        )
        choice = choose(inputs, state, versions, self._plan(inputs, versions))
        record = DecisionRecord(
            decision_id=f"d-{now_us:x}-{seed:016x}",
            individual_id=individual_id,
            asked_as=_asked_as(request),
            request_id=request.request_id,
            inputs=inputs,
            experience_id=choice.experience_id,
            probability=choice.probability,
            items=choice.items,
            candidates=len(choice.candidates),
            leading=choice.leading(self._settings.decide.lead_count),
            filters=choice.filters,
            filtered=choice.filtered[: self._settings.decide.lead_count],
            features=choice.features,
            reasons=choice.reasons,
            explored=choice.explored,
        )
        self._reserve(record, now_us)
        return record

    def _reserve(self, record: DecisionRecord, now_us: int) -> None:
        """Hold the exposure's place under the caps until it is confirmed or its time is over."""
        if record.experience_id == SILENCE:
            return
        placement = self._catalogue.offers.definitions.placements.get(record.inputs.placement_id)
        if placement is None:
            return
        expires_at_us = record.inputs.now_us + placement.reserve_s * MICROSECONDS
        if expires_at_us > now_us:
            self._people.reserve(
                record.individual_id,
                Reservation(
                    record.decision_id,
                    record.experience_id,
                    placement.placement_id,
                    placement.channel,
                    record.inputs.now_us,
                    expires_at_us,
                ),
            )

    def _new_uses(self, records: list[DecisionRecord]) -> list[tuple[str, int]]:
        """Model versions that a durable decision refers to for the first time: the store must keep them."""
        uses = {use for record in records for use in record.inputs.models.items()}
        return sorted(use for use in uses - self._used if use[1] > 0)

    def _answer(self, record: DecisionRecord) -> Decided:
        """What the caller is told: the record's choice, dressed with what the definitions and catalogue say of it."""
        offers = self._catalogue.offers_at(record.inputs.definitions_version)
        experience = offers.definitions.experiences.get(record.experience_id)
        return Decided(
            decision_id=record.decision_id,
            placement_id=record.inputs.placement_id,
            experience_id=record.experience_id,
            probability=record.probability,
            title=experience.title if experience else "",
            kind=experience.kind if experience else SILENCE,
            content=experience.content if experience else {},
            items=[self._catalogue.dress(item) for item in record.items],
            reasons=record.reasons,
        )

    # -- versions ------------------------------------------------------------------------------------------

    def _current(self) -> Versions:
        return Versions(
            shelf=self._catalogue.shelf,
            offers=self._catalogue.offers,
            taste=self._tasting.model,
            propensity=self._learning.model,
            settings=self._settings,
            trained=self._trained.model,
        )

    def _plan(self, inputs: Inputs, versions: Versions) -> Plan:
        """What of a placement's decisions only changes with a version: its layout, and that under the model."""
        shelf, offers = versions.shelf, versions.offers
        at = (inputs.placement_id, inputs.catalog_version, inputs.definitions_version)

        def lay_out(_: object) -> Layout:
            placement = offers.placement(inputs.placement_id)
            experiences = offers.experiences(inputs.placement_id)
            turned = shelf.once("by_value", by_value)
            return layout(placement, experiences, shelf.index, shelf.select, turned)

        def prepare(_: object) -> Plan:
            draws = versions.settings.decide.thompson_draws
            return with_model(kept(self._layouts, at, lay_out), versions.propensity, PRIORS, draws)

        return kept(self._plans, (*at, inputs.models[PROPENSITY], inputs.models[SETTINGS]), prepare)

    # -- replay --------------------------------------------------------------------------------------------

    def replay(self, record: DecisionRecord) -> Replay:
        """Recompute a decision from its record alone. Raises ``CannotReplay`` when an input is no longer kept."""
        inputs = record.inputs
        versions = Versions(
            shelf=self._catalogue.shelf_at(inputs.catalog_version),
            offers=self._catalogue.offers_at(inputs.definitions_version),
            taste=self._tasting.model_at(inputs.models[TASTE]),
            propensity=self._propensity_at(inputs.models[PROPENSITY]),
            settings=self._settings_at(inputs.models[SETTINGS]),
            # Decisions older than trained models name none.
            trained=self._trained.at(inputs.models.get(TRAINED, 0)),
        )
        state = msgspec.msgpack.decode(inputs.state, type=Individual)
        choice = choose(inputs, state, versions, self._plan(inputs, versions))
        found = compare(record, choice)
        return Replay(
            decision_id=record.decision_id,
            exact=found.exact,
            agrees=found.agrees,
            differences=found.differences,
            candidates=list(choice.candidates),
            filtered=choice.filtered,
        )

    def _propensity_at(self, version: int) -> PropensityModel:
        if version == self._learning.model.version:
            return self._learning.model
        return self._learning.model_at(version)

    def _settings_at(self, version: int) -> Settings:
        if version == self._settings_version:
            return self._settings
        try:
            return msgspec.msgpack.decode(self._kept(SETTINGS, version).body, type=Settings)
        except msgspec.ValidationError as error:
            raise CannotReplay(
                f"version {version} of the settings is not valid any more: {error}"
            ) from None

    def _kept(self, model: str, version: int) -> ModelVersion:
        found = self._store.model(model, version)
        if found is None:
            raise CannotReplay(f"version {version} of model {model!r} is no longer kept")
        return found


def _check(request: DecideRequest) -> None:
    check_named(request)
    if not 1 <= len(request.placements) <= PLACEMENTS_MAX:
        raise InvalidInput(f"placements: name 1 to {PLACEMENTS_MAX} placements", field="placements")
    if request.count is not None and not 1 <= request.count <= ITEMS_MAX:
        raise InvalidInput(f"count: must be from 1 to {ITEMS_MAX}", field="count")


def _in_order(request: DecideRequest, made: list[DecisionRecord]) -> list[DecisionRecord]:
    """The decisions made for a request, in the order it asks now; they must be for the same placements."""
    known = [record.inputs.placement_id for record in made]
    if sorted(known) != sorted(request.placements):
        raise InvalidInput(
            f"request_id: {request.request_id!r} was used for other placements ({', '.join(known)}); "
            "a new request needs a new one",
            field="request_id",
        )
    left = list(made)
    return [
        left.pop(next(n for n, record in enumerate(left) if record.inputs.placement_id == wanted))
        for wanted in request.placements
    ]


def _asked_as(request: DecideRequest) -> list[str]:
    """The typed identifiers that a request names."""
    named = [f"user:{request.user_id}"] if request.user_id else []
    named += [f"anon:{request.anonymous_id}"] if request.anonymous_id else []
    return [*named, request.individual_id] if request.individual_id else named
