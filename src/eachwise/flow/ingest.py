"""Events in: append durably, then fold in log order, then acknowledge.

An event is acknowledged once it is on disk *and* folded, so the person's own next decision has seen it. What is in
memory is written by checkpoints; after a crash the log's tail behind the watermark is folded again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import msgspec

from eachwise.catalog.spoken import Spoken, said_in, spoken_values
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.errors import Unavailable
from eachwise.contracts.events import Action, BatchResult, Event, Meaning, RejectedEvent, Rejection
from eachwise.contracts.individual import Contact, Exclusion, Individual
from eachwise.contracts.ports import (
    Clock,
    Commit,
    Committed,
    ImportProgress,
    Login,
    NewRejections,
    Store,
)
from eachwise.events import meaning_of
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.learn import Learning
from eachwise.flow.naming import Naming
from eachwise.flow.noticing import Noticing
from eachwise.flow.people import People
from eachwise.flow.searches import Searches
from eachwise.flow.sendtime import SendTimes
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import Trained
from eachwise.identity import NOBODY, Directory
from eachwise.individual import ENGAGED, contact_of, fold
from eachwise.recommend import carry_on
from eachwise.settings import Settings

# A request's events are folded in slices of this many, and others may go between: a decision waits for one at most.
SLICE_EVENTS = 50
# Answers that tell of a taste for what the experience is about, where they name no items themselves.
_ANSWERS = frozenset({Action.CLICK, Action.HIDE})
# Checkpoint early when this many states are ahead of the store: bounds the encode pause and the memory pinned.
CHANGED_MAX = 1000


class Ticket(msgspec.Struct):
    """Events on their way to the disk, to be folded in the order in which they were handed over."""

    events: Sequence[Event]
    durable: Future[Committed]
    duplicates: int = 0
    failure: BaseException | None = None
    applied: bool = False


class Ingest:
    """Takes events in and keeps every derived state in step with the log."""

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
        searches: Searches,
        send_times: SendTimes,
        trained: Trained,
        noticing: Noticing,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._tasting = tasting
        self._learning = learning
        self._searches = searches
        self._send_times = send_times
        self._trained = trained
        self._noticing = noticing
        self._naming = Naming(
            settings=settings,
            people=people,
            directory=directory,
            catalogue=catalogue,
            learning=learning,
        )
        self._blocked = frozenset(settings.identity.blocked_values)
        self._queue: deque[Ticket] = deque()
        self._checkpoint: Future[Committed] | None = None
        self.applied_sequence = store.watermark()
        self._checkpointed_sequence = self.applied_sequence

    # -- taking events -------------------------------------------------------------------------------------

    def ingest(
        self,
        events: Sequence[Event],
        rejections: Sequence[Rejection] = (),
        *,
        source: str = "api",
        progress: ImportProgress | None = None,
    ) -> Flow[BatchResult]:
        """Make events (and rejections, and an import's progress) durable, fold them, and report.

        Raises ``Unavailable`` when too many events wait for the disk; the sender should retry with the same ids.
        """
        if self._store.pending() + len(events) > max(
            self._settings.api.pending_events_max, len(events)
        ):
            raise Unavailable(
                "too many events wait for the disk; retry with the same message ids",
                retry_after_s=1,
            )
        events = [self._naming.named(event) for event in events]
        tickets = self._hand_over(events, rejections, source, progress)
        for ticket in tickets:
            try:
                yield ticket.durable
            except Exception as error:
                ticket.failure = error
            self._drain(ticket)
        for ticket in tickets:
            if ticket.failure is not None:
                raise Unavailable(
                    f"events could not be written: {ticket.failure}"
                ) from ticket.failure
        if self._people.changed >= CHANGED_MAX:
            yield from self.checkpoint()
        return BatchResult(
            success=True,
            accepted=len(events),
            duplicates=sum(ticket.duplicates for ticket in tickets),
            rejected=[RejectedEvent(r.index, r.code, r.reason) for r in rejections],
        )

    def _hand_over(
        self,
        events: Sequence[Event],
        rejections: Sequence[Rejection],
        source: str,
        progress: ImportProgress | None,
    ) -> list[Ticket]:
        """Queue the commits. Rejections and progress ride with the last slice: they never run ahead of the events."""
        slices = [events[i : i + SLICE_EVENTS] for i in range(0, len(events), SLICE_EVENTS)] or [()]
        tickets = []
        for number, part in enumerate(slices):
            commit = Commit(events=list(part))
            if number == len(slices) - 1:
                if rejections:
                    commit.rejections = [
                        NewRejections(
                            source=source,
                            received_at_us=self._clock.now_us(),
                            rejections=list(rejections),
                        )
                    ]
                if progress is not None:
                    commit.imports = [progress]
            ticket = Ticket(part, self._store.commit(commit))
            self._queue.append(ticket)
            tickets.append(ticket)
        return tickets

    def _drain(self, until: Ticket) -> None:
        """Fold durable tickets in log order up to ``until``. Earlier tickets are done: commits keep their order."""
        while not until.applied:
            ticket = self._queue.popleft()
            ticket.applied = True
            error = ticket.durable.exception()
            if error is None:
                self._apply(ticket, ticket.durable.result())

    def catch_up(self) -> None:
        """Fold what is durable and whose sender did not wait for the answer."""
        while self._queue and self._queue[0].durable.done():
            self._drain(self._queue[0])

    # -- folding -------------------------------------------------------------------------------------------

    def _apply(self, ticket: Ticket, committed: Committed) -> None:
        refold: set[str] = set()
        for event, sequence in zip(ticket.events, committed.sequences, strict=True):
            if sequence is None:
                ticket.duplicates += 1
                continue
            refold |= self._apply_one(sequence, event, refold)
            self.applied_sequence = sequence
        for individual_id in sorted(refold):
            self.refold(individual_id)

    def _apply_one(self, sequence: int, event: Event, stale: set[str]) -> set[str]:
        """Take one new event into identity, the individual and the statistics.

        Returns the individuals that must be refolded from the log; those already ``stale`` are not folded here.
        """
        change = self._directory.observe(event, self._logins)
        person = self._directory.person_of(event)
        before = self._noticing.rung(event, person, *(source for source, _ in change.merges))
        now_stale = set(change.refold)
        for source, target in change.merges:
            self._noticing.merged(sequence, source, target, event)
            self._people.merge(source, target)
            merged = self._people.find(target)
            # What one of the two excluded may lie in what the other did.
            if source in stale or (merged is not None and merged.excluded):
                now_stale.add(target)
        meaning = self._meaning(event)
        if meaning.excluded and person != NOBODY:
            now_stale.add(person)
        if person != NOBODY and person not in stale and person not in now_stale:
            self._fold(self._people.edit(person), event, meaning)
        self._count(sequence, event, meaning, person)
        self._learning.note(sequence, person, event, meaning)
        if person != NOBODY:
            self._noticing.happened(sequence, person, event, before)
        return now_stale

    def _count(self, sequence: int, event: Event, meaning: Meaning, person: str) -> None:
        """Take an event that is folded into the population's statistics; each passes over what it has seen."""
        state = self._people.find(person)
        self._tasting.observe(sequence, event, meaning, state)
        self._searches.observe(sequence, event, meaning, person)
        self._send_times.observe(sequence, event, meaning, state)

    def _meaning(self, event: Event) -> Meaning:
        """What an event means; a search is about the values that its words name, an answer about its experience's."""
        meaning = meaning_of(event, self._settings.events)
        if meaning.experience_id and meaning.action in _ANSWERS and not meaning.lines:
            about = self._catalogue.values_of_experience(meaning.experience_id)
            return msgspec.structs.replace(meaning, attributes=about)
        if meaning.action is not Action.SEARCH or not meaning.query:
            return meaning
        said = said_in(meaning.query, self._catalogue.shelf.once("spoken", _spoken))
        return msgspec.structs.replace(
            meaning, attributes=tuple(dict.fromkeys((*meaning.attributes, *said)))
        )

    def _fold(self, state: Individual, event: Event, meaning: Meaning) -> None:
        fold(
            state,
            event,
            meaning,
            self._catalogue.values_of,
            self._settings.affinity,
            blocked=self._blocked,
        )
        if meaning.lines and meaning.action in ENGAGED:
            carry_on(
                self._trained.model,
                state,
                event.occurred_at_us,
                self._settings.recommend.action_weights,
            )

    def refold(self, individual_id: str) -> None:
        """Recompute one individual from the log: every applied event that belongs to the person by today's links."""
        state = self._refolded(individual_id, [])
        if state.excluded:
            # What an event excludes holds for what came before it, too.
            state = self._refolded(individual_id, state.excluded)
        self._people.replace(individual_id, state if state.events else None)

    def _refolded(self, individual_id: str, excluded: list[Exclusion]) -> Individual:
        """The person's events in the order of time, with these exclusions known from the first."""
        state = Individual(excluded=list(excluded))
        for event in self._own(individual_id):
            self._fold(state, event, self._meaning(event))
        return state

    def contacts_between(self, individual_id: str, after_us: int, until_us: int) -> list[Contact]:
        """A person's contacts in (after, until], from the log: what caps count where the state does not reach back."""
        events = self._own(individual_id, after_us=after_us, until_us=until_us)
        contacts = (contact_of(event, self._meaning(event)) for event in events)
        return [each for each in contacts if each is not None]

    def _own(self, individual_id: str, **within: int) -> Iterator[Event]:
        """A person's applied events by today's links, in the order of time; ``within`` bounds as in ``events_of``."""
        sources = self._directory.sources_of(individual_id)
        for entry in self._store.events_of(
            user_ids=sources.user_ids,
            anonymous_ids=sources.anonymous_ids,
            device_ids=sources.device_ids,
            **within,
        ):
            applied = entry.sequence <= self.applied_sequence
            if applied and self._directory.person_of(entry.event) == individual_id:
                yield entry.event

    def _logins(self, identifier: str) -> list[Login]:
        """Every login on a device-like identifier in the log so far, this event's among them."""
        kind, _, value = identifier.partition(":")
        if kind == "device":
            return self._store.logins_on(device_id=value)
        return self._store.logins_on(anonymous_id=value)

    # -- checkpoints ---------------------------------------------------------------------------------------

    def checkpoint(self) -> Flow[None]:
        """Write every changed state with the watermark that it stands for, in one transaction. One at a time."""
        if self._checkpoint is not None or self.applied_sequence == self._checkpointed_sequence:
            return
        reached = self.applied_sequence
        commit = Commit(
            individuals=self._people.take_changed(),
            identities=self._directory.take_changes(),
            watermark=reached,
            statistics=self._noticing.kept(),
        )
        self._checkpoint = self._store.commit(commit)
        failed = True
        try:
            yield self._checkpoint
            self._checkpointed_sequence = reached
            failed = False
        finally:
            self._checkpoint = None
            self._people.settled(failed=failed)
            self._directory.settled(failed=failed)

    # -- recovery ------------------------------------------------------------------------------------------

    def recover(self) -> Flow[int]:
        """Fold the log's tail behind the watermark (after a crash); returns how many events it held."""
        recovered = 0
        counting = (self._tasting, self._searches, self._send_times)
        start = min(self.applied_sequence, *(each.sequence for each in counting))
        while entries := self._store.events_after(start, 1000):
            refold: set[str] = set()
            for entry in entries:
                start = entry.sequence
                if entry.sequence <= self.applied_sequence:
                    # The population's statistics are written less often than states: this is what they missed.
                    person = self._directory.person_of(entry.event)
                    self._count(entry.sequence, entry.event, self._meaning(entry.event), person)
                    continue
                refold |= self._apply_one(entry.sequence, entry.event, refold)
                self.applied_sequence = entry.sequence
                recovered += 1
            for individual_id in sorted(refold):
                self.refold(individual_id)
            yield from self.checkpoint()
        return recovered


def _spoken(index: CatalogIndex) -> Spoken:
    return spoken_values(index.values)
