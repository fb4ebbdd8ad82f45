"""The ports: what the shell needs of the outside world. A port names no adapter.

Every write goes through :meth:`Store.commit`: one unit of work, one transaction, all or nothing. Stages and flows
return what should be written; nothing else writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Literal, Protocol

import msgspec

from eachwise.contracts.catalog import Item
from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.delivery import Message, MessageState
from eachwise.contracts.events import (
    EARLIEST_US,
    LATEST_US,
    Event,
    LoggedEvent,
    Rejection,
    StoredRejection,
)
from eachwise.contracts.experience import Definitions
from eachwise.contracts.journey import Instance, Journey, Status
from eachwise.contracts.learning import ModelVersion


class Clock(Protocol):
    """Tells the time. Tests and simulated worlds set it."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        ...


class Login(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A moment at which a device (or anonymous id) was seen in the hands of a known identifier."""

    occurred_at_us: int
    message_id: str
    identifier: str


class NewRejections(msgspec.Struct, frozen=True, kw_only=True):
    """Rejections to be kept, with where they came from (``api``, or an import's file name)."""

    source: str
    received_at_us: int
    rejections: list[Rejection]


# What the rows of an imported file are: each an event, an item of the catalogue, or an exposure of another system.
ImportKind = Literal["events", "items", "exposures"]


class ImportProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file has been taken: the next row to read. ``digest`` is the SHA-256 of its content."""

    digest: str
    next_row: int
    accepted: int
    rejected: int
    finished: bool = False


class StoredIndividual(msgspec.Struct, frozen=True, array_like=True):
    """One stored state (msgpack), with the number that a scan goes on after."""

    number: int
    individual_id: str
    state: bytes


class MadeDecision(msgspec.Struct, frozen=True, array_like=True):
    """That a decision was made: its id, for whom, and when; the record is read by its id."""

    decision_id: str
    individual_id: str
    at_us: int


class StoredVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A model version as it is listed: what it is, and how many bytes its body has."""

    model: str
    version: int
    base: int
    created_at_us: int
    size_bytes: int


class InstanceCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many instances of a journey stand alike."""

    version: int
    arm: str
    status: Status
    step: str
    count: int


class Commit(msgspec.Struct, kw_only=True):
    """One unit of work. All of it becomes durable together, or none.

    events:       appended unless their message id is already in the log (see ``Committed.sequences``)
    individuals:  individual id → msgpack of the state; ``None`` deletes
    identities:   identifier → msgpack of what is known of it; ``None`` deletes
    watermark:    every event up to this sequence is folded into the stored individuals
    decisions:    records to append
    learnt:       decision ids whose outcome the learner has taken in
    models:       versions to publish
    model_uses:   (model, version) pairs that a decision of this commit refers to: kept while it is retained
    items:        upserts, and ``removed_items`` deletions, under ``catalog_version``
    definitions:  the whole new set of experiences and placements
    statistics:   name → msgpack of a mergeable statistic (population, transitions); ``None`` deletes
    journeys:     versions to keep; the last word on a version holds
    instances:    instance id → where somebody stands in a journey; ``None`` deletes
    messages:     put into the outbox unless their message id is there already
    settled:      messages as they are to stand from now on, each whole, after ``messages``. One is taken
                  (``Committed.settled``) if the store has it in the same hands (``claimed_by``, "" for nobody's) and it
                  is open; one held, dead or discarded can only be made pending or discarded, one sent or picked up
                  nothing. So a worker whose lease another has taken over is refused. Kept as pending, a message is
                  nobody's: its claim is over
    """

    events: list[Event] = []
    rejections: list[NewRejections] = []
    individuals: dict[str, bytes | None] = {}
    identities: dict[str, bytes | None] = {}
    watermark: int | None = None
    decisions: list[DecisionRecord] = []
    learnt: list[str] = []
    models: list[ModelVersion] = []
    model_uses: list[tuple[str, int]] = []
    items: list[Item] = []
    removed_items: list[str] = []
    catalog_version: int | None = None
    definitions: Definitions | None = None
    statistics: dict[str, bytes | None] = {}
    imports: list[ImportProgress] = []
    journeys: list[Journey] = []
    instances: dict[str, Instance | None] = {}
    messages: list[Message] = []
    settled: list[Message] = []


class Committed(msgspec.Struct, frozen=True):
    """What became of a commit: for each event its sequence in the log, or None where it was a duplicate.

    ``settled``: for each message of the commit's ``settled`` whether it was taken.
    """

    sequences: list[int | None] = []
    settled: list[bool] = []


class Store(Protocol):
    """The durable memory of one project. Reads see everything committed before them.

    Times are microseconds, sequences ascend. Any method may raise ``StoreError``; ``commit``'s future does too.
    """

    def commit(self, commit: Commit) -> Future[Committed]:
        """Write one unit of work; the future is done when it is on disk. Commits are applied in call order."""
        ...

    def pending(self) -> int:
        """How many events wait to be written: the measure for back-pressure."""
        ...

    def watermark(self) -> int:
        """The last sequence folded into the stored individuals (0 at first)."""
        ...

    def individual(self, individual_id: str) -> bytes | None:
        """The stored state, or None."""
        ...

    def individual_ids(self, after: str = "", limit: int = 1000) -> list[str]:
        """Stored individuals' ids in ascending order, after the given one."""
        ...

    def individuals(self, after: int = 0, limit: int = 1000) -> list[StoredIndividual]:
        """Stored individuals by their numbers, ascending, after one: a scan in the order in which they lie.

        A scan meets everyone once who was stored when it began and still is; who comes meanwhile may be met or not.
        """
        ...

    def identity(self, identifier: str) -> bytes | None:
        """What is stored of an identifier, or None."""
        ...

    def events_after(self, sequence: int, limit: int) -> list[LoggedEvent]:
        """The log in sequence order, after ``sequence``."""
        ...

    def events_of(
        self,
        *,
        user_ids: Iterable[str] = (),
        anonymous_ids: Iterable[str] = (),
        device_ids: Iterable[str] = (),
        after_us: int = EARLIEST_US,
        until_us: int = LATEST_US,
    ) -> Iterator[LoggedEvent]:
        """Events sent with any of these ids that happened in (after, until], each once, ordered by (occurred_at,
        message_id).
        """
        ...

    def logins_on(
        self, *, anonymous_id: str | None = None, device_id: str | None = None
    ) -> list[Login]:
        """Every event that carried this device-like id *and* a user id (or an e-mail), as logins in time order.

        The identifier is ``user:ID``, or ``email:ADDRESS`` for an identify without user id.
        """
        ...

    def event(self, message_id: str) -> LoggedEvent | None:
        """The durable version of a message, or None."""
        ...

    def outcomes_of(self, decision_id: str) -> list[LoggedEvent]:
        """Events that name this decision, in time order."""
        ...

    def decision(self, decision_id: str) -> DecisionRecord | None:
        """The record of one decision."""
        ...

    def decisions_of_request(self, individual_id: str, request_id: str) -> list[DecisionRecord]:
        """The decisions already made for this request id, in the order they were made."""
        ...

    def decisions_of(
        self, individual_id: str, limit: int = 50, before: str | None = None
    ) -> list[DecisionRecord]:
        """An individual's newest decisions, newest first; with ``before`` only those older than that decision.

        Older is by time, then by the order of the commits. Before a decision that is not there, there is nothing.
        """
        ...

    def unlearnt_decisions(self, since_us: int) -> Iterator[DecisionRecord]:
        """Decisions made since then whose outcome the learner has not taken in yet, oldest first."""
        ...

    def decisions_between(self, since_us: int, until_us: int) -> Iterator[MadeDecision]:
        """Which decisions were made in [since, until), oldest first; read a page at a time."""
        ...

    def model(self, model: str, version: int | None = None) -> ModelVersion | None:
        """One version of a model (None: the newest)."""
        ...

    def model_versions(self, model: str, limit: int = 1000) -> list[StoredVersion]:
        """The newest versions of a model without their bodies, newest first."""
        ...

    def models_since(self, model: str, base: int, version: int) -> list[ModelVersion]:
        """Versions of a model with base < version number ≤ ``version``, ascending: the deltas to apply."""
        ...

    def catalog(self, version: int | None = None) -> tuple[int, list[Item]]:
        """The catalogue as it stood at a version (None: the newest), and that version; items by id."""
        ...

    def definitions(self, version: int | None = None) -> Definitions | None:
        """Experiences and placements at a version (None: the newest)."""
        ...

    def statistic(self, name: str) -> bytes | None:
        """A stored mergeable statistic."""
        ...

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Rejected events in order of receipt."""
        ...

    def import_progress(self, digest: str) -> ImportProgress | None:
        """How far a file was taken, or None."""
        ...

    def journeys(self) -> list[Journey]:
        """Every version of every journey, by id and version."""
        ...

    def instance(self, instance_id: str) -> Instance | None:
        """One instance, or None."""
        ...

    def instances_of(
        self, individual_id: str, *, live: bool = False, journey_id: str | None = None
    ) -> list[Instance]:
        """A person's instances, or only those that are live, or of one journey, by (entered_at_us, instance_id).

        To ask for the live ones costs nothing for all that ended.
        """
        ...

    def instances_due(self, now_us: int, limit: int) -> list[Instance]:
        """Live instances whose timer is due (0 < wake_at_us ≤ now), by (wake_at_us, instance_id)."""
        ...

    def next_wake_us(self) -> int | None:
        """When the next timer of a live instance is due, or None."""
        ...

    def instances_at(
        self,
        journey_id: str,
        *,
        status: Status | None = None,
        step: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Instance]:
        """Instances of a journey by instance id, after one; only those of this status, at this step."""
        ...

    def instance_counts(self, journey_id: str) -> list[InstanceCount]:
        """How many instances of a journey stand where (step: of live ones, else "")."""
        ...

    def claim_messages(
        self, worker: str, now_us: int, until_us: int, limit: int, channels: Iterable[str] = ()
    ) -> Future[list[Message]]:
        """Hold for a worker, until a time, messages that are pending and due, or claimed by one whose time is over.

        By (due_at_us, message_id); of ``channels`` where some are named. Each goes to one worker only; what is
        ``sending`` is never claimed. The future is done when the claim is durable.
        """
        ...

    def message(self, message_id: str) -> Message | None:
        """One message of the outbox, or None."""
        ...

    def messages(
        self, state: MessageState | None = None, after: str = "", limit: int = 100
    ) -> list[Message]:
        """Messages by id, after one; of one state where it is named."""
        ...

    def messages_of(self, individual_id: str, limit: int = 100) -> list[Message]:
        """A person's newest messages, newest first (created_at_us, then message id)."""
        ...

    def open_messages(self) -> Iterator[Message]:
        """Every message that is neither settled nor given up (``contracts.delivery.OPEN``), by id."""
        ...

    def counts(self) -> dict[str, int]:
        """How many of each the store holds: events, rejections, individuals, decisions, items.

        Of instances those that are live (``journey_instances``), of messages those that are open (``messages_open``).
        """
        ...

    def prune(self, *, decided_before_us: int, spare: Mapping[str, int] | None = None) -> int:
        """Drop decisions older than that, and model versions no kept decision refers to; returns decisions dropped.

        The newest version of a model stays, and of a model in ``spare`` so many of the newest. Instances that ended
        and messages that were made before that time go too, but not the newest ended instance of a person, journey and
        key, nor a person's first of a journey, nor a message that is open.
        """
        ...

    def close(self) -> None:
        """Finish what is queued, then release the store."""
        ...
