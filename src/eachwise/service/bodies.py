"""Reading request bodies: counted as they come, gunzipped as they come, never held beyond the limit."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eachwise.contracts.errors import InvalidInput, TooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_GZIP = 16 + zlib.MAX_WBITS
# A stream of empty gzip members would cost time without yielding a byte.
_MEMBERS_MAX = 64


class ClientGone(Exception):
    """The client hung up before it had sent its whole request: nobody waits for an answer."""


async def read_body(receive: Receive, headers: dict[bytes, bytes], bytes_max: int) -> bytes:
    """The whole body, unpacked. Raises ``TooLarge`` as soon as either form exceeds ``bytes_max``."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > bytes_max:
        raise _too_large(bytes_max)
    unpack = _unpacker(headers.get(b"content-encoding", b"identity"), bytes_max)
    chunks: list[bytes] = []
    received = unpacked = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        received += len(chunk)
        if received > bytes_max:
            raise _too_large(bytes_max)
        if unpack is not None:
            chunk = unpack.feed(chunk, last=not more)
        unpacked += len(chunk)
        if unpacked > bytes_max:
            raise _too_large(bytes_max)
        if chunk:
            chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"the body exceeds {bytes_max} bytes; send it in parts", field="body")


def _unpacker(encoding: bytes, bytes_max: int) -> _Gunzip | None:
    name = encoding.strip().lower()
    if name in (b"gzip", b"x-gzip"):
        return _Gunzip(bytes_max)
    if name in (b"identity", b""):
        return None
    raise InvalidInput(
        "send the body plain, or with Content-Encoding: gzip",
        field="Content-Encoding",
        code="unsupported_encoding",
    )


class _Gunzip:
    """Unpacks gzip members one after another, at most one byte more than the limit in all."""

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max + 1
        self._members = 1
        self._stream = zlib.decompressobj(_GZIP)

    def feed(self, chunk: bytes, *, last: bool) -> bytes:
        """What ``chunk`` unpacks to. Raises ``InvalidInput`` where it is no gzip, or ends too soon."""
        pieces: list[bytes] = []
        while chunk and self._left > 0:
            if self._stream.eof:
                self._begin()
            try:
                piece = self._stream.decompress(chunk, self._left)
            except zlib.error as error:
                raise _not_gzip(str(error)) from None
            self._left -= len(piece)
            pieces.append(piece)
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        if last and self._left > 0 and not self._stream.eof:
            raise _not_gzip("it ends too soon")
        return b"".join(pieces)

    def _begin(self) -> None:
        self._members += 1
        if self._members > _MEMBERS_MAX:
            raise _not_gzip(f"it has more than {_MEMBERS_MAX} members")
        self._stream = zlib.decompressobj(_GZIP)


def _not_gzip(reason: str) -> InvalidInput:
    return InvalidInput(f"the body is not valid gzip: {reason}", field="body", code="invalid_gzip")
