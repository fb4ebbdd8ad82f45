"""What a decision is made from, whoever asks: the person's state, the versions in use, history and lifetime value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from eachwise.contracts.decision import Candidate, DecideRequest, DecisionRecord, Inputs
from eachwise.contracts.individual import Contact, Individual
from eachwise.contracts.ports import Clock, Store
from eachwise.decide import Choice, Plan, earlier_exposures, history_needed
from eachwise.flow.asked import names_of
from eachwise.flow.budgets import Budgets
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.compose import Look, Versions, choose, look
from eachwise.flow.explorations import Explorations
from eachwise.flow.lately import Visits
from eachwise.flow.learn import Learning
from eachwise.flow.lifetime import MODEL as LIFETIME
from eachwise.flow.lifetime import Lifetime
from eachwise.flow.people import People
from eachwise.flow.plans import SETTINGS, Plans
from eachwise.flow.taste import MODEL as TASTE
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import MODEL as TRAINED
from eachwise.flow.trained import Trained
from eachwise.identity import Directory
from eachwise.individual import without_subscriptions
from eachwise.learn import MODEL as PROPENSITY
from eachwise.maths.hashing import stable_hash
from eachwise.settings import Settings

_encode = msgspec.msgpack.Encoder().encode

# A person's contacts in (after, until], from the log.
History = Callable[[str, int, int], list[Contact]]
Choosing = Callable[[Look, Inputs, Versions, Plan], Choice]


class Preparing:
    """Gathers the inputs of decisions; decides nothing.

    settings_version: the version under which the settings are published
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        people: People,
        catalogue: Catalogue,
        tasting: Tasting,
        learning: Learning,
        trained: Trained,
        history: History,
        budgets: Budgets,
        lifetime: Lifetime,
        plans: Plans,
        directory: Directory,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._people = people
        self._catalogue = catalogue
        self._tasting = tasting
        self._learning = learning
        self._trained = trained
        self._history = history
        self._budgets = budgets
        self._lifetime = lifetime
        self._plans = plans
        self._directory = directory
        self._made = 0
        self.settings_version = 0
        # How a placement is decided; whoever watches decisions puts a look at what they are made from around it.
        self.choosing: Choosing = choose
        # What a journey has put up for a person before a placement: it comes before a new choice.
        self.waiting: Callable[[str, str], DecisionRecord | None] = _nothing_waits
        kept_max = settings.store.individuals_in_memory_max
        self.explorations = Explorations(store, kept_max, settings.decide.explorations_per_day)
        self.visits = Visits(store, kept_max)

    def weighed(self, request: DecideRequest, individual_id: str) -> Sequence[Candidate]:
        """The candidates of the first placement for one person now, without budgets' prices; nothing is decided."""
        return choose(*self.before(request, individual_id)).candidates

    def before(
        self, request: DecideRequest, individual_id: str
    ) -> tuple[Look, Inputs, Versions, Plan]:
        """What the first placement is decided from for one person now: without budgets, or exposures from the log."""
        state = self._people.find(individual_id) or Individual()
        versions, now_us = self._current(), self._clock.now_us()
        looked = look(state, request.context, now_us, versions)
        inputs = self._inputs(request, individual_id, state, now_us)
        inputs = msgspec.structs.replace(inputs, placement_id=request.placements[0])
        plan = self._plans.plan(inputs, versions)
        return looked, self._with_lifetime(inputs, looked, plan), versions, plan

    def _seed(self, individual_id: str, placement_id: str, now_us: int) -> int:
        """A seed that no other decision has."""
        self._made += 1
        return stable_hash(individual_id, placement_id, now_us, self._made)

    def _inputs(
        self, request: DecideRequest, individual_id: str, state: Individual, now_us: int
    ) -> Inputs:
        """What all placements of a page are decided from."""
        names = names_of(individual_id, state.identifiers, self._directory)
        return Inputs(
            state=_encode(without_subscriptions(state)),
            reservations=self._people.reservations(individual_id, now_us),
            context=request.context,
            count=request.count,
            placement_id="",
            now_us=now_us,
            catalog_version=self._catalogue.shelf.index.version,
            definitions_version=self._catalogue.offers.definitions.version,
            models=self._models(),
            policy=self._settings.decide.policy,
            seed=0,
            explored=self.explorations.within_day(names, now_us),
        )

    def _models(self) -> dict[str, int]:
        """The version of each model that is in use."""
        return {
            TASTE: self._tasting.model.version,
            PROPENSITY: self._learning.propensity.model.version,
            SETTINGS: self.settings_version,
            TRAINED: self._trained.version,
            LIFETIME: self._lifetime.version,
        }

    def _at_present(self, inputs: Inputs) -> Inputs:
        """The inputs of a decision, naming the versions of now."""
        return msgspec.structs.replace(
            inputs,
            catalog_version=self._catalogue.shelf.index.version,
            definitions_version=self._catalogue.offers.definitions.version,
            models=self._models(),
        )

    def _with_lifetime(self, inputs: Inputs, looked: Look, plan: Plan) -> Inputs:
        """With what exposures change in the lifetime value of a person of this stage."""
        clv = self._lifetime.terms(plan.layout.experiences, looked.stage)
        return msgspec.structs.replace(inputs, clv=clv) if clv else inputs

    def _with_history(
        self, inputs: Inputs, individual_id: str, state: Individual, plan: Plan
    ) -> Inputs:
        """With the exposures that a cap counts and the state does not reach back to."""
        since_us = history_needed(state.contacts, plan.layout.caps.reach_s, inputs.now_us)
        if since_us is None:
            return inputs
        # What came after the oldest that is kept is kept as well.
        until_us = min(each.occurred_at_us for each in state.contacts)
        logged = self._history(individual_id, since_us, until_us)
        return msgspec.structs.replace(inputs, earlier=earlier_exposures(logged, state.contacts))

    def _current(self) -> Versions:
        return Versions(
            shelf=self._catalogue.shelf,
            offers=self._catalogue.offers,
            taste=self._tasting.model,
            propensity=self._learning.propensity.model,
            settings=self._settings,
            trained=self._trained.model,
        )


def _nothing_waits(_individual_id: str, _placement_id: str) -> None:
    """Nothing waits for anybody."""
