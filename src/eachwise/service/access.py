"""Who may call what: keys as clients send them, and how often a key may call."""

from __future__ import annotations

import base64
import binascii
import hmac
import math
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from eachwise.contracts.errors import Busy, Unauthorized
from eachwise.contracts.keys import Keys

KeyKind = Literal["open", "write", "secret"]


class _KeyInBody(msgspec.Struct, rename="camel"):
    write_key: Any = None


_decode_key = msgspec.json.Decoder(_KeyInBody).decode


def key_in_header(headers: dict[bytes, bytes]) -> str | None:
    """The key of ``Authorization``: Basic (as the user name) or Bearer. None without that header.

    Raises ``Unauthorized`` where the header is there and cannot be read.
    """
    header = headers.get(b"authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(b" ")
    try:
        if scheme.lower() == b"basic":
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
        if scheme.lower() == b"bearer":
            return value.strip().decode()
    except (binascii.Error, ValueError):
        pass
    raise Unauthorized("Authorization must be Basic, with the key as user name, or Bearer")


def key_in_body(body: bytes) -> str | None:
    """The ``writeKey`` of a JSON body; None where there is none."""
    try:
        key = _decode_key(body).write_key
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return key if isinstance(key, str) else None


def check_key(keys: Keys, key: str | None, needed: KeyKind) -> KeyKind:
    """The kind of this key, if it opens a route that needs ``needed``; else raises ``Unauthorized``.

    Both keys are compared in constant time whatever the first one says.
    """
    if not key:
        raise Unauthorized(
            "a key is missing: send it as Basic user name, as Bearer token, or as writeKey in the body"
        )
    sent = key.encode()
    is_secret = hmac.compare_digest(sent, keys.secret.encode())
    is_write = hmac.compare_digest(sent, keys.write.encode())
    if is_secret:
        return "secret"
    if not is_write:
        raise Unauthorized("this key is not known")
    if needed == "secret":
        raise Unauthorized("the write key does not open this; it needs the secret key")
    return "write"


class RateLimit:
    """One token bucket for each kind of key: a second's worth of requests may come at once."""

    def __init__(self, per_second: int, now_s: Callable[[], float]) -> None:
        self._per_second = per_second
        self._now_s = now_s
        self._buckets: dict[KeyKind, tuple[float, float]] = {}

    def take(self, kind: KeyKind) -> None:
        """Count one request. Raises ``Busy`` where the bucket is empty; no limit where it is 0."""
        if self._per_second <= 0:
            return
        now_s = self._now_s()
        tokens, filled_s = self._buckets.get(kind, (float(self._per_second), now_s))
        tokens = min(self._per_second, tokens + (now_s - filled_s) * self._per_second)
        if tokens < 1.0:
            self._buckets[kind] = (tokens, now_s)
            wait_s = math.ceil((1.0 - tokens) / self._per_second)
            raise Busy(
                f"more than {self._per_second} requests a second with this key",
                retry_after_s=max(1, wait_s),
            )
        self._buckets[kind] = (tokens - 1.0, now_s)
