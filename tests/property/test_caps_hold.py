"""However long messages wait, whatever receivers answer and whoever turns out to be whom: no cap is broken."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Letter, Message, Receipt
from eachwise.flow.drive import run
from eachwise.settings import DecideSettings, DeliverySettings, Settings
from tests.flow.shop import START_US
from tests.support.sending import contact, post

HOUR_US, HOURS_A_DAY = 3_600_000_000, 24
# Of whatever kind, one a day.
CAPS = {"caps": [{"count": 1, "window_s": 86_400, "of": "person"}]}
CHANNELS = {"mail": "email", "hook": "webhook", "hero": "web", "bar": "web"}
DEFINITIONS: dict[str, Any] = {
    "contact": CAPS,
    "placements": [
        {"placement_id": name, "channel": channel, "purpose": "marketing"}
        | (CAPS if channel == "web" else {})
        for name, channel in CHANNELS.items()
    ],
    "experiences": [
        {
            "experience_id": name,
            "placements": list(CHANNELS),
            "content": {"subject": "Hi", "text": "Hi"},
            "value": 1_000_000.0,
            "lever": 10.0,
        }
        for name in ("one", "two")
    ],
}
SETTINGS = Settings(
    delivery=DeliverySettings(public_url="https://x.example", attempts_max=100),
    decide=DecideSettings(explorations_per_day=0),
)
PEOPLE = ("ann", "bob")

people = st.sampled_from(PEOPLE)
steps = st.one_of(
    st.tuples(st.just("put"), people, st.sampled_from(sorted(CHANNELS)), st.integers(0, 60)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("answers"), st.lists(st.sampled_from(["retry", "unknown", "refused"]))),
    st.tuples(st.just("send")),
    st.tuples(st.just("stream"), people),
    st.tuples(st.just("page"), people),
    st.tuples(st.just("merge"), people, people),
)


class World:
    """An engine, and every contact as the person had it: (when, message)."""

    def __init__(self, engine: Engine, clock: SettableClock) -> None:
        self.core = engine.core
        self.engine = engine
        self.clock = clock
        self.made: dict[str, Message] = {}
        self.had: dict[str, int] = {}
        self.outcomes: list[Any] = []
        self.broken: list[tuple[str, str]] = []

    def reached(self, message_id: str) -> None:
        """A message reaches its person, who must not have had another within the day."""
        if message_id in self.had:
            return
        now_us = self.clock.now_us()
        resolve = self.core._directory.resolve
        person = resolve(self.made[message_id].individual_id)
        self.broken += [
            (other, message_id)
            for other, at_us in self.had.items()
            if resolve(self.made[other].individual_id) == person
            and now_us - at_us < HOURS_A_DAY * HOUR_US
        ]
        self.had[message_id] = now_us

    def answer(self, letter: Letter) -> Receipt:
        """What a receiver answers; what is unknown may have reached the person."""
        outcome: Any = self.outcomes.pop(0) if self.outcomes else "sent"
        if outcome in ("sent", "unknown"):
            self.reached(letter.message_id)
        return Receipt(outcome=outcome, reason="told so")

    def put(self, user: str, placement: str, due_h: int) -> None:
        """A journey's message, where something may be chosen; it comes due so many hours later."""
        person = self.core._directory.resolve(f"user:{user}")
        record = contact(self.core, person, placement)
        if record.experience_id == "silence":
            return
        now_us = self.clock.now_us()
        message = Message(
            message_id=f"m-{record.decision_id}",
            individual_id=person,
            channel=CHANNELS[placement],
            created_at_us=now_us,
            due_at_us=now_us + due_h * HOUR_US,
            expires_at_us=now_us + 1_000 * HOUR_US,
            placement_id=placement,
            experience_id=record.experience_id,
            decision_id=record.decision_id,
        )
        self.made[message.message_id] = message
        post(self.core, message, record)

    def shown(self, user: str, decision_id: str) -> None:
        """A page shows something, and says so."""
        if f"m-{decision_id}" in self.made:
            self.reached(f"m-{decision_id}")
        self.engine.track(user, "Experience Viewed", {"decision_id": decision_id})

    def step(self, kind: str, *given: Any) -> None:
        """One thing that happens."""
        if kind == "put":
            self.put(*given)
        elif kind == "wait":
            self.clock.advance(seconds=3_600 * given[0])
        elif kind == "answers":
            self.outcomes += given[0]
        elif kind == "send":
            run(self.core.delivery.dispatching.drain())
        elif kind == "stream":
            for _, decided in run(self.core.delivery.streams.take(f"user:{given[0]}")):
                self.shown(given[0], decided.decision_id)
        elif kind == "page":
            for decided in self.engine.decide(given[0], placements=["hero", "bar"]).decisions:
                if decided.experience_id != "silence":
                    self.made.setdefault(
                        f"m-{decided.decision_id}",
                        Message(
                            message_id=f"m-{decided.decision_id}",
                            individual_id=f"user:{given[0]}",
                            channel="web",
                            created_at_us=0,
                            due_at_us=0,
                        ),
                    )
                    self.shown(given[0], decided.decision_id)
        elif given[0] != given[1]:
            alias = {"type": "alias", "userId": given[0], "previousId": given[1]}
            assert self.engine.send([alias]).success


class Receiver:
    """A channel whose answers the world gives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.deduplicates = name == "webhook"
        self.world: World

    def send(self, letter: Letter) -> Receipt:
        """What it answers."""
        return self.world.answer(letter)

    def close(self) -> None:
        """Nothing is open."""


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=10, max_size=30))
def test_nobody_gets_more_than_a_cap_allows(happens: list[tuple[Any, ...]]) -> None:
    clock = SettableClock(START_US)
    receivers = {name: Receiver(name) for name in ("email", "webhook")}
    with Engine.open(clock=clock, settings=SETTINGS, channels=receivers) as engine:
        engine.define(DEFINITIONS)
        world = World(engine, clock)
        for receiver in receivers.values():
            receiver.world = world
        for user in PEOPLE:
            engine.identify(user, {"email": f"{user}@example.com", "marketing_opt_in": True})
        for each in happens:
            world.step(*each)
            # Nothing of a page's happens in the microsecond of something else.
            clock.advance(seconds=1)
        for _ in range(3):
            clock.advance(seconds=25 * 3_600)
            world.step("send")
        assert world.broken == []
