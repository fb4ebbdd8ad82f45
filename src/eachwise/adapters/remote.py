"""A running server, spoken to over HTTP with the same verbs as the in-process engine. Used by the command line."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from eachwise.contracts.catalog import CatalogReceipt
from eachwise.contracts.decision import DecideRequest, DecideResponse, Explanation, Replay
from eachwise.contracts.errors import (
    Busy,
    CannotReplay,
    EachwiseError,
    InvalidInput,
    NotFound,
    Unauthorized,
    Unavailable,
)
from eachwise.contracts.events import BatchResult, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.individual import Profile
from eachwise.contracts.ports import ImportProgress

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


class RemoteEngine:
    """One keep-alive connection to a server. Not thread-safe; each thread wants its own."""

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

    # -- verbs ---------------------------------------------------------------------------------------------

    def send(self, events: Sequence[Mapping[str, Any]]) -> BatchResult:
        """Send a batch of events in Segment's shape. Safe to repeat: message ids make it so."""
        return self._call("POST", "/v1/batch", BatchResult, {"batch": events})

    def decide(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        placements: Sequence[str],
        context: Mapping[str, Any] | None = None,
        count: int | None = None,
        request_id: str | None = None,
    ) -> DecideResponse:
        """The next best experience for this person, one for each placement."""
        request = DecideRequest(
            user_id=user_id,
            anonymous_id=anonymous_id,
            placements=list(placements),
            context=dict(context or {}),
            count=count,
            request_id=request_id,
        )
        return self._call("POST", "/v1/decide", DecideResponse, request)

    def import_rows(
        self, digest: str, source: str, first_row: int, rows: Sequence[bytes], finished: bool
    ) -> ImportProgress:
        """Send consecutive rows of a JSON Lines file."""
        query = urlencode(
            {"source": source, "first_row": first_row, "finished": str(finished).lower()}
        )
        return self._call(
            "PUT",
            f"/v1/imports/{digest}?{query}",
            ImportProgress,
            b"".join(row + b"\n" for row in rows),
        )

    def import_progress(self, digest: str) -> ImportProgress:
        """How far a file has been taken."""
        return self._call("GET", f"/v1/imports/{digest}", ImportProgress)

    def put_items(self, body: bytes) -> CatalogReceipt:
        """Add or replace items, as JSON Lines."""
        return self._call("POST", "/v1/items", CatalogReceipt, body)

    def define(self, document: bytes) -> Definitions:
        """Replace placements and experiences by a YAML document."""
        return self._call("PUT", "/v1/definitions", Definitions, document)

    def individual(self, individual_id: str) -> Profile:
        """Who this person is to us."""
        return self._call("GET", f"/v1/individuals/{quote(individual_id, safe=':')}", Profile)

    def unmerge(self, left: str, right: str) -> dict[str, str]:
        """Declare two identifiers to be two people."""
        return self._call(
            "POST", "/v1/individuals/unmerge", dict[str, str], {"left": left, "right": right}
        )

    def explain(self, decision_id: str) -> Explanation:
        """Why it was decided so."""
        return self._call("GET", f"/v1/decisions/{quote(decision_id)}/explain", Explanation)

    def replay(self, decision_id: str) -> Replay:
        """Recompute a decision."""
        return self._call("GET", f"/v1/decisions/{quote(decision_id)}/replay", Replay)

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Events that were turned away."""
        query = urlencode({"after": after, "limit": limit})
        return self._call("GET", f"/v1/rejections?{query}", list[StoredRejection])

    def status(self) -> dict[str, Any]:
        """Counts and versions."""
        return self._call("GET", "/v1/status", dict[str, Any])

    # -- transport -----------------------------------------------------------------------------------------

    def _call(self, method: str, path: str, answer: type[T], body: object = None) -> T:
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
                status, retry_after_s, content = self._exchange(method, path, payload)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if attempt == TRIES - 1:
                    raise Unavailable(f"no answer from {self._parts.geturl()}: {error}") from None
            else:
                if status < 300:
                    return msgspec.json.decode(content, type=answer)
                if status not in (429, 503) or attempt == TRIES - 1:
                    raise _problem(status, content)
                wait_s = max(wait_s, retry_after_s)
            time.sleep(wait_s)
            wait_s *= 2
        raise Unavailable(f"no answer from {self._parts.geturl()}")

    def _exchange(self, method: str, path: str, payload: bytes | None) -> tuple[int, float, bytes]:
        reused = self._connection is not None
        try:
            response = self._ask(method, path, payload)
        except ConnectionError:
            if not reused:
                raise
            # The server closed it while it was idle: no sign that a new one would fail.
            self.close()
            response = self._ask(method, path, payload)
        content = response.read()
        return response.status, float(response.getheader("Retry-After") or 0), content

    def _ask(self, method: str, path: str, payload: bytes | None) -> http.client.HTTPResponse:
        if self._connection is None:
            secure = self._parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            assert self._parts.hostname is not None
            self._connection = kind(self._parts.hostname, self._parts.port, timeout=TIMEOUT_S)
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
