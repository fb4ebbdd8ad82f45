"""The outbox under crashes at any point, receivers that answer anything, clock jumps and changes of mind.

A crash drops every flow where it stands; the next core reads the same store. Sends happen at once, so that the answer
of a send may be lost with the core that waited for it: the worst case of a crash in the hand-over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from eachwise.adapters.clocks import SettableClock
from eachwise.adapters.memory import MemoryStore
from eachwise.adapters.search import Fts5Index
from eachwise.contracts.delivery import Letter, Message, Receipt
from eachwise.flow.core import Core
from eachwise.flow.delivery import Outward
from eachwise.flow.drive import run
from eachwise.flow.templates import read_definitions
from eachwise.settings import DeliverySettings, Settings
from tests.flow.shop import START_US
from tests.support.sending import contact, put

DEFINITIONS = read_definitions(
    """
placements:
  - {placement_id: mail, channel: email, purpose: marketing}
  - {placement_id: hook, channel: webhook, purpose: marketing}
experiences:
  - experience_id: hello
    title: Hello
    placements: [mail, hook]
    content: {text: "Hi {{ person.traits.first_name | default('you') }}"}
"""
)
PEOPLE = ("ann", "bob", "eve")


class AtOnce(Executor):
    """Does what it is given before it returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The result, done."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class Receiver:
    """Takes what comes, and answers as told."""

    def __init__(self, name: str, deduplicates: bool) -> None:
        self.name = name
        self.deduplicates = deduplicates
        self.outcomes: list[str] = []
        self.got: Counter[str] = Counter()
        self.bodies: dict[str, set[str]] = {}

    def send(self, letter: Letter) -> Receipt:
        """What is answered sent or unknown was taken."""
        outcome: Any = self.outcomes.pop(0) if self.outcomes else "sent"
        if outcome in ("sent", "unknown"):
            self.got[letter.message_id] += 1
        return Receipt(outcome=outcome, reason="told so")

    def close(self) -> None:
        """Nothing is open."""


class World:
    """A store and receivers that outlive the cores."""

    def __init__(self, outcomes: list[str]) -> None:
        self.store = MemoryStore()
        self.clock = SettableClock(START_US)
        self.mail = Receiver("email", deduplicates=False)
        self.hook = Receiver("webhook", deduplicates=True)
        self.mail.outcomes = outcomes[::2]
        self.hook.outcomes = outcomes[1::2]
        self.left: set[str] = set()
        self.sent_after_leaving: list[str] = []
        self.messages: list[Message] = []
        self.start()
        run(self.core.put_definitions(DEFINITIONS))
        for person in PEOPLE:
            self.say(
                person,
                "identify",
                traits={"email": f"{person}@x.example", "marketing_opt_in": True},
            )

    def start(self) -> None:
        """A new core over the same store, after a stop of any kind."""
        # No two cores decide at the same microsecond: an id of a decision is made of it.
        self.clock.advance(seconds=1)
        delivery = DeliverySettings(public_url="https://x.example", attempts_max=4, lease_s=60.0)
        self.core = Core(
            store=self.store,
            clock=self.clock,
            settings=Settings(delivery=delivery),
            executor=AtOnce(),
            search_index=Fts5Index(),
            outward=Outward(
                channels={"email": self.mail, "webhook": self.hook},
                senders={"email": AtOnce(), "webhook": AtOnce()},
                key=b"k" * 32,
            ),
        )
        run(self.core.open())

    def say(self, person: str, kind: str, **fields: Any) -> None:
        self.clock.advance(seconds=1)
        run(self.core.ingest_raw([{"type": kind, "userId": person, **fields}]))

    def crash_within(self, steps: int) -> None:
        """Drop a round after so many waits."""
        flow = self.core.delivery.work()
        try:
            future = next(flow)
            for _ in range(steps):
                future = flow.send(future.result())
        except StopIteration:
            pass
        # The flow is dropped where it stands; it must not tidy up behind the crash.
        self.start()

    def put(self, person: str, placement: str) -> None:
        record = contact(self.core, f"user:{person}", placement, "hello")
        if record.experience_id == "hello":
            self.core.people.release(f"user:{person}", record.decision_id)
            self.messages.append(put(self.core, person, placement))

    def act(self, action: str, what: Any, where: str) -> None:
        """One thing happens; nobody who has left gets anything by it."""
        before, gone = self.mail.got + self.hook.got, frozenset(self.left)
        if action == "put":
            self.put(what, where)
        elif action == "work":
            run(self.core.delivery.work())
        elif action == "crash":
            self.crash_within(what)
        elif action == "jump":
            self.clock.advance(seconds=what)
        elif action == "drain":
            run(self.core.delivery.dispatching.drain())
        elif what not in self.left:
            for channel in ("email", "webhook"):
                self.say(what, "track", event="Unsubscribed", properties={"channel": channel})
            self.left.add(what)
        for message_id in self.mail.got + self.hook.got - before:
            person = self.store.message(message_id).individual_id  # type: ignore[union-attr]
            if person.removeprefix("user:") in gone:
                self.sent_after_leaving.append(message_id)


ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(PEOPLE), st.sampled_from(["mail", "hook"])),
    st.tuples(st.just("work"), st.just(""), st.just("")),
    st.tuples(st.just("crash"), st.integers(0, 9), st.just("")),
    st.tuples(st.just("jump"), st.sampled_from([-5, 1, 40, 4000]), st.just("")),
    st.tuples(st.just("leave"), st.sampled_from(PEOPLE), st.just("")),
)
OUTCOMES = st.sampled_from(["sent", "sent", "sent", "retry", "refused", "unknown"])


_PUT: tuple[str, Any, str] = ("put", "ann", "mail")
_WORK: tuple[str, Any, str] = ("work", "", "")


# Between the hand-over, the report of it, and the settled state.
@example(actions=[_PUT, ("crash", 2, "")], outcomes=[])
@example(actions=[_PUT, _WORK, ("crash", 0, "")], outcomes=[])
@example(actions=[_PUT, _WORK, ("crash", 1, "")], outcomes=[])
@example(actions=[_PUT, _WORK, ("crash", 2, "")], outcomes=[])
@settings(max_examples=60, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=25), outcomes=st.lists(OUTCOMES, max_size=30))
def test_nothing_is_lost_stuck_doubled_or_sent_to_who_left(
    actions: list[tuple[str, Any, str]], outcomes: list[str]
) -> None:
    world = World(outcomes)
    for action, what, where in actions:
        world.act(action, what, where)
    for _ in range(12):
        world.act("jump", 4000, "")
        world.act("drain", "", "")

    assert world.sent_after_leaving == []
    open_left = {each.message_id: each.state for each in world.store.open_messages()}
    assert set(open_left.values()) <= {"unknown"}, "a message is stuck"
    for message in world.messages:
        stored = world.store.message(message.message_id)
        assert stored is not None, "a message is lost"
        if message.channel == "email":
            # SMTP keeps no key: at most once, and what may have gone out is not called dead or held.
            assert world.mail.got[message.message_id] <= 1
            if world.mail.got[message.message_id]:
                assert stored.state in ("sent", "unknown")
        elif world.hook.got[message.message_id]:
            assert stored.state in ("sent", "unknown", "held")
        delivered = world.store.event(f"delivered-{message.message_id}") is not None
        assert delivered == (stored.state == "sent")
        # Open ones hold their place; settled ones hold none.
        held = world.core.people.reservations(message.individual_id, world.clock.now_us())
        places = {each.decision_id for each in held}
        assert (message.decision_id in places) == (stored.state == "unknown")
