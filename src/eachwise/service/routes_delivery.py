"""The routes of deliveries: the outbox and previews for operators, and what people's programs call."""

from __future__ import annotations

from eachwise.contracts.decision import Decided
from eachwise.contracts.delivery import MessageView, Preview, PreviewRequest
from eachwise.service import outbox, streaming, tracking
from eachwise.service.handlers import Handler
from eachwise.service.route import Method, Query, Route

_TEXT = {"type": "string"}


def _open(method: Method, path: str, handler: Handler, summary: str) -> Route:
    return Route(method=method, path=path, handler=handler, key="open", summary=summary)


def _act(name: str, handler: Handler, summary: str) -> Route:
    return Route(
        method="POST",
        path=f"/v1/outbox/{{id}}/{name}",
        handler=handler,
        key="secret",
        summary=summary,
        response=MessageView,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/outbox",
        handler=outbox.list_messages,
        key="secret",
        summary="List messages of the outbox",
        response=list[MessageView],
        query=(
            Query(
                "state", {"type": "string", "enum": list(outbox.STATES)}, "Only those of this state"
            ),
            Query("individual", _TEXT, "Only this person's, newest first; typed, like user:42"),
            Query("after", _TEXT, "List only messages after this id"),
            Query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": outbox.MESSAGES_MAX},
                "List at most so many",
            ),
        ),
    ),
    Route(
        method="GET",
        path="/v1/outbox/{id}",
        handler=outbox.show,
        key="secret",
        summary="Read one message of the outbox",
        response=MessageView,
    ),
    _act("resend", outbox.resend, "Send a message after all"),
    _act("discard", outbox.discard, "Take a message out of the outbox"),
    Route(
        method="POST",
        path="/v1/preview",
        handler=outbox.preview,
        key="secret",
        summary="Render an experience for a real individual, without sending it",
        request=PreviewRequest,
        response=Preview,
    ),
    Route(
        method="GET",
        path="/v1/stream",
        handler=streaming.stream,
        key="write",
        summary="Hear of messages for one individual as they come (server-sent events)",
        response=Decided,
        query=(
            Query("userId", _TEXT, "Whose"),
            Query("anonymousId", _TEXT, "Whose"),
            Query("individual", _TEXT, "Whose; typed, like user:42"),
            Query("writeKey", _TEXT, "The write key, where no header can carry it"),
        ),
        cors=True,
        key_in_query=True,
    ),
    _open("GET", "/t/o/{token}.gif", tracking.opened, "Count that a mail was opened"),
    _open("GET", "/t/c/{token}", tracking.clicked, "Count a click, and lead on"),
    _open("GET", "/u/{token}", tracking.unsubscribing, "Show the button that unsubscribes"),
    _open("POST", "/u/{token}", tracking.unsubscribe, "Unsubscribe with one click"),
    _open("GET", "/p/{token}", tracking.preferences, "Show what a person gets"),
    _open("POST", "/p/{token}", tracking.prefer, "Change what a person gets"),
)
