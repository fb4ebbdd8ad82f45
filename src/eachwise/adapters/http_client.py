"""JSON over one keep-alive HTTP connection, tried again where that is safe."""

from __future__ import annotations

import http.client
import time
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from eachwise.contracts.errors import (
    Busy,
    CannotReplay,
    EachwiseError,
    InvalidInput,
    NotFound,
    Unauthorized,
    Unavailable,
)

T = TypeVar("T")

TIMEOUT_S = 60.0
# A refused or lost connection, 429 and 503 are tried again this often, waiting as the server says (or doubling).
TRIES = 6
_ERRORS: dict[int, type[EachwiseError]] = {
    400: InvalidInput,
    401: Unauthorized,
    404: NotFound,
    409: CannotReplay,
    413: InvalidInput,
}


class _Problem(msgspec.Struct):
    code: str = ""
    message: str = ""


class HttpClient:
    """A server's address and key, and the connection to it. Not thread-safe."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"url: {url!r} is not an http address, like http://127.0.0.1:8080", field="url"
            )
        self._parts = parts
        self._key = key
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: object = None,
        timeout_s: float = TIMEOUT_S,
    ) -> T:
        return msgspec.json.decode(self._fetch(method, path, body, timeout_s), type=answer)

    def _fetch(
        self, method: str, path: str, body: object = None, timeout_s: float = TIMEOUT_S
    ) -> bytes:
        payload = (
            body
            if isinstance(body, bytes)
            else msgspec.json.encode(body)
            if body is not None
            else None
        )
        wait_s = 0.2
        for attempt in range(TRIES):
            try:
                status, retry_after_s, content = self._exchange(method, path, payload, timeout_s)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if attempt == TRIES - 1:
                    raise Unavailable(f"no answer from {self._parts.geturl()}: {error}") from None
            else:
                if status < 300:
                    return content
                if status not in (429, 503) or attempt == TRIES - 1:
                    raise _problem(status, content)
                wait_s = max(wait_s, retry_after_s)
            time.sleep(wait_s)
            wait_s *= 2
        raise Unavailable(f"no answer from {self._parts.geturl()}")

    def _exchange(
        self, method: str, path: str, payload: bytes | None, timeout_s: float
    ) -> tuple[int, float, bytes]:
        reused = self._connection is not None
        try:
            response = self._ask(method, path, payload, timeout_s)
        except ConnectionError:
            if not reused:
                raise
            # The server closed it while it was idle: no sign that a new one would fail.
            self.close()
            response = self._ask(method, path, payload, timeout_s)
        content = response.read()
        return response.status, float(response.getheader("Retry-After") or 0), content

    def _ask(
        self, method: str, path: str, payload: bytes | None, timeout_s: float
    ) -> http.client.HTTPResponse:
        if self._connection is None:
            secure = self._parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            assert self._parts.hostname is not None
            self._connection = kind(self._parts.hostname, self._parts.port)
        self._connection.timeout = timeout_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        self._connection.request(method, self._parts.path.rstrip("/") + path, payload, headers)
        return self._connection.getresponse()


def _problem(status: int, content: bytes) -> EachwiseError:
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem(message=content[:200].decode("utf-8", "replace"))
    text = problem.message or f"the server answered {status}"
    if status in (429, 503):
        return Busy(text)
    return _ERRORS.get(status, EachwiseError)(text)
