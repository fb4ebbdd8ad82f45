"""100,000 events with 5 % duplicates, shuffled and split at random, give the individuals of one ordered pass."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Login
from eachwise.identity import Directory, logins_of
from eachwise.individual import fold, merge
from eachwise.settings import IdentitySettings
from tests.property.lives import DEEDS, SETTINGS, assert_same, values_of

EVENTS, PEOPLE, ANONYMOUS, BATCHES = 100_000, 2_000, 3, 16
START_US, SPAN_US = 1_700_000_000_000_000, 400 * 86_400_000_000

Deed = tuple[Event, Meaning]


def _deeds(draw: np.random.Generator) -> list[Deed]:
    """People who use three anonymous ids each, log in with one event in eight, and seldom share a time."""
    found = []
    people = draw.integers(PEOPLE, size=EVENTS)
    times = START_US + draw.integers(SPAN_US // 1_000_000, size=EVENTS) * 1_000_000
    for number in range(EVENTS):
        person = int(people[number])
        event, meaning = DEEDS[int(draw.integers(len(DEEDS)))]
        known = number % 8 == 0
        event = msgspec.structs.replace(
            event,
            message_id=f"m{number}",
            occurred_at_us=int(times[number]),
            user_id=f"u{person}" if known else None,
            anonymous_id=f"a{person}-{int(draw.integers(ANONYMOUS))}",
            traits={"size": number % 5},
        )
        found.append((event, meaning))
    return found


class _Machine:
    """States by the person they are thought to belong to, and who is who."""

    def __init__(self) -> None:
        self.directory = Directory(lambda _: None, IdentitySettings())
        self.states: dict[str, Individual] = {}
        self.seen: list[Event] = []

    def take(self, deeds: Iterable[Deed]) -> None:
        for event, meaning in deeds:
            self.seen.append(event)
            change = self.directory.observe(event, self._logins)
            assert not change.refold
            for source, target in change.merges:
                self.add(target, self.states.pop(source, Individual()))
            person = self.directory.person_of(event)
            fold(self.states.setdefault(person, Individual()), event, meaning, values_of, SETTINGS)

    def add(self, person: str, state: Individual) -> None:
        mine = self.states.get(person)
        self.states[person] = state if mine is None else merge(mine, state, SETTINGS)

    def _logins(self, device: str) -> list[Login]:
        return logins_of(self.seen, device, IdentitySettings())


@pytest.mark.slow
def test_shuffled_and_split_is_the_ordered_pass() -> None:
    draw = np.random.default_rng(2)
    deeds = _deeds(draw)
    ordered = _Machine()
    ordered.take(sorted(deeds, key=lambda deed: (deed[0].occurred_at_us, deed[0].message_id)))

    sent = deeds + [deeds[int(i)] for i in draw.integers(EVENTS, size=EVENTS // 20)]
    order = draw.permutation(len(sent))
    logged: dict[str, Deed] = {}
    for place in order:
        logged.setdefault(sent[place][0].message_id, sent[place])
    assert len(logged) == EVENTS

    # Each batch on a machine of its own that knows only its own links; then everything meets in one place.
    arrived = list(logged.values())
    cuts = np.sort(draw.integers(EVENTS, size=BATCHES - 1))
    bounds = [0, *map(int, cuts), EVENTS]
    together = _Machine()
    for start, end in pairwise(bounds):
        machine = _Machine()
        machine.take(arrived[start:end])
        for event, _ in arrived[start:end]:
            change = together.directory.observe(event, lambda _: [])
            for source, target in change.merges:
                together.add(target, together.states.pop(source, Individual()))
        for person in draw.permutation(sorted(machine.states)):
            together.add(together.directory.resolve(str(person)), machine.states[str(person)])

    states = {person: state for person, state in together.states.items() if state.events}
    assert states.keys() == ordered.states.keys()
    assert sum(state.events for state in states.values()) == EVENTS
    for person, state in states.items():
        assert_same(state, ordered.states[person])
