"""Entries of the outbox that are events of the engine's own: logged in the person's name, many at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from eachwise.contracts.delivery import Message
from eachwise.contracts.errors import StoreError, Unavailable
from eachwise.contracts.events import Event
from eachwise.contracts.ports import Clock
from eachwise.flow.drive import Flow
from eachwise.flow.ingest import Ingest
from eachwise.flow.reports import Reports
from eachwise.maths.decay import MICROSECONDS
from eachwise.settings import DeliverySettings

NAMELESS = "the person has no user id, anonymous id or device that an event could carry"
_log = logging.getLogger(__name__)


class Emitting:
    """Logs what a journey's steps emit and set. It needs no channel and no worker."""

    def __init__(
        self, clock: Clock, settings: DeliverySettings, ingest: Ingest, reports: Reports
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._ingest = ingest
        self._reports = reports

    def log(self, messages: Sequence[Message]) -> Flow[list[Message]]:
        """Log the events, each once: its message id is the entry's. Returns the entries as they are to be kept."""
        try:
            return (yield from self._together(messages))
        except Exception as error:
            if len(messages) == 1:
                return [after_fault(messages[0], error, self._clock.now_us(), self._settings)]
        # One that cannot be logged holds up no other.
        kept = []
        for message in messages:
            kept += yield from self.log([message])
        return kept

    def _together(self, messages: Sequence[Message]) -> Flow[list[Message]]:
        events: list[Event] = []
        kept = []
        for message in messages:
            made = self._reports.events(
                message.individual_id,
                message_id=message.message_id,
                name=str(message.body.get("event", "")),
                properties=message.body.get("properties"),
                traits=message.body.get("traits"),
            )
            events += made
            if made:
                kept.append(replace(message, state="sent", sent_at_us=self._clock.now_us()))
            else:
                kept.append(replace(message, state="dead", reason=NAMELESS))
        yield from self._ingest.ingest(events, source="outbox")
        return kept


def after_fault(
    message: Message, error: Exception, now_us: int, settings: DeliverySettings
) -> Message:
    """A message that could not be prepared. Where that is the disk's fault and not the message's, it waits as after
    a receiver that was busy; any other fault is one of ours, and it is ``dead``."""
    if isinstance(error, (StoreError, Unavailable)):
        again_us = now_us + int(settings.retry_base_s * MICROSECONDS)
        return replace(message, state="pending", due_at_us=again_us, reason=error.message)
    _log.error("message %s cannot be prepared", message.message_id, exc_info=error)
    return replace(message, state="dead", reason=f"a fault here: {error}")
