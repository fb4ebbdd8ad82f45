"""What the API needs of the engine: the methods of ``flow.core.Core`` that its routes call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from eachwise.contracts.audience import Audience, AudienceRequest
from eachwise.contracts.batch import Batch, BatchPage, BatchRequest
from eachwise.contracts.catalog import CatalogReceipt, Item
from eachwise.contracts.decision import (
    BudgetView,
    DecideRequest,
    DecideResponse,
    DecisionPage,
    DecisionRecord,
    Explanation,
    PersonalExplanation,
    Replay,
)
from eachwise.contracts.events import BatchResult, Event, Rejection, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.individual import Profile
from eachwise.contracts.journey import EnterRequest, InstanceView, JourneyView, Status
from eachwise.contracts.measurement import Estimate, EstimateRequest, LifetimeView
from eachwise.contracts.ports import ImportKind, ImportProgress
from eachwise.contracts.recommendation import RecommendRequest, RecommendResponse
from eachwise.contracts.relations import JourneyEffect, StageHistory, StageReport
from eachwise.contracts.search import SearchRequest, SearchResponse, SuggestResponse
from eachwise.contracts.training import InteractionPage, ModelView, Sender, Tenure, Upload
from eachwise.flow.consents import Consents
from eachwise.flow.disown import NotMe
from eachwise.flow.drive import Flow
from eachwise.service.ports_delivery import Delivering


class Asking(Protocol):
    """What became of decisions, and why."""

    def why(
        self,
        individual_id: str,
        experience_id: str | None = None,
        *,
        placement_id: str | None = None,
        limit: int = 10,
        before: str | None = None,
    ) -> Flow[DecisionPage]:
        """A person's newest decisions, and what became of one experience in each."""
        ...

    def personal(self, decision_id: str) -> PersonalExplanation:
        """One decision in words for the person."""
        ...


class Batching(Protocol):
    """Decisions for everybody."""

    def begin(self, request: BatchRequest) -> Flow[Batch]:
        """The batch of this id."""
        ...

    def page(self, batch_id: str, after: int, limit: int) -> Flow[BatchPage]:
        """Decisions for the next people."""
        ...


class Budgets(Protocol):
    """What all people together may use."""

    def report(self) -> list[BudgetView]:
        """Every budget, what is used of it, and what one more unit would be worth."""
        ...


class Catalogue(Protocol):
    """The catalogue, read only."""

    def items(self, after: str, limit: int) -> list[Item]:
        """Items in order of their ids, after one."""
        ...


class Extracting(Protocol):
    """What training reads."""

    def page(self, after: int, limit: int) -> Flow[InteractionPage]:
        """Engagements after a sequence of the log."""
        ...

    def owners(self, senders: Sequence[Sender]) -> Flow[list[list[Tenure]]]:
        """Whose the events of some senders are."""
        ...


class Lifetime(Protocol):
    """What experiences change in lifetime value."""

    def view(self) -> LifetimeView:
        """What is known of it."""
        ...

    def work_out(self) -> Flow[LifetimeView]:
        """Work it out now."""
        ...


class Relations(Protocol):
    """How relationships move."""

    def stages_of(self, individual_id: str) -> Flow[StageHistory]:
        """A person's stages."""
        ...

    def stages(
        self, since: str | None = None, until: str | None = None, period: str = "week"
    ) -> Flow[StageReport]:
        """Everybody's stages, period by period."""
        ...

    def journey_effect(self, journey_id: str) -> Flow[JourneyEffect]:
        """What a journey changed."""
        ...


class Estimating(Protocol):
    """What other policies would have earned."""

    def estimate(self, request: EstimateRequest) -> Flow[Estimate]:
        """An estimate, or a refusal."""
        ...


class Recommending(Protocol):
    """Items for a person."""

    def recommend(self, request: RecommendRequest) -> RecommendResponse:
        """The next page of items."""
        ...


class Trained(Protocol):
    """Trained models and every model's versions."""

    def upload(self, digest: str, total: int, offset: int, part: bytes) -> Flow[Upload]:
        """Take a part of a body."""
        ...

    def read(self, version: int) -> Flow[bytes]:
        """A version's body."""
        ...

    def views(self, limit: int) -> list[ModelView]:
        """The newest versions of every model."""
        ...

    def view(self, name: str, version: int) -> ModelView:
        """One version with its report."""
        ...


class Audiences(Protocol):
    """For whom an item matters."""

    def find(self, request: AudienceRequest) -> Flow[Audience]:
        """The individuals, best first."""
        ...


class Searching(Protocol):
    """Items that answer a text."""

    def search(self, request: SearchRequest) -> Flow[SearchResponse]:
        """The next page of them."""
        ...

    def suggest(self, text: str, count: int) -> Flow[SuggestResponse]:
        """How a text may go on."""
        ...


class Journeys(Protocol):
    """The journeys in use."""

    def views(self) -> list[JourneyView]:
        """Every journey with its counts."""
        ...

    def view(self, journey_id: str) -> JourneyView:
        """One of them."""
        ...

    def people(
        self, journey_id: str, *, step: str | None, status: Status | None, after: str, limit: int
    ) -> list[InstanceView]:
        """Who stands where."""
        ...


class Programme(Protocol):
    """Everything that goes on over time."""

    def on_noticed(self, wake: Callable[[], None]) -> None:
        """Call this whenever there is something to take in."""
        ...

    @property
    def journeys(self) -> Journeys:
        """The journeys in use."""
        ...

    def put(self, document: str | bytes) -> Flow[list[JourneyView]]:
        """Take journeys in."""
        ...

    def begin(self, journey_id: str, request: EnterRequest) -> Flow[InstanceView]:
        """Begin a journey for one person."""
        ...

    def of_person(self, individual_id: str) -> list[InstanceView]:
        """Where a person stands in journeys."""
        ...


class Core(Delivering, Protocol):
    """The engine. A ``Flow`` is driven on the event loop; everything else answers at once."""

    @property
    def asking(self) -> Asking:
        """What became of decisions, and why."""
        ...

    @property
    def batching(self) -> Batching:
        """Decisions for everybody."""
        ...

    @property
    def budgets(self) -> Budgets:
        """What all people together may use."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue."""
        ...

    @property
    def extracting(self) -> Extracting:
        """What training reads."""
        ...

    @property
    def lifetime(self) -> Lifetime:
        """What experiences change in lifetime value."""
        ...

    @property
    def relations(self) -> Relations:
        """How relationships move."""
        ...

    @property
    def consents(self) -> Consents:
        """What people said about being reached."""
        ...

    @property
    def estimating(self) -> Estimating:
        """What other policies would have earned."""
        ...

    @property
    def programme(self) -> Programme:
        """Everything that goes on over time."""
        ...

    @property
    def recommending(self) -> Recommending:
        """Items for a person."""
        ...

    @property
    def audiences(self) -> Audiences:
        """For whom an item matters."""
        ...

    @property
    def searching(self) -> Searching:
        """Items that answer a text."""
        ...

    @property
    def trained(self) -> Trained:
        """Model versions."""
        ...

    def rollback(self, name: str, to: int) -> Flow[ModelView]:
        """Publish an older version of a model once more."""
        ...

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
        self,
        digest: str,
        source: str,
        first_row: int,
        rows: Sequence[bytes],
        finished: bool,
        kind: ImportKind = "events",
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

    def not_me(self, individual_id: str, which: NotMe) -> Flow[Profile]:
        """Take events that were somebody else's out of a person's taste."""
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
