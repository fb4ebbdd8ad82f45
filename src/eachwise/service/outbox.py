"""The outbox over HTTP: handlers of its routes, and of previews."""

from __future__ import annotations

from typing import get_args

import msgspec

from eachwise.contracts.delivery import MessageState, MessageView, Preview, PreviewRequest
from eachwise.contracts.errors import InvalidInput
from eachwise.flow.drive import arun
from eachwise.service.call import Call
from eachwise.service.handlers import decoded

MESSAGES_MAX = 1000
STATES: tuple[MessageState, ...] = get_args(MessageState)

_preview_request = msgspec.json.Decoder(PreviewRequest)


async def list_messages(call: Call) -> list[MessageView]:
    """Messages by id; of a person the newest first."""
    return call.core.delivery.outbox.list(
        _state(call.text("state")),
        call.text("individual"),
        call.text("after"),
        call.integer("limit", 100, low=1, high=MESSAGES_MAX),
    )


async def show(call: Call) -> MessageView:
    """One message."""
    return call.core.delivery.outbox.show(call.path("id"))


async def resend(call: Call) -> MessageView:
    """Have a message sent after all."""
    return await arun(call.core.delivery.outbox.resend(call.path("id")))


async def discard(call: Call) -> MessageView:
    """Take a message out."""
    return await arun(call.core.delivery.outbox.discard(call.path("id")))


async def preview(call: Call) -> Preview:
    """What a real person would get now."""
    return call.core.delivery.letters.preview(decoded(await call.body(), _preview_request))


def _state(sent: str) -> MessageState | None:
    if not sent:
        return None
    for state in STATES:
        if state == sent:
            return state
    raise InvalidInput(f"state must be {' or '.join(STATES)}, not {sent[:30]!r}", field="state")
