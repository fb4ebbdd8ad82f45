"""Sent JSON → events, or rejections that name the field and the fix; none costs another."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Event, EventKind, Rejection
from eachwise.events.checks import Refused, check_identity, kind_of, name_of, text_id
from eachwise.events.clock import occurred_at_us, time_or_none
from eachwise.events.lenient import bounded, nesting, repair, to_json
from eachwise.events.sent import SentBatch, SentEvent
from eachwise.settings import Settings

NESTING_MAX = 64
REJECTED_BODY_BYTES_MAX = 4096

_MICROSECONDS = 1_000_000
# A key in a rejected body is nobody's to read: whatever text stands as its value, ended or not.
_WRITE_KEY = re.compile(rb'("writeKey"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.DOTALL)
_decode_event = msgspec.json.Decoder(SentEvent).decode
_decode_batch = msgspec.json.Decoder(SentBatch).decode
# The log's encodings hold 64-bit integers only: what cannot be encoded here could not be logged.
_probe = msgspec.msgpack.Encoder().encode_into
_scratch = bytearray()
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a request held: events in order, rejections, and the write key of its body, if any."""

    events: list[Event]
    rejections: list[Rejection]
    write_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the events of one request share."""

    received_at_us: int
    latest_us: int
    bytes_max: int
    new_id: Callable[[], str]
    live: bool
    sent_at_us: int | None = None
    context: dict[str, Any] | None = None


def parse_batch(
    body: object,
    *,
    received_at_us: int,
    settings: Settings,
    new_id: Callable[[], str],
    live: bool = True,
) -> Parsed:
    """Every event of a batch, from its JSON text or from plain data.

    ``live`` says that the sender's ``sentAt`` is about now, so that its clock is corrected by it.
    Raises ``InvalidInput`` where the body is no JSON, no object, or has no array ``batch``.
    """
    sent = _read_batch(body)
    request = _request(received_at_us, settings, new_id, live, sent)
    events: list[Event] = []
    rejections: list[Rejection] = []
    for index, raw in enumerate(sent.batch):
        data = bytes(raw)
        try:
            events.append(_parse(data, None, request))
        except Refused as refused:
            rejections.append(_rejection(index, refused, data))
    key = sent.write_key if isinstance(sent.write_key, str) else None
    return Parsed(events=events, rejections=rejections, write_key=key)


def parse_call(
    body: object,
    *,
    kind: EventKind,
    received_at_us: int,
    settings: Settings,
    new_id: Callable[[], str],
) -> Parsed:
    """The one event of a single call (``/v1/track`` …), whose kind is the route's.

    Raises ``InvalidInput`` where the body is no JSON or no object.
    """
    outcome = parse_event(
        body, kind=kind, received_at_us=received_at_us, settings=settings, new_id=new_id
    )
    if isinstance(outcome, Event):
        return Parsed(events=[outcome], rejections=[])
    if outcome.code in ("invalid_json", "not_an_object"):
        raise InvalidInput(outcome.reason, code=outcome.code)
    return Parsed(events=[], rejections=[outcome])


def parse_event(
    raw: object,
    *,
    index: int = 0,
    kind: EventKind | None = None,
    received_at_us: int,
    settings: Settings,
    new_id: Callable[[], str],
    live: bool = True,
) -> Event | Rejection:
    """One event from its JSON text (a line of a file, say) or from plain data.

    ``kind`` None: the event's own ``type``. Imports pass ``live=False``: their ``sentAt`` is
    history, and corrects the clock only beside the ``receivedAt`` of the server that noted it.
    """
    request = _request(received_at_us, settings, new_id, live, None)
    data = b""
    try:
        data = _text_of(raw)
        return _parse(data, kind, request)
    except Refused as refused:
        return _rejection(index, refused, data)


def _request(
    received_at_us: int,
    settings: Settings,
    new_id: Callable[[], str],
    live: bool,
    batch: SentBatch | None,
) -> _Request:
    context, context_bytes = _shared_context(batch.context) if batch else (None, 0)
    return _Request(
        received_at_us=received_at_us,
        latest_us=received_at_us + settings.events.future_tolerance_s * _MICROSECONDS,
        bytes_max=settings.api.event_bytes_max - context_bytes,
        new_id=new_id,
        live=live,
        sent_at_us=time_or_none(batch.sent_at) if batch else None,
        context=context,
    )


def _shared_context(sent: object) -> tuple[dict[str, Any] | None, int]:
    """A batch's context and its size: logged with every event, it counts in every event's size."""
    if not isinstance(sent, dict) or not sent:
        return None, 0
    if nesting(sent) > NESTING_MAX:
        raise InvalidInput(
            f"`context` is nested deeper than {NESTING_MAX}; flatten it",
            field="context",
            code="invalid_field",
        )
    context: dict[str, Any] = bounded(sent)
    return context, len(msgspec.json.encode(context))


def _text_of(body: object) -> bytes:
    try:
        return to_json(body)
    except ValueError as error:
        raise Refused("invalid_json", f"the event cannot be written as JSON: {error}") from None


def _read_batch(body: object) -> SentBatch:
    try:
        data = to_json(body)
        try:
            return _decode_batch(data)
        except _UNREADABLE:
            return _decode_batch(repair(data))
    except msgspec.ValidationError as error:
        if "`$.batch`" in str(error) or "`batch`" in str(error):
            raise InvalidInput(
                "the body needs an array of events under `batch`",
                field="batch",
                code="missing_batch",
            ) from None
        raise InvalidInput(
            "the body must be an object with an array `batch`", code="not_an_object"
        ) from None
    except _UNREADABLE as error:
        raise InvalidInput(f"the body is not JSON: {error}", code="invalid_json") from None


def _rejection(index: int, refused: Refused, data: bytes) -> Rejection:
    kept = _WRITE_KEY.sub(rb'\1"redacted"', data)
    body = kept[:REJECTED_BODY_BYTES_MAX]
    if len(body) < len(kept):  # never cut inside a character
        body = body.decode("utf-8", "ignore").encode()
    return Rejection(index=index, code=refused.code, reason=refused.reason, body=body)


def _parse(data: bytes, kind: EventKind | None, request: _Request) -> Event:
    if len(data) > request.bytes_max:
        most = (
            f"{request.bytes_max} beside the batch's context"
            if request.context
            else request.bytes_max
        )
        raise Refused("event_too_large", f"the event has {len(data)} bytes; send at most {most}")
    try:
        sent = _decode_event(data)
        _probe((sent.properties, sent.traits, sent.context), _scratch)
    except _UNREADABLE:
        sent = _read_slowly(data)
    if data.count(b"{") + data.count(b"[") > NESTING_MAX:
        _check_nesting(sent)
    if kind is None:
        kind = kind_of(sent.type)
    user_id = None if sent.user_id is None else text_id("userId", sent.user_id)
    anonymous_id = None if sent.anonymous_id is None else text_id("anonymousId", sent.anonymous_id)
    previous_id = None if sent.previous_id is None else text_id("previousId", sent.previous_id)
    group_id = None if sent.group_id is None else text_id("groupId", sent.group_id)
    message_id = None if sent.message_id is None else text_id("messageId", sent.message_id)
    if kind == "alias" and previous_id is None:
        previous_id = anonymous_id
    check_identity(kind, user_id, anonymous_id, previous_id, group_id)
    context = sent.context or {}
    if request.context is not None:
        context = {**request.context, **context}
    time_us = occurred_at_us(
        sent,
        received_at_us=request.received_at_us,
        sent_at_us=request.sent_at_us,
        live=request.live,
    )
    clamped = time_us > request.latest_us
    return Event(
        message_id=message_id or request.new_id(),
        kind=kind,
        occurred_at_us=request.received_at_us if clamped else time_us,
        received_at_us=request.received_at_us,
        name=name_of(kind, sent),
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        group_id=group_id,
        clamped=clamped,
        properties=_properties_of(kind, sent),
        traits=_traits_of(kind, sent),
        context=context,
    )


def _read_slowly(data: bytes) -> SentEvent:
    """Read what the fast path could not: repaired JSON, empty arrays for objects; or refuse it."""
    try:
        value = msgspec.json.decode(repair(data))
    except _UNREADABLE as error:
        raise Refused("invalid_json", f"the event is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused("not_an_object", "an event must be a JSON object")
    try:
        for name in ("properties", "traits", "context"):
            # PHP writes an empty object as an empty array.
            value[name] = bounded(value.get(name)) if value.get(name) != [] else None
        return msgspec.convert(value, SentEvent)
    except msgspec.ValidationError as error:
        reason = str(error).replace("`$.", "`").replace(" - at ", ": change ")
        raise Refused("invalid_field", reason) from None
    except RecursionError:
        raise Refused("invalid_field", "the event is nested too deep; flatten it") from None


def _check_nesting(sent: SentEvent) -> None:
    for name in ("properties", "traits", "context"):
        if nesting(getattr(sent, name)) > NESTING_MAX:
            raise Refused(
                "invalid_field", f"`{name}` is nested deeper than {NESTING_MAX}; flatten it"
            )


def _properties_of(kind: EventKind, sent: SentEvent) -> dict[str, Any]:
    properties = sent.properties or {}
    if kind in ("page", "screen") and isinstance(sent.category, str) and sent.category:
        return {"category": sent.category, **properties}
    return properties


def _traits_of(kind: EventKind, sent: SentEvent) -> dict[str, Any]:
    """An event's traits; RudderStack's clients put those of an identify into its context."""
    traits = sent.traits or {}
    if kind == "identify" and sent.context is not None:
        inner = sent.context.get("traits")
        if isinstance(inner, dict) and inner:
            return {**inner, **traits}
    return traits
