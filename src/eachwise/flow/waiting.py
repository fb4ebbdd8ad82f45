"""Messages for pages: they wait in the outbox until the person comes, and are then decided for."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.delivery import Message
from eachwise.contracts.experience import ONSITE_CHANNELS
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.flow.asked import names_of
from eachwise.flow.drive import Flow
from eachwise.flow.hindrances import Hindrances
from eachwise.flow.people import People
from eachwise.flow.places import Places
from eachwise.identity import Directory


class Waiting:
    """What waits for a page, by person; the store has it all, this finds it without a look-up."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        people: People,
        directory: Directory,
        hindrances: Hindrances,
        places: Places,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._directory = directory
        self._hindrances = hindrances
        self._places = places
        self._of: dict[str, dict[str, Message]] = {}
        # When their times are over, soonest first: (µs, person, message).
        self._over: list[tuple[int, str, str]] = []
        # Called with a person for whom something new waits.
        self.wake: Callable[[str], None] = _nobody

    def expect(self, messages: Iterable[Message]) -> None:
        """Messages were put into the outbox: those for pages wait from now on."""
        for message in messages:
            if message.channel in ONSITE_CHANNELS and message.state == "pending":
                if message.expires_at_us:
                    over = (message.expires_at_us, message.individual_id, message.message_id)
                    heapq.heappush(self._over, over)
                self._of.setdefault(message.individual_id, {})[message.message_id] = message
                self.wake(message.individual_id)

    def drop(self, message: Message) -> None:
        """A message does not wait any more."""
        mine = self._of.get(message.individual_id, {})
        mine.pop(message.message_id, None)
        if not mine:
            self._of.pop(message.individual_id, None)

    def of(self, individual_id: str) -> list[Message]:
        """What waits for a person now, by due time; what is over is not among it."""
        now_us = self._clock.now_us()
        found = [each for each in self._mine(individual_id) if _is_due(each, now_us)]
        return sorted(found, key=lambda each: (each.due_at_us, each.message_id))

    def names(self, individual_id: str) -> list[str]:
        """The ids under which somebody may listen, or be waited for, who is this person."""
        person = self._directory.resolve(individual_id)
        state = self._people.find(person)
        return names_of(person, state.identifiers if state is not None else (), self._directory)

    def record(self, individual_id: str, placement_id: str) -> DecisionRecord | None:
        """The decision that waits for this person before this placement, if nothing stands against it now."""
        wanted = (each for each in self.of(individual_id) if each.placement_id == placement_id)
        return next((record for _, record in self._standing(individual_id, wanted)), None)

    def standing(self, individual_id: str) -> list[tuple[Message, DecisionRecord]]:
        """What waits for a person now and nothing stands against, with the decision behind it, by due time."""
        found = []
        for message, record in self._standing(individual_id, self.of(individual_id)):
            found.append((message, record))
            # Before the next is asked whether it may be shown as well.
            self._places.take(message)
        return found

    def _standing(
        self, individual_id: str, messages: Iterable[Message]
    ) -> Iterator[tuple[Message, DecisionRecord]]:
        for message in messages:
            record = self._store.decision(message.decision_id)
            if record is not None and self._hindrances.of(message, record, individual_id) is None:
                yield message, record

    def picked(self, individual_id: str, records: Iterable[DecisionRecord]) -> Flow[int]:
        """These decisions were answered: the messages among them are taken up, once. Returns how many were."""
        answered = {each.decision_id for each in records}
        taken = [each for each in self._mine(individual_id) if each.decision_id in answered]
        if taken:
            yield from self._settle(
                [replace(each, state="picked", sent_at_us=self._clock.now_us()) for each in taken]
            )
        return len(taken)

    def sweep(self) -> Flow[int]:
        """Hold what nobody came for in time; returns how many."""
        now_us = self._clock.now_us()
        over = []
        while self._over and self._over[0][0] < now_us:
            at_us, individual_id, message_id = heapq.heappop(self._over)
            message = self._of.get(individual_id, {}).get(message_id)
            if message is not None and message.expires_at_us == at_us:
                reason = "nobody came for it in its time"
                over.append(replace(message, state="held", reason=reason))
        if over:
            yield from self._settle(over)
        return len(over)

    def _settle(self, messages: list[Message]) -> Flow[None]:
        # Dropped before it is written, so that nobody else is handed it meanwhile.
        waited = [self._of[each.individual_id][each.message_id] for each in messages]
        for message in messages:
            self.drop(message)
        try:
            yield self._store.commit(Commit(settled=messages))
        except Exception:
            self.expect(waited)
            raise
        for message in messages:
            self._places.free(message)

    def _mine(self, individual_id: str) -> list[Message]:
        """The person's; whoever merged into them was known by one of their identifiers."""
        if not self._of:
            return []
        state = self._people.find(individual_id)
        names = {individual_id, *(state.identifiers if state is not None else ())}
        return [
            message
            for name in sorted(names & self._of.keys())
            if self._directory.resolve(name) == individual_id
            for message in self._of[name].values()
        ]


def _is_due(message: Message, now_us: int) -> bool:
    return message.due_at_us <= now_us <= (message.expires_at_us or now_us)


def _nobody(_: str) -> None:
    """Nobody listens."""
