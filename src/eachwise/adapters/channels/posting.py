"""One HTTP POST and what its answer means for a message."""

from __future__ import annotations

import http.client
import io
import socket
import time
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

from eachwise.contracts.delivery import Receipt

# Of an answer; what it says is for people to read in ``reason``.
ANSWER_BYTES_MAX = 2000
# Longer than any that a provider gives.
_ID_CHARS_MAX = 200
WAIT_S_MAX = 86_400.0 * 30
_LATER = frozenset({408, 425, 429})


def post(
    url: str,
    body: bytes,
    headers: dict[str, str],
    timeout_s: float,
    *,
    gone: frozenset[int] = frozenset(),
) -> Receipt:
    """Post and read the answer. 2xx: sent; 408, 425, 429, 5xx and no answer: later; other statuses, redirects
    among them, and what is no address: refused.

    ``gone``: the statuses that say that there is no such address, where the URL is a person's.

    ``timeout_s`` is for the connection, and once more for the whole answer.
    """
    try:
        response, words = _exchange(url, body, headers, timeout_s)
    except http.client.InvalidURL as error:
        return Receipt(outcome="refused", reason=f"{url[:200]!r} is no address: {error}"[:500])
    except (OSError, http.client.HTTPException) as error:
        reason = f"no answer from {urlsplit(url).hostname}: {str(error) or type(error).__name__}"
        return Receipt(outcome="retry", reason=reason[:500])
    except ValueError as error:
        return Receipt(outcome="refused", reason=f"no request can be made of it: {error}"[:500])
    status = response.status
    if 200 <= status < 300:
        named = response.getheader("X-Message-Id") or ""
        return Receipt(outcome="sent", provider_id=named[:_ID_CHARS_MAX])
    reason = f"{urlsplit(url).hostname} answered {status} {' '.join(words.split())}"[:500]
    if status in gone:
        return Receipt(outcome="gone", reason=reason)
    if status in _LATER or status >= 500:
        wait_s = retry_after_s(response.getheader("Retry-After") or "", time.time())
        return Receipt(outcome="retry", reason=reason, retry_after_s=wait_s)
    return Receipt(outcome="refused", reason=reason)


def _exchange(
    url: str, body: bytes, headers: dict[str, str], timeout_s: float
) -> tuple[http.client.HTTPResponse, str]:
    """The answer and the beginning of what it says. Raises ``InvalidURL`` and ``ValueError`` for what cannot be
    posted, ``OSError`` and ``HTTPException`` where no answer came.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise http.client.InvalidURL("it must begin with http:// or https:// and name a host")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    words = b""
    with closing(kind(parts.hostname, parts.port, timeout=timeout_s)) as connection:
        connection.connect()
        answer = _Answer(connection.sock, timeout_s)
        connection.request("POST", target, body, headers)
        response = http.client.HTTPResponse(cast("socket.socket", answer), method="POST")
        response.begin()
        # The status is the answer: what breaks off behind it is only for people to read.
        with suppress(OSError, http.client.HTTPException):
            words = response.read(ANSWER_BYTES_MAX)
    return response, words.decode("utf-8", "replace")


class _Answer(io.RawIOBase):
    """What a connection receives within a time from now: its own timeout begins anew with each byte that comes."""

    def __init__(self, connection: socket.socket, limit_s: float) -> None:
        self._connection = connection
        self._until_s = time.monotonic() + limit_s

    def makefile(self, mode: str) -> io.BufferedReader:
        """All that ``HTTPResponse`` wants of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Bytes read; 0 at the end. Raises ``TimeoutError``."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0.0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left_s)
        return self._connection.recv_into(buffer)


def retry_after_s(header: str, now_s: float) -> float:
    """Seconds that ``Retry-After`` asks to wait (RFC 9110: seconds, or a date), at most 30 days; 0 where it says
    nothing readable.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), WAIT_S_MAX)
    try:
        at_s = parsedate_to_datetime(text).timestamp() if text else now_s
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, at_s - now_s), WAIT_S_MAX)
