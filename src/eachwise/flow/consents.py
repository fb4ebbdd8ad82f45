"""What a person said about being reached: the cells of the state, what follows from them, and the log's history."""

from __future__ import annotations

from eachwise.contracts.consent import ConsentCell, ConsentVerdict, ConsentView, ConsentWord
from eachwise.contracts.events import Event
from eachwise.contracts.experience import ONSITE_CHANNELS
from eachwise.contracts.individual import Individual, Written
from eachwise.events import meaning_of
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.histories import Histories
from eachwise.flow.people import People
from eachwise.individual import consent_allows, parts_of_key, stated_by
from eachwise.maths.times import iso
from eachwise.settings import Settings


class Consents:
    """Reads consent; changes nothing."""

    def __init__(
        self,
        *,
        settings: Settings,
        people: People,
        catalogue: Catalogue,
        histories: Histories,
    ) -> None:
        self._settings = settings
        self._people = people
        self._catalogue = catalogue
        self._histories = histories

    def of(self, individual_id: str) -> Flow[ConsentView]:
        """One person's consent. Raises ``NotFound`` for an individual of whom nothing is known."""
        person = self._histories.resolve(individual_id)
        state = self._people.find(person) or Individual()
        (words,) = yield from self._histories.each(
            [person], lambda _, events: [self._word(each.event) for each in events]
        )
        history = [each for each in words if each is not None]
        return ConsentView(
            individual_id=person,
            cells=[_cell(key, written) for key, written in sorted(state.consent.items())],
            verdicts=self._verdicts(state),
            history=history[::-1],
        )

    def _word(self, event: Event) -> ConsentWord | None:
        """What an event said; None where it said nothing of consent."""
        said = stated_by(meaning_of(event, self._settings.events))
        if not said:
            return None
        return ConsentWord(
            at=iso(event.occurred_at_us),
            event=event.name or event.kind,
            message_id=event.message_id,
            said=said,
        )

    def _verdicts(self, state: Individual) -> list[ConsentVerdict]:
        """For each channel and purpose that placements, defaults or the person have named; outbound channels first."""
        placements = self._catalogue.offers.definitions.placements.values()
        parts = [parts_of_key(key) for key in state.consent]
        channels = {each.channel for each in placements} | {channel for channel, _, _ in parts}
        purposes = {each.purpose for each in placements} | {purpose for _, purpose, _ in parts}
        purposes |= set(self._settings.consent.defaults)
        found = []
        for channel in sorted(
            channels - {"", "*"}, key=lambda each: (each in ONSITE_CHANNELS, each)
        ):
            for purpose in sorted(purposes - {""}):
                allowed, reason = consent_allows(state, purpose, channel, self._settings.consent)
                found.append(
                    ConsentVerdict(channel=channel, purpose=purpose, allowed=allowed, reason=reason)
                )
        return found


def _cell(key: str, written: Written) -> ConsentCell:
    channel, purpose, address = parts_of_key(key)
    return ConsentCell(
        key=key,
        given=bool(written.value),
        at=iso(written.occurred_at_us),
        channel=channel,
        purpose=purpose,
        address=address,
    )
