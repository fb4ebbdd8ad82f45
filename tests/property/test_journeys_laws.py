"""The laws of journeys over random histories: consent, caps, gaps, quiet hours, nothing twice, nobody stuck, replay."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.contracts.delivery import OPEN
from eachwise.contracts.journey import Instance
from tests.property.journeys_world import DAY_S, HEARD, HOUR_S, SECOND_US, ZONES, World

Deed = tuple[Any, ...]
PEOPLE = 3
WHO = st.tuples(st.integers(0, PEOPLE - 1), st.sampled_from(["user", "anon"]))
LATE_S = st.sampled_from([0, 0, 0, 60, 2 * HOUR_S, 3 * DAY_S])
PURPOSES = st.sampled_from([["news"], ["offers"], ["news", "offers"], ["news", "offers"]])

HAPPENS = st.tuples(st.just("event"), WHO, st.sampled_from(HEARD), st.sampled_from("AB"), LATE_S)
CONSENTS = st.tuples(
    st.just("consent"), WHO, st.sampled_from(["Given", "Given", "Withdrawn"]), PURPOSES, LATE_S
)
LINKS = st.tuples(st.just("link"), st.integers(0, PEOPLE - 1), st.sampled_from(ZONES))
AGAIN = st.tuples(st.just("again"), st.integers(0, 30))
GOES_BY = st.tuples(
    st.just("time"), st.sampled_from([1, 600, HOUR_S, HOUR_S, 5 * HOUR_S, 11 * HOUR_S, DAY_S])
)
JUMPS = st.tuples(st.just("time"), st.sampled_from([-60, -HOUR_S, -DAY_S, 30 * DAY_S]))
EDITS = st.tuples(st.just("edit"), st.integers(0, 2))
TICK = st.just(("tick",))
BEHAVES = st.tuples(
    st.just("behave"),
    st.sampled_from(["mail", "hook", "calls"]),
    st.lists(st.sampled_from(["taken", "busy", "lost", "crash"]), min_size=1, max_size=3),
)
FAULTS = st.one_of(
    st.just(("crash",)),
    st.tuples(
        st.just("fault"), st.integers(0, 6), st.sampled_from(["fails", "lost", "kept", "kept"])
    ),
    BEHAVES,
)
MUCH = [HAPPENS, HAPPENS, HAPPENS, HAPPENS, GOES_BY, GOES_BY, GOES_BY]
SOME = [CONSENTS, LINKS, AGAIN, EDITS, TICK, JUMPS]
SCRIPTS = st.lists(st.one_of(*MUCH, *SOME, FAULTS, FAULTS), min_size=30, max_size=60)
CALM = st.lists(st.one_of(*MUCH, *SOME), min_size=20, max_size=50)
CRASHES = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.one_of(
            st.just(("crash",)),
            st.tuples(st.just("fault"), st.integers(0, 6), st.sampled_from(["lost", "kept"])),
        ),
    ),
    min_size=1,
    max_size=6,
)


def _examples(share: float) -> int:
    """So many of the profile's: each is a whole history of people. EACHWISE_HYPOTHESIS_EXAMPLES asks for more."""
    return max(2, round(share * settings().max_examples))


class Play:
    """Carries a script out. Every event has a time of its own, and the message id of its place in the script."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sent: list[dict[str, Any]] = []
        # Everybody has an address and takes everything at first: scripts withdraw.
        for person in range(PEOPLE):
            traits = {"email": f"u{person}@example.com"}
            self._send({"type": "identify", "traits": traits, "userId": f"u{person}"}, 0)
            for kind in ("user", "anon"):
                self.do(("consent", (person, kind), "Given", ["news", "offers"], 0))

    def do(self, deed: Deed) -> None:
        """One thing that happens."""
        what, *rest = deed
        getattr(self, what)(*rest)

    def event(self, who: tuple[int, str], name: str, key: str, late_s: int) -> None:
        """Something that journeys hear."""
        properties = {"order_id": key, "product_id": key, "value": 30, "total": 30}
        self._track(who, name, properties, late_s)

    def consent(self, who: tuple[int, str], word: str, purposes: list[str], late_s: int) -> None:
        """A word on consent."""
        self._track(who, f"Consent {word}", {"purposes": purposes}, late_s)

    def link(self, person: int, zone: str) -> None:
        """A device turns out to be a user's, who lives in a zone and has an address."""
        traits = {"timezone": zone}
        ids = {"userId": f"u{person}", "anonymousId": f"a{person}"}
        self._send({"type": "identify", "traits": traits, **ids}, 0)

    def again(self, place: int) -> None:
        """An event comes once more."""
        if self.sent:
            self.world.send(self.sent[place % len(self.sent)])

    def time(self, seconds: int) -> None:
        """The clock goes on, or back; what is due is done."""
        self.world.clock.advance(seconds=seconds)
        self.world.tick()

    def edit(self, number: int) -> None:
        """A live journey is edited."""
        self.world.edit(number)

    def tick(self) -> None:
        """A turn of the housekeeping."""
        self.world.tick()

    def crash(self) -> None:
        """The process dies."""
        self.world.crash()

    def fault(self, writes: int, kind: str) -> None:
        """A write to come fails, or is the last one."""
        self.world.faulty.plan = (writes, kind)

    def behave(self, channel: str, answers: list[str]) -> None:
        """How a receiver takes the next letters."""
        getattr(self.world, channel).behave = list(answers)

    def _track(
        self, who: tuple[int, str], name: str, properties: dict[str, Any], late_s: int
    ) -> None:
        person, kind = who
        ids = {"userId": f"u{person}"} if kind == "user" else {"anonymousId": f"a{person}"}
        self._send({"type": "track", "event": name, "properties": properties, **ids}, late_s)

    def _send(self, event: dict[str, Any], late_s: int) -> None:
        self.world.clock.advance(seconds=1, us=1)
        at_us = self.world.clock.now_us() - late_s * SECOND_US
        moment = datetime.fromtimestamp(at_us // SECOND_US, UTC).replace(
            microsecond=at_us % SECOND_US
        )
        sent = {**event, "messageId": f"e{len(self.sent)}", "timestamp": moment.isoformat()}
        self.sent.append(sent)
        self.world.send(sent)


@contextmanager
def played(script: list[Deed], kind: str, *, exploring: bool = True) -> Iterator[World]:
    """The world after a script, and after everything has had its time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store" if kind == "sqlite" else None
        world = World(path, exploring=exploring)
        try:
            play = Play(world)
            for deed in script:
                play.do(deed)
            assert all(each.wake_at_us > 0 for each in world.instances() if each.status == "active")
            world.settle()
            yield world
        finally:
            world.close()


def check_laws(world: World) -> None:
    """Nothing was sent that should not be, nobody is stuck, nothing got lost."""
    assert not world.broken
    live = [each for each in world.instances() if each.status == "active"]
    assert not live, f"never came to an end: {live}"
    left = [each for each in world.messages() if each.state in OPEN - {"unknown"}]
    assert not left, f"never went out: {left}"
    assert all(
        each.state == "sent" for each in world.messages() if each.channel in ("call", "event")
    )
    asked = {each.message_id for each in world.messages() if each.channel == "call"}
    assert set(world.calls.taken) == asked
    told = [each for each in world.messages() if each.channel == "event"]
    assert all(world.faulty.event(each.message_id) is not None for each in told)
    contacts = [each for each in world.messages() if each.decision_id]
    assert len({(each.instance_id, each.step) for each in contacts}) == len(contacts)
    given = sum(each.contacts for each in world.instances())
    # Several may want the same: then one message is the contact of each.
    assert given >= len(contacts)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_contact_policy_holds_and_nobody_is_stuck(kind: str) -> None:
    @settings(max_examples=_examples(0.5 if kind == "memory" else 0.1))
    @given(SCRIPTS)
    def holds(script: list[Deed]) -> None:
        with played(script, kind) as world:
            check_laws(world)

    holds()


def outcome(world: World, *, but_decisions: bool = False) -> tuple[list[Any], list[Any], Any]:
    """All that came of it: instances, messages, and what was received when; decision ids left out where asked."""
    instances = [msgspec.to_builtins(each) for each in world.instances()]
    messages = [msgspec.structs.asdict(each) for each in world.messages()]
    received = [
        {key: times[:1] for key, times in each.taken.items()}
        for each in (world.mail, world.hook, world.calls)
    ]
    if not but_decisions:
        return instances, messages, received
    names = {each["message_id"]: f"{each['instance_id']}/{each['step']}" for each in messages}
    for each in messages:
        each["message_id"] = names[each["message_id"]]
        for name in ("decision_id", "attempts", "claimed_until_us"):
            each[name] = None
    facts = msgspec.structs.fields(Instance)
    place = [each.name for each in facts].index("facts")
    for each in instances:
        each[place].get("contact", {}).pop("decision", None)
    times = [{names[key]: at for key, at in each.items()} for each in received]
    return instances, sorted(messages, key=lambda each: each["message_id"]), times


def test_the_same_history_gives_the_same_commands() -> None:
    @settings(max_examples=_examples(0.1))
    @given(SCRIPTS)
    def holds(script: list[Deed]) -> None:
        with played(script, "memory") as first, played(script, "memory") as second:
            assert outcome(first) == outcome(second)

    holds()


def test_both_stores_give_the_same_commands() -> None:
    @settings(max_examples=_examples(0.1))
    @given(SCRIPTS)
    def holds(script: list[Deed]) -> None:
        with played(script, "memory") as first, played(script, "sqlite") as second:
            assert outcome(first) == outcome(second)

    holds()


def test_crashes_change_nothing_of_what_goes_out_and_when() -> None:
    """Equal, to the microsecond, is all but the ids of decisions: a seed counts the decisions since the start."""

    @settings(max_examples=_examples(0.25))
    @given(CALM, CRASHES)
    def holds(script: list[Deed], crashes: list[tuple[int, Deed]]) -> None:
        broken = list(script)
        for place, crash in crashes:
            broken.insert(place, crash)
        with (
            played(script, "memory", exploring=False) as calm,
            played(broken, "memory", exploring=False) as crashed,
        ):
            check_laws(crashed)
            assert outcome(calm, but_decisions=True) == outcome(crashed, but_decisions=True)

    holds()
