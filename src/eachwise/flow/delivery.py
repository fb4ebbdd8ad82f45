"""Everything that takes messages to people and their answers back, wired over the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from eachwise.contracts.delivery import Channel, Message
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.decide import Deciding
from eachwise.flow.dispatch import Dispatching
from eachwise.flow.drive import Flow
from eachwise.flow.emitting import Emitting
from eachwise.flow.hindrances import Hindrances
from eachwise.flow.letters import Letters
from eachwise.flow.outbox import Outbox
from eachwise.flow.places import Places
from eachwise.flow.read import Reading
from eachwise.flow.recommend import Recommending
from eachwise.flow.reports import Reports
from eachwise.flow.returns import Returns
from eachwise.flow.state import State
from eachwise.flow.streams import Streams
from eachwise.flow.waiting import Waiting
from eachwise.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outward:
    """What the shell gives: the channels by name, the threads of each that send, and the key that signs links."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    senders: Mapping[str, Executor] = field(default_factory=dict)
    key: bytes = b""


class Delivery:
    """The outbox's flows."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        state: State,
        deciding: Deciding,
        recommending: Recommending,
        reading: Reading,
        outward: Outward,
    ) -> None:
        people, directory, catalogue = state.people, state.directory, state.catalogue
        self._store = store
        places = self._places = Places(
            clock=clock, people=people, directory=directory, catalogue=catalogue
        )
        reports = Reports(
            store=store, clock=clock, people=people, directory=directory, ingest=state.ingest
        )
        hindrances = Hindrances(store=store, catalogue=catalogue, pages=deciding.pages)
        self.letters = Letters(
            clock=clock,
            settings=settings,
            people=people,
            catalogue=catalogue,
            recommending=recommending,
            reading=reading,
            key=outward.key,
        )
        self.returns = Returns(
            clock=clock,
            settings=settings,
            people=people,
            directory=directory,
            catalogue=catalogue,
            reports=reports,
            key=outward.key,
        )
        self.outbox = Outbox(store, clock, people, directory, self.expect, self._taken_out)
        self.dispatching = Dispatching(
            store=store,
            clock=clock,
            settings=settings.delivery,
            people=people,
            directory=directory,
            hindrances=hindrances,
            emitting=Emitting(clock, settings.delivery, state.ingest, reports),
            letters=self.letters,
            reports=reports,
            channels=outward.channels,
            senders=outward.senders,
            places=places,
        )
        self.waiting = Waiting(
            store=store,
            clock=clock,
            people=people,
            directory=directory,
            hindrances=hindrances,
            places=places,
        )
        self.streams = Streams(
            clock=clock, directory=directory, deciding=deciding, waiting=self.waiting
        )
        deciding.pages.waiting = self.waiting.record
        deciding.picked = self.waiting.picked

    def on_answered(self, wake: Callable[[], object]) -> None:
        """Call ``wake``, from whatever thread, when ``work`` has more to do before its turn: a channel answered."""
        self.dispatching.wake = wake

    def restore(self) -> Flow[None]:
        """After a start: places are held again, what waits for pages is found, what a crash cut off is sorted out."""
        self.expect(self._store.open_messages())
        yield from self.dispatching.sort_out()

    def expect(self, messages: Iterable[Message]) -> None:
        """These messages are in the outbox now."""
        found = list(messages)
        self._places.hold(found)
        self.dispatching.expect(found)
        self.waiting.expect(found)

    def _taken_out(self, message: Message) -> None:
        self._places.free(message)
        self.waiting.drop(message)

    def work(self) -> Flow[int]:
        """One round: what was answered, what is due, what is over."""
        done = yield from self.dispatching.work()
        done += yield from self.waiting.sweep()
        return done

    def finish(self) -> Flow[None]:
        """Before stopping: settle what is in the channels' hands; nothing new is taken."""
        yield from self.dispatching.finish()
