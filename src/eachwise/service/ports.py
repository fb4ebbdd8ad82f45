"""What the API needs of the engine: the methods of ``flow.core.Core`` that its routes call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from eachwise.contracts.catalog import CatalogReceipt, Item
from eachwise.contracts.decision import (
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Explanation,
    Replay,
)
from eachwise.contracts.events import BatchResult, Event, Rejection, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.individual import Profile
from eachwise.contracts.ports import ImportProgress
from eachwise.flow.drive import Flow


class Core(Protocol):
    """The engine. A ``Flow`` is driven on the event loop; everything else answers at once."""

    def now_us(self) -> int:
        """The engine's clock."""
        ...

    def new_id(self) -> str:
        """A message id for an event that came without one."""
        ...

    def tick(self) -> Flow[None]:
        """Do what is due."""
        ...

    def ingest(
        self, events: Sequence[Event], rejections: Sequence[Rejection] = (), source: str = "api"
    ) -> Flow[BatchResult]:
        """Make events durable and fold them; keep the rejections."""
        ...

    def import_rows(
        self, digest: str, source: str, first_row: int, rows: Sequence[bytes], finished: bool
    ) -> Flow[ImportProgress]:
        """Take consecutive rows of a file."""
        ...

    def import_progress(self, digest: str) -> ImportProgress:
        """How far a file was taken."""
        ...

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Rejected events in order of receipt."""
        ...

    def decide(self, request: DecideRequest) -> Flow[DecideResponse]:
        """The next best experience."""
        ...

    def decision(self, decision_id: str) -> DecisionRecord:
        """One decision's record."""
        ...

    def explain(self, decision_id: str) -> Explanation:
        """One decision in words."""
        ...

    def replay(self, decision_id: str) -> Replay:
        """One decision recomputed."""
        ...

    def profile(self, individual_id: str) -> Profile:
        """One individual."""
        ...

    def unmerge(self, left: str, right: str) -> Flow[dict[str, str]]:
        """Declare two identifiers to be two people."""
        ...

    def put_items(self, body: bytes) -> Flow[CatalogReceipt]:
        """Add or replace items."""
        ...

    def remove_items(self, item_ids: Sequence[str]) -> Flow[CatalogReceipt]:
        """Remove items."""
        ...

    def item(self, item_id: str) -> Item:
        """One item."""
        ...

    def definitions(self) -> Definitions:
        """The experiences and placements in use."""
        ...

    def put_experiences(self, raw: object) -> Flow[Definitions]:
        """Replace all experiences."""
        ...

    def put_placements(self, raw: object) -> Flow[Definitions]:
        """Replace all placements."""
        ...

    def put_definitions(self, definitions: Definitions) -> Flow[Definitions]:
        """Replace both together."""
        ...

    def status(self) -> dict[str, Any]:
        """Counts and versions."""
        ...
