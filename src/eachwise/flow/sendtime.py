"""When to write to whom: what people do by the hour is counted with every event; the moment is drawn when asked."""

from __future__ import annotations

from datetime import UTC, tzinfo

from eachwise.contracts.events import Action, Event, Meaning
from eachwise.contracts.experience import OUTBOUND_CHANNELS
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Clock, Store
from eachwise.decide import quiet_of
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.counting import Counting
from eachwise.flow.people import People
from eachwise.individual import PopulationHours, SendTime, bin_of, local_moment, send_time
from eachwise.maths.zones import zone_named
from eachwise.settings import Settings

STATISTIC = "hours"
# What a person does and we do not.
_ACTS = frozenset(Action) - {
    *(Action.EXPOSE, Action.UNSUBSCRIBE, Action.COMPLAIN, Action.REFUND, Action.REPORT),
}
_ANSWERS = frozenset({Action.VIEW, Action.CLICK})


class SendTimes(Counting[PopulationHours]):
    """People's hours, and each person's moment."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        people: People,
        catalogue: Catalogue,
    ) -> None:
        super().__init__(store, clock, STATISTIC, PopulationHours)
        self._settings = settings
        self._people = people
        self._catalogue = catalogue

    @property
    def hours(self) -> PopulationHours:
        """The counts as they stand."""
        return self._counts

    def best(
        self, individual_id: str, placement_id: str, now_us: int, until_us: int, seed: int
    ) -> SendTime:
        """The moment between now and then at which to write to a person: replayable from the seed.

        Raises ``NotFound`` for a placement that is not declared.
        """
        offers = self._catalogue.offers
        placement = offers.placement(placement_id)
        state = self._people.find(individual_id) or Individual()
        return send_time(
            state,
            self.hours,
            now_us,
            until_us,
            self._zone(state),
            quiet_of(placement, offers.definitions.contact),
            seed,
            self._settings.send_time,
        )

    def observe(
        self, sequence: int, event: Event, meaning: Meaning, state: Individual | None
    ) -> None:
        """Count one logged event that is folded into ``state``; what was counted already is not counted twice."""
        if sequence <= self.sequence or state is None:
            return
        outbound = meaning.channel in OUTBOUND_CHANNELS and meaning.decision_id != ""
        if meaning.action in _ACTS:
            self.hours.act(self._bin(event.occurred_at_us, state))
            self._changed = True
        if not outbound:
            return
        own = [each for each in state.contacts if each.decision_id == meaning.decision_id]
        sent = [each.occurred_at_us for each in own if each.action == Action.EXPOSE]
        answers = sum(each.action in _ANSWERS for each in own)
        # Each contact counts once, and so does its first answer, whichever of the two comes to be known first.
        if meaning.action is Action.EXPOSE and len(sent) == 1:
            self.hours.send(self._bin(sent[0], state))
            if answers:
                self.hours.answer(self._bin(sent[0], state))
        elif meaning.action in _ANSWERS and sent and answers == 1:
            self.hours.answer(self._bin(min(sent), state))

    def _bin(self, time_us: int, state: Individual) -> int:
        return bin_of(local_moment(time_us, self._zone(state)))

    def _zone(self, state: Individual) -> tzinfo:
        """The person's zone; the setting's where it is not known."""
        cell = state.traits.get("timezone")
        name = cell.value if cell is not None and isinstance(cell.value, str) else ""
        return (
            (zone_named(name) if name else None)
            or zone_named(self._settings.decide.timezone)
            or UTC
        )
