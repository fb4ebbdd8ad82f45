"""Identity's law: any order, any batches, any restarts: the same people with the same events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.events import UNMERGED, Event
from eachwise.contracts.ports import Login
from eachwise.identity import NOBODY, Directory, logins_of
from eachwise.settings import IdentitySettings
from tests.property.reference import Reference

USERS = ("U1", "U2", "U3", "null")
ANONYMOUS = ("A1", "A2")
DEVICES = ("D1", "D2")
EMAILS = ("e1@x", "E2@x", "n/a", "null@")
IDENTIFIERS = (
    "user:U1",
    "user:U2",
    "user:U3",
    "email:e1@x",
    "email:e2@X",
    "anon:A1",
    "device:D1",
    "x",
)
SETTINGS = st.builds(
    IdentitySettings,
    blocked_values=st.just(("", "null", "Null@")),
    users_per_individual_max=st.integers(1, 2),
    emails_per_individual_max=st.integers(1, 2),
    devices_per_individual_max=st.integers(1, 3),
    merges_per_individual_max=st.integers(1, 4),
)


@st.composite
def drafts(draw: st.DrawFn) -> dict[str, Any]:
    """One event without its message id."""
    kind = draw(st.sampled_from(["track", "track", "track", "identify", "alias", "unmerge"]))
    draft: dict[str, Any] = {"kind": kind, "occurred_at_us": draw(st.integers(0, 6))}
    if kind == "unmerge":
        left, right = draw(st.sampled_from(IDENTIFIERS)), draw(st.sampled_from(IDENTIFIERS))
        return draft | {
            "kind": "track",
            "name": UNMERGED,
            "properties": {"left": left, "right": right},
        }
    draft["user_id"] = draw(st.none() | st.sampled_from(USERS))
    draft["anonymous_id"] = draw(st.none() | st.sampled_from(ANONYMOUS))
    device = draw(st.none() | st.sampled_from(DEVICES))
    context: dict[str, Any] = {"device": {"id": device}} if device else {}
    email = draw(st.none() | st.sampled_from(EMAILS))
    if email and draw(st.booleans()):
        draft["traits"] = {"email": email}
    elif email:
        context["traits"] = {"email": email}
    if kind == "alias":
        draft["previous_id"] = draw(st.sampled_from([*USERS, *ANONYMOUS]))
    return draft | {"context": context}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[int]]:
    """Events in an order of arrival, and where that is cut into batches."""
    found = draw(st.lists(drafts(), min_size=1, max_size=14))
    ids = draw(st.permutations(range(len(found))))
    events = [
        Event(message_id=f"m{number:02d}", received_at_us=0, **draft)
        for number, draft in zip(ids, found, strict=True)
    ]
    cuts = draw(st.sets(st.integers(1, len(events)), max_size=4))
    return events, sorted(cuts | {len(events)})


class Fold:
    """A tiny engine: a state is the list of the message ids that were folded into it."""

    def __init__(self, settings: IdentitySettings) -> None:
        self.settings = settings
        self.kept: dict[str, bytes] = {}
        self.directory = Directory(self.kept.get, settings)
        self.log: list[Event] = []
        self.applied = 0
        self.states: dict[str, list[str]] = {}

    def logins(self, device: str) -> list[Login]:
        """As a store would tell them: an event with a user id, or an identify with an e-mail address."""
        seen = [
            event
            for event in self.log
            if event.kind != "alias" or event.anonymous_id or event.context.get("device")
        ]
        pure = [_without_previous(event) for event in seen]
        return logins_of(pure, device, self.settings)

    def append(self, batch: Sequence[Event]) -> None:
        """Log a batch, then take its events one by one: the log runs ahead of what is observed."""
        self.log += batch
        for event in batch:
            change = self.directory.observe(event, self.logins)
            for source, target in change.merges:
                self.states.setdefault(target, []).extend(self.states.pop(source, []))
            for person in sorted(change.refold):
                self._refold(person)
            person = self.directory.person_of(event)
            if person != NOBODY:
                self.states.setdefault(person, []).append(event.message_id)
            self.applied += 1

    def _refold(self, person: str) -> None:
        sources = self.directory.sources_of(person)
        self.states.pop(person, None)
        found = [
            event.message_id
            for event in self.log[: self.applied]
            if (
                event.user_id in sources.user_ids
                or event.anonymous_id in sources.anonymous_ids
                or event.context.get("device", {}).get("id") in sources.device_ids
            )
            and self.directory.person_of(event) == person
        ]
        if found:
            self.states[person] = found

    def restart(self) -> None:
        """Commit, and begin again from what was committed."""
        for identifier, body in self.directory.take_changes().items():
            if body is None:
                self.kept.pop(identifier, None)
            else:
                self.kept[identifier] = body
        self.directory.settled()
        self.directory = Directory(self.kept.get, self.settings)


def _without_previous(event: Event) -> Event:
    return Event(
        message_id=event.message_id,
        kind="track" if event.kind == "alias" else event.kind,
        occurred_at_us=event.occurred_at_us,
        received_at_us=0,
        user_id=event.user_id,
        anonymous_id=event.anonymous_id,
        traits=event.traits,
        context=event.context,
    )


def _expected(events: Sequence[Event], settings: IdentitySettings) -> dict[str, list[str]]:
    reference = Reference(events, settings)
    states: dict[str, list[str]] = {}
    for event in events:
        person = reference.person_of(event)
        if person != NOBODY:
            states.setdefault(person, []).append(event.message_id)
    return {person: sorted(found) for person, found in states.items()}


def _check(
    history: tuple[list[Event], list[int]],
    settings: IdentitySettings,
    between: Callable[[Fold], None],
) -> None:
    events, cuts = history
    engine, start = Fold(settings), 0
    for cut in cuts:
        engine.append(events[start:cut])
        start = cut
        between(engine)
        seen = engine.log
        expected = _expected(seen, settings)
        assert {person: sorted(found) for person, found in engine.states.items()} == expected
    reference = Reference(events, settings)
    for identifier in IDENTIFIERS:
        if identifier.startswith(("user:", "email:")):
            assert engine.directory.resolve(identifier) == reference.person(
                identifier.lower().replace("user:u", "user:U")
            )


@given(histories(), SETTINGS)
def test_any_order_and_batching_gives_the_same_people(
    history: tuple[list[Event], list[int]], settings: IdentitySettings
) -> None:
    _check(history, settings, lambda _: None)


@given(histories(), SETTINGS)
def test_a_restart_forgets_nothing(
    history: tuple[list[Event], list[int]], settings: IdentitySettings
) -> None:
    _check(history, settings, Fold.restart)


@given(histories(), SETTINGS, st.data())
def test_two_orders_resolve_alike(
    history: tuple[list[Event], list[int]], settings: IdentitySettings, data: st.DataObject
) -> None:
    events, _ = history
    engines = Fold(settings), Fold(settings)
    engines[0].append(events)
    for event in data.draw(st.permutations(events)):
        engines[1].append([event])
    for event in events:
        assert len({engine.directory.person_of(event) for engine in engines}) == 1
    for identifier in (*IDENTIFIERS, "anon:A2", "device:D2"):
        at_us = data.draw(st.none() | st.integers(0, 7))
        assert len({engine.directory.resolve(identifier, at_us) for engine in engines}) == 1
