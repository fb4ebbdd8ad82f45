"""The only file that knows both flows and adapters: it builds the core over a store, and the in-process ``Engine``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import msgspec

from eachwise.adapters.channels import Nowhere, build_channels
from eachwise.adapters.clocks import SettableClock, SystemClock
from eachwise.adapters.keys import links_key
from eachwise.adapters.lock import StoreLock
from eachwise.adapters.memory import MemoryStore, WatchedStore
from eachwise.adapters.releasing import release_aside
from eachwise.adapters.search import Fts5Index
from eachwise.adapters.sqlite import SqliteStore, copy_store
from eachwise.contracts.catalog import CatalogReceipt
from eachwise.contracts.decision import (
    DecideRequest,
    DecideResponse,
    DecisionPage,
    DecisionRecord,
    Explanation,
    PersonalExplanation,
    Replay,
)
from eachwise.contracts.delivery import CALL, Channel
from eachwise.contracts.events import BatchResult, StoredRejection
from eachwise.contracts.experience import OUTBOUND_CHANNELS, Definitions
from eachwise.contracts.individual import Profile
from eachwise.contracts.ports import Clock, ImportKind, ImportProgress, Store
from eachwise.contracts.recommendation import (
    ITEMS_DEFAULT,
    RecommendRequest,
    RecommendResponse,
)
from eachwise.contracts.search import (
    SearchRequest,
    SearchResponse,
    SuggestResponse,
)
from eachwise.contracts.simulation import Simulation
from eachwise.flow.core import Core
from eachwise.flow.delivery import Outward
from eachwise.flow.drive import run
from eachwise.flow.simulate import Simulating, seeds
from eachwise.flow.templates import read_definitions
from eachwise.operations import Operations
from eachwise.settings import DeliverySettings, Settings


@contextmanager
def open_core(
    path: Path | None,
    settings: Settings,
    clock: Clock,
    *,
    lock: StoreLock | None = None,
    channels: Mapping[str, Channel] | None = None,
    memory: MemoryStore | None = None,
) -> Iterator[Core]:
    """A core over the embedded store in a directory, caught up with its log; ``None`` keeps all in ``memory``.

    On leaving, what is in memory is written and the store released. ``lock`` is the directory's lock where the
    caller holds it already. ``channels`` come beside those of the settings, and before them; they are closed at the
    end. Raises ``StoreLocked``, naming the owner, when another process has the directory.
    """
    with ExitStack() as stack:
        store: Store
        if path is None:
            store = stack.enter_context(closing(memory or MemoryStore()))
        else:
            if lock is None:
                stack.enter_context(StoreLock(path))
            store = stack.enter_context(
                closing(SqliteStore(path, project_id=settings.project_id, settings=settings.store))
            )
        executor = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="eachwise-solve"))
        core = Core(
            store=store,
            clock=clock,
            settings=settings,
            executor=executor,
            search_index=stack.enter_context(closing(Fts5Index())),
            outward=_outward(stack, path, settings, channels or {}),
        )
        run(core.open())
        dropped = False
        try:
            yield core
        except GeneratorExit:
            # Forgotten without a close: nothing is lost, the next start folds the log's tail again.
            dropped = True
            release_aside(stack.pop_all())
            raise
        finally:
            if not dropped:
                run(core.delivery.finish())
                run(core.checkpoint())


def _outward(
    stack: ExitStack, path: Path | None, settings: Settings, own: Mapping[str, Channel]
) -> Outward:
    """The channels that are configured and those of the caller, and what they need."""
    channels = {**build_channels(settings.delivery), **own}
    for channel in channels.values():
        stack.callback(channel.close)
    # Threads of their own: a channel whose receiver hangs holds up no other.
    senders = {
        name: stack.enter_context(
            ThreadPoolExecutor(settings.delivery.workers, thread_name_prefix=f"eachwise-{name}")
        )
        for name in channels
    }
    return Outward(channels=channels, senders=senders, key=links_key(path))


def simulate_journeys(
    path: Path, document: str | bytes, *, settings: Settings, days: float = 30.0, share: float = 1.0
) -> Simulation:
    """What a document's journeys would have done in the last days of a store's log; the store is only read.

    A copy of it is read, which can be made while a server writes to it. ``share``: of the people that are looked at,
    by stable hash; their events are held in memory. Raises ``StoreError``, ``InvalidInput``.
    """
    public = settings.delivery.public_url
    quiet = msgspec.structs.replace(settings, delivery=DeliverySettings(public_url=public))
    clock = SettableClock()
    with TemporaryDirectory(prefix="eachwise-simulate-") as folder, ExitStack() as stack:
        copy_store(path, Path(folder))
        source = stack.enter_context(
            closing(SqliteStore(Path(folder), project_id=settings.project_id))
        )
        store = WatchedStore()
        store.commit(seeds(source)).result()
        nowhere = {name: Nowhere(name) for name in (*OUTBOUND_CHANNELS, CALL)}
        core = stack.enter_context(open_core(None, quiet, clock, channels=nowhere, memory=store))
        simulating = Simulating(core, store=store, source=source, set_clock=clock.set, share=share)
        store.watch = simulating.watching.saw
        return run(simulating.run(document, days))


class Engine(Operations):
    """The whole loop in this process, without HTTP: events in, decisions out, learning in between.

    >>> from eachwise import Engine
    >>> with Engine.open() as engine:
    ...     _ = engine.track("u1", "Product Viewed", {"product_id": "salmon"})
    ...     engine.individual("u1").events
    1

    Calls are serialised by a lock, so threads may share an engine. Nothing is written after ``close``.
    """

    def __init__(self, core: Core, clock: Clock, close: Callable[[], None]) -> None:
        super().__init__(core, clock)
        self._close = close

    @classmethod
    def open(
        cls,
        path: str | Path | None = None,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        channels: Mapping[str, Channel] | None = None,
    ) -> Engine:
        """Open (or create) the store in a directory; without a path everything stays in memory.

        ``channels``: ways to people by name, beside those that the settings configure.
        """
        chosen_clock = clock or SystemClock()
        chosen_path = Path(path) if path is not None else None
        stack = ExitStack()
        core = stack.enter_context(
            open_core(chosen_path, settings or Settings(), chosen_clock, channels=channels)
        )
        return cls(core, chosen_clock, stack.close)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is in memory and release the store. A crash instead loses nothing that was acknowledged."""
        with self._lock:
            self._close()

    # -- events --------------------------------------------------------------------------------------------

    def send(self, events: Iterable[Mapping[str, Any]]) -> BatchResult:
        """Take events in Segment's shape (dicts as a client would put them into a batch)."""
        return self._run(self.core.ingest_raw(list(events)))

    def track(
        self,
        user_id: str | None,
        event: str,
        properties: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> BatchResult:
        """One ``track`` event; ``fields`` are Segment's: ``anonymousId``, ``timestamp``, ``messageId``, ``context``."""
        body = {
            "type": "track",
            "userId": user_id,
            "event": event,
            "properties": dict(properties or {}),
        }
        return self.send([body | fields])

    def identify(
        self, user_id: str | None, traits: Mapping[str, Any] | None = None, **fields: Any
    ) -> BatchResult:
        """One ``identify`` event."""
        return self.send(
            [{"type": "identify", "userId": user_id, "traits": dict(traits or {})} | fields]
        )

    def unmerge(self, left: str, right: str) -> dict[str, str]:
        """Declare two typed identifiers (``user:1``, ``anon:a``) to be two people; both are refolded from the log."""
        return self._run(self.core.unmerge(left, right))

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Events that were turned away, with the reasons."""
        with self._lock:
            return self.core.rejections(after, limit)

    def import_rows(
        self,
        digest: str,
        source: str,
        first_row: int,
        rows: Sequence[bytes],
        finished: bool,
        kind: ImportKind = "events",
    ) -> ImportProgress:
        """Take consecutive rows of a JSON Lines file of events or items (see ``eachwise import``)."""
        return self._run(self.core.import_rows(digest, source, first_row, rows, finished, kind))

    def import_progress(self, digest: str) -> ImportProgress:
        """How far a file, by the SHA-256 of its content, has been taken."""
        with self._lock:
            return self.core.import_progress(digest)

    # -- catalogue and definitions -------------------------------------------------------------------------

    def put_items(self, items: bytes | Iterable[Mapping[str, Any]]) -> CatalogReceipt:
        """Add or replace items: JSON Lines as bytes, or dicts."""
        body = items if isinstance(items, bytes) else msgspec.json.encode(list(items))
        return self._run(self.core.put_items(body))

    def remove_items(self, item_ids: Sequence[str]) -> CatalogReceipt:
        """Take items out of the catalogue."""
        return self._run(self.core.remove_items(item_ids))

    def define(self, document: str | bytes | Mapping[str, Any]) -> Definitions:
        """Replace placements and experiences by a YAML document (or the same as a dict)."""
        text = document if isinstance(document, str | bytes) else msgspec.json.encode(document)
        return self._run(self.core.put_definitions(read_definitions(text)))

    # -- decisions and people ------------------------------------------------------------------------------

    def decide(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        placements: Sequence[str],
        context: Mapping[str, Any] | None = None,
        count: int | None = None,
        request_id: str | None = None,
    ) -> DecideResponse:
        """The next best experience for this person, one for each placement."""
        request = DecideRequest(
            user_id=user_id,
            anonymous_id=anonymous_id,
            placements=list(placements),
            context=dict(context or {}),
            count=count,
            request_id=request_id,
        )
        return self._run(self.core.decide(request))

    def recommend(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        count: int = ITEMS_DEFAULT,
        cursor: str | None = None,
        **wishes: Any,
    ) -> RecommendResponse:
        """Items for this person, best first; ``cursor`` is that of the page before.

        ``wishes`` are the request's other fields: ``where``, ``exclude``, ``repeats``, ``popularity``, ``diversity``,
        ``calibration``, ``similar_to``, ``context``, ``individual_id``.
        """
        request = RecommendRequest(
            user_id=user_id, anonymous_id=anonymous_id, count=count, cursor=cursor, **wishes
        )
        with self._lock:
            return self.core.recommending.recommend(request)

    def search(
        self,
        query: str,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        count: int = 20,
        where: dict[str, str | list[str]] | None = None,
        cursor: str | None = None,
        individual_id: str | None = None,
    ) -> SearchResponse:
        """What answers a text, in this person's order; ``where`` filters: attribute → a value, or several."""
        request = SearchRequest(
            query=query,
            user_id=user_id,
            anonymous_id=anonymous_id,
            individual_id=individual_id,
            count=count,
            where=where or {},
            cursor=cursor,
        )
        return self._run(self.core.searching.search(request))

    def suggest(self, text: str, count: int = 8) -> SuggestResponse:
        """How a text that is being typed may go on."""
        return self._run(self.core.searching.suggest(text, count))

    def individual(self, individual_id: str) -> Profile:
        """Who this person is to us: tastes in words with their evidence, stage, engagement, orders, consent."""
        with self._lock:
            return self.core.profile(individual_id)

    def decision(self, decision_id: str) -> DecisionRecord:
        """A decision's record."""
        with self._lock:
            return self.core.decision(decision_id)

    def explain(self, decision_id: str) -> Explanation:
        """Why it was decided so, in words, and what came back."""
        with self._lock:
            return self.core.explain(decision_id)

    def explain_to_person(self, decision_id: str) -> PersonalExplanation:
        """Why it was decided so, in words for the person: from their own behaviour, and how to change it."""
        with self._lock:
            return self.core.asking.personal(decision_id)

    def why(
        self,
        individual_id: str,
        experience_id: str | None = None,
        *,
        placement_id: str | None = None,
        limit: int = 10,
        before: str | None = None,
    ) -> DecisionPage:
        """A person's newest decisions; with an experience, what became of it in each, and what it would have needed."""
        asked = self.core.asking.why(
            individual_id, experience_id, placement_id=placement_id, limit=limit, before=before
        )
        return self._run(asked)

    def replay(self, decision_id: str) -> Replay:
        """Recompute a decision from its record; says whether every figure agrees."""
        with self._lock:
            return self.core.replay(decision_id)

    # -- training and models -------------------------------------------------------------------------------
