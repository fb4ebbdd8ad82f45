"""People's events, read one person at a time, so that no request waits for those who ask about everybody."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from itertools import chain
from typing import TypeVar

from eachwise.contracts.errors import NotFound
from eachwise.contracts.events import LoggedEvent
from eachwise.contracts.ports import Store
from eachwise.flow.drive import Flow
from eachwise.flow.people import People
from eachwise.identity import Directory, Sources
from eachwise.maths.hashing import stable_hash

PAGE_IDS = 1_000
# Ids resolved between two requests.
RESOLVED = 500
R = TypeVar("R")


class Histories:
    """Reads who there is and what each of them did."""

    def __init__(
        self, *, store: Store, people: People, directory: Directory, executor: Executor
    ) -> None:
        self._store = store
        self._people = people
        self._directory = directory
        self._executor = executor

    def resolve(self, individual_id: str) -> str:
        """The individual behind an id: ``user:…``, ``anon:…`` or as it was sent. Raises ``NotFound``."""
        return resolve(individual_id, self._directory, self._people)

    def everybody(self, limit: int) -> Flow[tuple[int, list[str]]]:
        """How many people the store has, and so many of them at most: those whose ids hash lowest, whoever asks."""
        total, after = 0, ""
        kept: list[tuple[int, str]] = []
        while True:
            page: list[str] = yield self._executor.submit(
                self._store.individual_ids, after, PAGE_IDS
            )
            total += len(page)
            kept = yield self._executor.submit(_lowest, kept, page, limit)
            if len(page) < PAGE_IDS:
                return total, [person for _, person in kept]
            after = page[-1]

    def each(
        self, people: Sequence[str], told: Callable[[str, list[LoggedEvent]], R]
    ) -> Flow[list[R]]:
        """What ``told`` makes of each person and their events in the order of time; it runs on the executor."""
        found: list[R] = []
        # One at a time: a thread at work keeps the others waiting, so it works for a few milliseconds only.
        for person in people:
            sources = self._directory.sources_of(person)
            read = yield self._executor.submit(_read, self._store, sources)
            own = yield from self._own(person, read)
            found.append((yield self._executor.submit(told, person, own)))
        return found

    def _own(self, person: str, events: Sequence[LoggedEvent]) -> Flow[list[LoggedEvent]]:
        """The person's own: others' come with a shared device's; who is who is known on this thread only."""
        own: list[LoggedEvent] = []
        for start in range(0, len(events), RESOLVED):
            if start:
                yield from self.breathe()
            own += [
                each
                for each in events[start : start + RESOLVED]
                if self._directory.person_of(each.event) == person
            ]
        return own

    def person_of(self, individual_id: str) -> str:
        """Who an id, which may be an old one, belongs to now."""
        return self._directory.resolve(individual_id)

    def breathe(self) -> Flow[None]:
        """Let others go first."""
        yield self._executor.submit(int)


def resolve(individual_id: str, directory: Directory, people: People) -> str:
    """The individual behind an id: ``user:…``, ``anon:…`` or as it was sent. Raises ``NotFound``."""
    candidates = [individual_id] if ":" in individual_id else []
    candidates += [f"{kind}:{individual_id}" for kind in ("user", "anon", "email", "device")]
    for candidate in candidates:
        resolved = directory.resolve(candidate)
        if people.find(resolved) is not None:
            return resolved
    raise NotFound(
        f"no individual {individual_id!r}; ids look like user:42, anon:abc or email:a@b.example"
    )


def sampled(ids: Iterable[str], limit: int) -> list[str]:
    """So many ids at most: those whose hashes are lowest, so that a larger sample holds a smaller one."""
    return [person for _, person in _lowest((), ids, limit)]


def _lowest(
    kept: Iterable[tuple[int, str]], ids: Iterable[str], limit: int
) -> list[tuple[int, str]]:
    return heapq.nsmallest(limit, chain(kept, map(_place, ids)))


def _place(individual_id: str) -> tuple[int, str]:
    return stable_hash("relations", individual_id), individual_id


def _read(store: Store, sources: Sources) -> list[LoggedEvent]:
    return list(
        store.events_of(
            user_ids=sources.user_ids,
            anonymous_ids=sources.anonymous_ids,
            device_ids=sources.device_ids,
        )
    )
