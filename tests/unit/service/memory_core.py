"""A small core that keeps what it is given in memory, for tests of the API alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, TypeVar

import msgspec

from eachwise.adapters.clocks import SettableClock
from eachwise.bootstrap import open_core
from eachwise.catalog import experiences_from, placements_from
from eachwise.contracts.catalog import CatalogReceipt, Item
from eachwise.contracts.decision import (
    Decided,
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Explanation,
    Replay,
)
from eachwise.contracts.errors import CannotReplay, InvalidInput, NotFound
from eachwise.contracts.events import BatchResult, Event, RejectedEvent, Rejection, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.individual import Profile
from eachwise.contracts.ports import ImportKind, ImportProgress
from eachwise.flow.drive import Flow
from eachwise.settings import Settings

NOW_US = 1_714_566_896_000_000

R = TypeVar("R")


def soon(value: R) -> Flow[R]:
    """A flow that waits once."""
    done: Future[None] = Future()
    done.set_result(None)
    yield done
    return value


class MemoryCore:
    """Answers as the engine does; ``failure`` is raised by every call that is driven."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rejected: list[Rejection] = []
        self.rows: list[bytes] = []
        self.items: dict[str, Item] = {}
        self.defined = Definitions()
        self.failure: Exception | None = None
        self.ticks = 0
        # What only passes through the API is the engine's own, over an empty store.
        self._stack = ExitStack()
        whole = self._stack.enter_context(open_core(None, Settings(), SettableClock(NOW_US)))
        self.catalogue = whole.catalogue
        self.extracting = whole.extracting
        self.trained = whole.trained
        self.audiences = whole.audiences
        self.recommending = whole.recommending
        self.searching = whole.searching
        self.not_me = whole.not_me
        self.rollback = whole.rollback
        self.batching = whole.batching
        self.budgets = whole.budgets
        self.estimating = whole.estimating
        self.lifetime = whole.lifetime
        self.relations = whole.relations
        self.consents = whole.consents
        self.asking = whole.asking
        self.programme = whole.programme
        self.delivery = whole.delivery
        self._tick = asyncio.Event()

    def close(self) -> None:
        """Release the engine; one that is collected instead may wait for a thread that is just starting."""
        self._stack.close()

    def now_us(self) -> int:
        return NOW_US

    def new_id(self) -> str:
        return f"new-{len(self.events)}"

    async def ticked(self, times: int) -> None:
        """Wait for that many ticks."""
        for _ in range(times):
            self._tick.clear()
            await self._tick.wait()

    def tick(self) -> Flow[None]:
        self.ticks += 1
        self._tick.set()
        return self._flow(None)

    def _flow(self, value: R) -> Flow[R]:
        if self.failure is not None:
            raise self.failure
        return soon(value)

    def ingest(
        self, events: Sequence[Event], rejections: Sequence[Rejection] = (), source: str = "api"
    ) -> Flow[BatchResult]:
        self.events += events
        self.rejected += rejections
        rejected = [RejectedEvent(one.index, one.code, one.reason) for one in rejections]
        return self._flow(BatchResult(success=True, accepted=len(events), rejected=rejected))

    def import_rows(
        self,
        digest: str,
        source: str,
        first_row: int,
        rows: Sequence[bytes],
        finished: bool,
        kind: ImportKind = "events",
    ) -> Flow[ImportProgress]:
        self.rows += rows
        return self._flow(
            ImportProgress(
                digest=digest,
                next_row=first_row + len(rows),
                accepted=0,
                rejected=0,
                finished=finished,
            )
        )

    def import_progress(self, digest: str) -> ImportProgress:
        return ImportProgress(digest=digest, next_row=len(self.rows), accepted=0, rejected=0)

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        return [
            StoredRejection(
                number=number,
                received_at_us=NOW_US,
                source="api",
                index=one.index,
                code=one.code,
                reason=one.reason,
                body=one.body.decode(),
            )
            for number, one in enumerate(self.rejected, start=1)
            if number > after
        ][:limit]

    def decide(self, request: DecideRequest) -> Flow[DecideResponse]:
        if not (request.user_id or request.anonymous_id or request.individual_id):
            raise InvalidInput(
                "one of userId, anonymousId or individual_id is required", field="userId"
            )
        decisions = [
            Decided(
                decision_id=f"d-{name}", placement_id=name, experience_id="silence", probability=1.0
            )
            for name in request.placements
        ]
        return self._flow(
            DecideResponse(individual_id=f"user:{request.user_id}", decisions=decisions)
        )

    def decision(self, decision_id: str) -> DecisionRecord:
        raise NotFound(f"no decision {decision_id!r}")

    def explain(self, decision_id: str) -> Explanation:
        raise NotFound(f"no decision {decision_id!r}")

    def replay(self, decision_id: str) -> Replay:
        raise CannotReplay("version 3 of model 'taste' is no longer kept")

    def profile(self, individual_id: str) -> Profile:
        raise NotFound(f"no individual {individual_id!r}")

    def unmerge(self, left: str, right: str) -> Flow[dict[str, str]]:
        return self._flow({"left": left, "right": right})

    def put_items(self, body: bytes) -> Flow[CatalogReceipt]:
        for number, _ in enumerate(body.splitlines()):
            self.items[f"i{number}"] = Item(item_id=f"i{number}")
        return self._flow(CatalogReceipt(success=True, accepted=len(self.items), version=1))

    def remove_items(self, item_ids: Sequence[str]) -> Flow[CatalogReceipt]:
        known = [one for one in item_ids if self.items.pop(one, None)]
        return self._flow(CatalogReceipt(success=bool(known), accepted=len(known), version=2))

    def item(self, item_id: str) -> Item:
        if item_id not in self.items:
            raise NotFound(f"no item {item_id!r}")
        return self.items[item_id]

    def definitions(self) -> Definitions:
        return self.defined

    def put_experiences(self, raw: object) -> Flow[Definitions]:
        known = self.defined.placements
        experiences = experiences_from(raw, known_placements=known)
        return self.put_definitions(Definitions(placements=known, experiences=experiences))

    def put_placements(self, raw: object) -> Flow[Definitions]:
        placements, experiences = placements_from(raw), self.defined.experiences
        return self.put_definitions(Definitions(placements=placements, experiences=experiences))

    def put_definitions(self, definitions: Definitions) -> Flow[Definitions]:
        self.defined = msgspec.structs.replace(definitions, version=self.defined.version + 1)
        return self._flow(self.defined)

    def status(self) -> dict[str, Any]:
        return {"counts": {"events": len(self.events)}}
