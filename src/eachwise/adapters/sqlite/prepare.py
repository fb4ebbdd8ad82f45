"""From a unit of work to rows: every encoding is done here, in the thread that commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from eachwise.adapters.outbox import after_settling
from eachwise.adapters.projection import decision_of, device_of, email_of
from eachwise.adapters.retention import uses_of
from eachwise.contracts.delivery import Message
from eachwise.contracts.errors import StoreError
from eachwise.contracts.events import Event
from eachwise.contracts.journey import Instance
from eachwise.contracts.ports import Commit

EVENT_WIDTH = 9
INSTANCE_WIDTH = 13
MESSAGE_WIDTH = 10

_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Rows:
    """One unit of work as rows. Flat lists hold one row's values after another's."""

    messages: list[str] = field(default_factory=list)
    events: list[object] = field(default_factory=list)
    rejections: list[object] = field(default_factory=list)
    individuals: dict[str, bytes | None] = field(default_factory=dict)
    identities: dict[str, bytes | None] = field(default_factory=dict)
    statistics: dict[str, bytes | None] = field(default_factory=dict)
    watermark: int | None = None
    decisions: list[object] = field(default_factory=list)
    learnt: list[str] = field(default_factory=list)
    models: list[object] = field(default_factory=list)
    model_uses: dict[tuple[str, int], int] = field(default_factory=dict)
    items: list[object] = field(default_factory=list)
    catalog_version: int | None = None
    definitions: list[object] = field(default_factory=list)
    imports: list[object] = field(default_factory=list)
    journeys: list[object] = field(default_factory=list)
    # Id → the rest of its row.
    instances: dict[str, tuple[object, ...] | None] = field(default_factory=dict)
    outbox: list[object] = field(default_factory=list)
    # For each message its row, and in whose hands it must be.
    settled: list[tuple[object, ...]] = field(default_factory=list)

    def size(self) -> int:
        """About how many rows the unit is, for the bound on a transaction."""
        return (
            1
            + len(self.messages)
            + len(self.individuals)
            + len(self.instances)
            + len(self.outbox) // MESSAGE_WIDTH
            + len(self.settled)
            + len(self.items) // 4
        )


def prepare(project: str, commit: Commit) -> Rows:
    """Encode a commit. Raises ``StoreError`` for what no store can take."""
    try:
        rows = Rows(
            messages=[event.message_id for event in commit.events],
            events=_events(project, commit.events),
            individuals=dict(commit.individuals),
            identities=dict(commit.identities),
            statistics=dict(commit.statistics),
            watermark=commit.watermark,
            learnt=list(commit.learnt),
            model_uses=uses_of(commit),
            catalog_version=commit.catalog_version,
        )
        for batch in commit.rejections:
            for turned in batch.rejections:
                rows.rejections += (
                    *(project, batch.received_at_us, batch.source, turned.index),
                    *(turned.code, turned.reason, turned.body),
                )
        for record in commit.decisions:
            rows.decisions += (
                *(project, record.decision_id, record.individual_id, record.request_id),
                *(record.inputs.now_us, _encode(record)),
            )
        for model in commit.models:
            rows.models += (
                *(project, model.model, model.version),
                *(model.base, model.created_at_us, model.body),
            )
        for progress in commit.imports:
            rows.imports += (
                *(project, progress.digest, progress.next_row),
                *(progress.accepted, progress.rejected, progress.finished),
            )
        if commit.definitions is not None:
            rows.definitions += (
                *(project, commit.definitions.version),
                _encode(commit.definitions),
            )
        _add_items(rows, project, commit)
        _add_journeys(rows, project, commit)
    except (AttributeError, TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise StoreError(f"the commit cannot be encoded: {error}") from error
    return rows


def _events(project: str, events: list[Event]) -> list[object]:
    flat: list[object] = []
    extend, encode = flat.extend, _encode
    for event in events:
        extend(
            (
                project,
                event.message_id,
                event.occurred_at_us,
                event.user_id,
                event.anonymous_id,
                device_of(event) if "device" in event.context else None,
                decision_of(event) if "decision_id" in event.properties else None,
                email_of(event) if event.kind == "identify" else None,
                encode(event),
            )
        )
    return flat


def _add_items(rows: Rows, project: str, commit: Commit) -> None:
    """The last word of the commit on each item; removals after upserts."""
    if commit.catalog_version is None:
        if commit.items or commit.removed_items:
            raise StoreError("items change only under a catalog_version")
        return
    bodies: dict[str, Any] = {item.item_id: _encode(item) for item in commit.items}
    bodies.update(dict.fromkeys(commit.removed_items))
    for item_id, body in bodies.items():
        rows.items += (project, item_id, commit.catalog_version, body)


def _add_journeys(rows: Rows, project: str, commit: Commit) -> None:
    """Journeys, where people stand in them, and the outbox."""
    for journey in commit.journeys:
        rows.journeys += (project, journey.journey_id, journey.version, _encode(journey))
    for instance_id, instance in commit.instances.items():
        rows.instances[instance_id] = None if instance is None else _instance(instance)
    for message in commit.messages:
        rows.outbox += _message(project, message)
    rows.settled += [
        (*_message(project, after_settling(message)), message.claimed_by)
        for message in commit.settled
    ]


def _instance(instance: Instance) -> tuple[object, ...]:
    return (
        *(instance.individual_id, instance.journey_id, instance.version, instance.key),
        *(instance.arm, instance.status, instance.step, instance.wake_at_us),
        *(instance.entered_at_us, instance.moved_at_us, _encode(instance)),
    )


def _message(project: str, message: Message) -> tuple[object, ...]:
    return (
        *(project, message.message_id, message.individual_id, message.channel),
        *(message.state, message.due_at_us, message.claimed_by, message.claimed_until_us),
        *(message.created_at_us, _encode(message)),
    )
