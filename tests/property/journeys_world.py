"""A world for the laws of journeys: an engine whose store and receivers fail as told, and an own account of what the
contact policy allows.

Everything runs in one thread on a clock that tests set: a crash strikes at a chosen commit, or while a letter is being
handed over, and the engine is then built anew over what the store has.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from eachwise.adapters.clocks import SettableClock
from eachwise.adapters.memory import MemoryStore
from eachwise.adapters.search import Fts5Index
from eachwise.adapters.sqlite import SqliteStore
from eachwise.contracts.delivery import Letter, Message, Receipt
from eachwise.contracts.errors import EachwiseError, InvalidInput, StoreError
from eachwise.contracts.events import Event
from eachwise.contracts.journey import Instance
from eachwise.contracts.ports import Commit, Committed
from eachwise.flow.core import Core
from eachwise.flow.delivery import Outward
from eachwise.flow.drive import run
from eachwise.flow.templates import read_definitions
from eachwise.settings import (
    DecideSettings,
    DeliverySettings,
    LifetimeSettings,
    Settings,
    StoreSettings,
)

START_US = 1_790_000_000_000_000
SECOND_US, HOUR_S, DAY_S = 1_000_000, 3_600, 86_400
ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
CAP, CAP_S, GAP_S, QUIET = 2, DAY_S, HOUR_S, (22, 8)
HEARD = ["Checkout Started", "Order Completed", "Signed Up", "Product Viewed"]

DEFINITIONS = f"""
contact:
  caps: [{{count: {CAP}, window_s: {CAP_S}}}]
  gaps: {{any: {GAP_S}}}
  quiet_hours: "22:00-08:00"
placements:
  - {{placement_id: mail, channel: email, purpose: news}}
  - {{placement_id: hook, channel: webhook, purpose: offers}}
  - {{placement_id: receipt, channel: webhook, transactional: true}}
experiences:
  - {{experience_id: one, placements: [mail, hook], value: 1000000, lever: 10, content: {{subject: One, text: One}}}}
  - {{experience_id: two, placements: [mail, hook], value: 1000000, lever: 10, content: {{subject: Two, text: Two}}}}
  - {{experience_id: slip, placements: [receipt]}}
"""

BASKET = """
  - journey_id: basket
    entry: {event: Checkout Started, key: order_id, when: "event.value >= 20"}
    reentry: always
    exits: [{event: Left}]
    %s
    steps:
      - {id: order, wait_for: {event: Order Completed, key: order_id, within: 1h}, then: thanks, else: nudge}
      - {id: nudge, send: {placement: hook, experience: one, within: 2d, send_time: now}}
      - {id: pause, wait: %s}
      - {id: told, webhook: {url: "https://shop.example/told", body: {order: {from: event.order_id}}}}
      - {id: note, emit: {event: Reminded, properties: {order: {from: event.order_id}}}, then: end}
      - {id: thanks, send: {placement: receipt, experience: slip}}
      - {id: end, exit: over}
"""
OTHERS = """
  - journey_id: welcome
    entry: {event: Signed Up}
    reentry: {after: 1d}
    goal: {event: Order Completed}
    holdout: 10%
    steps:
      - {id: hello, decide: {placement: mail, within: 1d}}
      - {id: ways, split: [{share: 50%, then: early}, {share: 50%, then: late}]}
      - {id: early, wait_until: "09:00", then: again}
      - {id: late, wait: 5h}
      - {id: again, send: {placement: hook, experience: two, within: 2d}, else: mark}
      - {id: mark, update: {welcomed: true}}
  - journey_id: looked
    entry: {event: Product Viewed, key: product_id}
    reentry: always
    steps:
      - {id: think, wait: 30m}
      - {id: which, branch: [{when: "trait.welcomed == true", then: end}], else: offer}
      - {id: offer, send: {placement: mail, experience: one, within: 6h, send_time: now}}
      - {id: end, exit: over}
"""
# What basket becomes when it is edited: people move along, or finish theirs.
EDITS = (("", "2h"), ("on_edit: move", "30m"), ("title: as they began", "3h"))


def journeys(edit: int) -> str:
    """The journeys document at one edit."""
    return "journeys:" + BASKET % EDITS[edit % len(EDITS)] + OTHERS


class Crash(BaseException):
    """The process is gone at this point."""


class Here(Executor):
    """Does what is submitted at once, in this thread; a crash in it is the caller's."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The result, or what was raised, as a future that is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Faulty:
    """A store whose n-th write from now on fails, crashes before it is done, or after.

    plan: (writes until then, ``fails``, ``lost`` or ``kept``); None: no fault
    """

    def __init__(self, store: MemoryStore | SqliteStore) -> None:
        self.store = store
        self.plan: tuple[int, str] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, commit: Commit) -> Future[Committed]:
        """One unit of work, or its failure."""
        return self._written(lambda: self.store.commit(commit))

    def claim_messages(self, *args: Any, **kwargs: Any) -> Future[list[Message]]:
        """The claims, or their failure."""
        return self._written(lambda: self.store.claim_messages(*args, **kwargs))

    def _written(self, write: Callable[[], Future[Any]]) -> Future[Any]:
        if self.plan is None:
            return write()
        left, kind = self.plan
        self.plan = (left - 1, kind) if left else None
        if left:
            return write()
        if kind == "fails":
            failed: Future[Any] = Future()
            failed.set_exception(StoreError("the disk is full"))
            return failed
        if kind == "kept":
            write().result()
        raise Crash


class Receiver:
    """One channel's receiver: takes, refuses for now, or takes and loses the answer; crashes where told.

    Keeps each key once where it deduplicates; ``behave`` is used up from its front, then all is taken.
    """

    def __init__(self, name: str, *, deduplicates: bool, world: World) -> None:
        self.name = name
        self.deduplicates = deduplicates
        self.world = world
        self.behave: list[str] = []
        self.taken: dict[str, list[int]] = {}

    def send(self, letter: Letter) -> Receipt:
        """One letter."""
        behaviour = self.behave.pop(0) if self.behave else "taken"
        if behaviour == "busy":
            return Receipt(outcome="retry", reason="busy")
        self.world.sent(self, letter)
        if behaviour == "crash":
            raise Crash
        if behaviour == "lost":
            return Receipt(outcome="retry" if self.deduplicates else "unknown", reason="no answer")
        return Receipt(outcome="sent")

    def close(self) -> None:
        """Nothing is open."""


class World:
    """The engine, its receivers, and the account of what was sent to whom, when, and whether it was allowed."""

    def __init__(self, folder: Path | None, *, exploring: bool = True) -> None:
        """Not ``exploring``: the best by expectation is chosen, and at once, so that nothing hangs on how often a seed
        was drawn, or on hours that were counted again after a crash (by the zones that are known by then)."""
        self._exploring = exploring
        self.clock = SettableClock(START_US)
        self.folder = folder
        self.settings = Settings(
            # Kept for good: scripts let years go by, and the laws are about all of it.
            store=StoreSettings(synchronous="OFF", retain_decisions_days=3650.0),
            delivery=DeliverySettings(retry_base_s=60.0),
            lifetime=LifetimeSettings(interval_s=0.0),
            decide=DecideSettings(explorations_per_day=20 if exploring else 0),
        )
        self.faulty = Faulty(self._opened())
        self.mail = Receiver("email", deduplicates=False, world=self)
        self.hook = Receiver("webhook", deduplicates=True, world=self)
        self.calls = Receiver("call", deduplicates=True, world=self)
        self.contacts: list[tuple[str, int, str]] = []
        self.broken: list[str] = []
        self.crashes = 0
        self._account = Account()
        self._index = Fts5Index()
        self.core = self._built()
        run(self.core.put_definitions(read_definitions(DEFINITIONS)))
        self.edit(0)

    # -- what a script may do ------------------------------------------------------------------------------

    def send(self, event: dict[str, Any]) -> None:
        """A sender that sends again until it has the answer."""
        while not self._lived(lambda: run(self.core.ingest_raw([event]))):
            pass

    def edit(self, number: int) -> None:
        """Put the journeys at this edit."""
        document = journeys(number)
        if not self._exploring:
            for within in ("within: 1d", "within: 2d"):
                document = document.replace(f"{within}}}", f"{within}, send_time: now}}")
        while not self._lived(lambda: run(self.core.programme.journeys.put(document))):
            pass

    def tick(self) -> None:
        """What is due now; what a crash cut off is done by the next process at once, what failed by a later turn."""
        for do in (
            lambda: run(self.core.tick()),
            lambda: run(self.core.delivery.dispatching.drain()),
        ):
            crashes = -1
            while crashes != self.crashes:
                crashes = self.crashes
                self._lived(do)

    def crash(self) -> None:
        """The process dies between two calls; over SQLite the files are opened anew."""
        self.crashes += 1
        if self.folder is not None:
            self.faulty.store.close()
            self.faulty.store = self._opened()
        while True:
            try:
                self.core = self._built()
                return
            except (Crash, EachwiseError):
                self.crashes += 1

    def settle(self, days: int = 100) -> None:
        """No more faults; half days go by until everything is over, or should have been long ago."""
        self.faulty.plan = None
        for receiver in (self.mail, self.hook, self.calls):
            receiver.behave.clear()
        for _ in range(days * 2):
            self.tick()
            counts = self.faulty.counts()
            unknown = len(self.faulty.messages("unknown", limit=1_000))
            if counts["journey_instances"] == 0 and counts["messages_open"] == unknown:
                return
            self.clock.advance(seconds=DAY_S / 2)

    # -- what came of it -----------------------------------------------------------------------------------

    def instances(self) -> list[Instance]:
        """Every instance, by id."""
        found: list[Instance] = []
        for journey_id in ("basket", "looked", "welcome"):
            found += self.faulty.instances_at(journey_id, limit=10_000)
        return sorted(found, key=lambda each: each.instance_id)

    def messages(self) -> list[Message]:
        """The whole outbox, by id."""
        return list(self.faulty.messages(None, limit=100_000))

    def close(self) -> None:
        """Release the store."""
        self.faulty.store.close()
        self._index.close()

    # -- within --------------------------------------------------------------------------------------------

    def _opened(self) -> MemoryStore | SqliteStore:
        if self.folder is None:
            return MemoryStore()
        return SqliteStore(self.folder, project_id="default", settings=self.settings.store)

    def _built(self) -> Core:
        channels = {each.name: each for each in (self.mail, self.hook, self.calls)}
        here = Here()
        core = Core(
            store=self.faulty,
            clock=self.clock,
            settings=self.settings,
            executor=here,
            search_index=self._index,
            outward=Outward(channels=channels, senders=dict.fromkeys(channels, here), key=b"k"),
        )
        run(core.open())
        return core

    def _lived(self, do: Callable[[], object]) -> bool:
        """Whether it went through; after a crash the engine is there again."""
        try:
            do()
        except Crash:
            self.crash()
            return False
        except InvalidInput:
            raise
        except EachwiseError:
            return False
        return True

    def sent(self, receiver: Receiver, letter: Letter) -> None:
        """A receiver has a letter: the account is brought up to the log, and asked whether it was allowed."""
        now_us = self.clock.now_us()
        before = receiver.taken.setdefault(letter.message_id, [])
        before.append(now_us)
        if len(before) > 1:
            if not receiver.deduplicates:
                self.broken.append(f"{letter.message_id} was sent twice by {receiver.name}")
            return
        if receiver is self.calls:
            return
        message = self.faulty.message(letter.message_id)
        self._account.read(self.faulty)
        if message.transactional:
            return
        person = self._account.person(message.individual_id)
        purpose = "news" if receiver is self.mail else "offers"
        earlier = [at for who, at, _ in self.contacts if self._account.person(who) == person]
        for fault in self._account.faults(person, purpose, now_us, earlier):
            self.broken.append(f"{letter.message_id} to {person}: {fault}")
        self.contacts.append((message.individual_id, now_us, letter.message_id))


class Account:
    """Who is who, what they consented to and where they are, read from the log and from nothing else."""

    def __init__(self) -> None:
        self._sequence = 0
        self._same: dict[str, str] = {}
        self._said: dict[tuple[str, str], tuple[int, bool]] = {}
        self._zones: dict[str, tuple[int, str]] = {}

    def read(self, store: Any) -> None:
        """Go on to the end of the log."""
        while entries := store.events_after(self._sequence, 1000):
            for entry in entries:
                self._sequence = entry.sequence
                self._take(entry.event)

    def person(self, individual_id: str) -> str:
        """The person behind an id, by the links so far."""
        return self._same.get(individual_id, individual_id)

    def _take(self, event: Event) -> None:
        user, device = f"user:{event.user_id}", f"anon:{event.anonymous_id}"
        if event.user_id and event.anonymous_id and device not in self._same:
            self._same[device] = user
        who = user if event.user_id else device
        at_us = event.occurred_at_us
        if event.name in ("Consent Given", "Consent Withdrawn"):
            for purpose in event.properties["purposes"]:
                cell = (at_us, event.name == "Consent Given")
                self._said[who, purpose] = max(cell, self._said.get((who, purpose), (-1, False)))
        if "timezone" in event.traits:
            zone = (at_us, event.traits["timezone"])
            self._zones[who] = max(zone, self._zones.get(who, (-1, "")))

    def faults(self, person: str, purpose: str, now_us: int, earlier: list[int]) -> list[str]:
        """What stood against a contact with a person now."""
        mine = [person, *(each for each, whose in self._same.items() if whose == person)]
        words = []
        none = (-1, False)
        if not max(self._said.get((each, purpose), none) for each in mine)[1]:
            words.append(f"no consent to {purpose}")
        if sum(at > now_us - CAP_S * SECOND_US for at in earlier) >= CAP:
            words.append(f"over the cap: {earlier} at {now_us}")
        if any(at > now_us - GAP_S * SECOND_US for at in earlier):
            words.append(f"inside the gap: {earlier} at {now_us}")
        zone = max(self._zones.get(each, (-1, "UTC")) for each in mine)[1]
        local = datetime.fromtimestamp(now_us // SECOND_US, UTC).astimezone(ZoneInfo(zone))
        if local.hour >= QUIET[0] or local.hour < QUIET[1]:
            words.append(f"in quiet hours: {local}")
        return words
