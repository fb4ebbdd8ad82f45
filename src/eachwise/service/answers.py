"""Answers as they go out: a result as JSON, or an error in the one shape that all errors have."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import msgspec

from eachwise.contracts.errors import Busy, EachwiseError, InvalidInput, Unauthorized

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_encode = msgspec.json.Encoder().encode
_RETRY_LATER = (429, 503)


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of every error. ``field`` names what to change, where that is known."""

    code: str
    message: str
    field: str = ""


class Answer(msgspec.Struct, kw_only=True):
    """What is sent back."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: Sequence[Header] = ()

    async def send(self, send: Send, more: Sequence[Header] = ()) -> None:
        """Send it, with further headers."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
            *more,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def answer(value: object) -> Answer:
    """A result as JSON; an ``Answer`` stays as it is."""
    return value if isinstance(value, Answer) else Answer(body=_encode(value))


def problem(
    status: int, code: str, message: str, *, field: str = "", headers: Sequence[Header] = ()
) -> Answer:
    """An error that no exception stands for."""
    body = _encode(Problem(code=code, message=message, field=field))
    return Answer(body=body, status=status, headers=headers)


def answer_of(error: EachwiseError) -> Answer:
    """An error of the tree: its status, its code and its words; 429 and 503 say when to come back."""
    headers: list[Header] = []
    if error.status in _RETRY_LATER:
        wait_s = error.retry_after_s if isinstance(error, Busy) else 1
        headers.append((b"retry-after", str(max(1, math.ceil(wait_s))).encode()))
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b'Bearer realm="eachwise"'))
    field = error.field if isinstance(error, InvalidInput) else ""
    return problem(error.status, error.code, error.message, field=field, headers=headers)
