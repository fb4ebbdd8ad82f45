"""A running server, spoken to over HTTP with the same verbs as the in-process engine."""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from eachwise.contracts.catalog import CatalogReceipt, RejectedItem
from eachwise.contracts.decision import (
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Explanation,
    Replay,
)
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

    def send(self, events: Iterable[Mapping[str, Any]]) -> BatchResult:
        """Send a batch of events in Segment's shape. Safe to repeat: message ids make it so."""
        return self._call("POST", "/v1/batch", BatchResult, {"batch": list(events)})

    def track(
        self,
        user_id: str | None,
        event: str,
        properties: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> BatchResult:
        """One ``track`` event; ``fields`` are Segment's: ``anonymousId``, ``timestamp``, ``messageId``, ``context``."""
        body = {"userId": user_id, "event": event, "properties": dict(properties or {})}
        return self._call("POST", "/v1/track", BatchResult, _named(body | fields))

    def identify(
        self, user_id: str | None, traits: Mapping[str, Any] | None = None, **fields: Any
    ) -> BatchResult:
        """One ``identify`` event."""
        body = {"userId": user_id, "traits": dict(traits or {})}
        return self._call("POST", "/v1/identify", BatchResult, _named(body | fields))

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

    def put_items(self, items: bytes | Iterable[Mapping[str, Any]]) -> CatalogReceipt:
        """Add or replace items: JSON Lines as bytes, or dicts."""
        body = items if isinstance(items, bytes) else list(items)
        return self._call("POST", "/v1/items", CatalogReceipt, body)

    def remove_items(self, item_ids: Sequence[str]) -> CatalogReceipt:
        """Take items out of the catalogue, one after another."""
        version, missing = 0, []
        for number, item_id in enumerate(item_ids):
            path = f"/v1/items/{quote(item_id, safe='')}"
            try:
                version = self._call("DELETE", path, CatalogReceipt).version
            except NotFound as error:
                missing.append(RejectedItem(line=number, field="item_id", reason=error.message))
        return CatalogReceipt(
            success=not missing,
            accepted=len(item_ids) - len(missing),
            version=version or self.status()["catalog_version"],
            rejected=missing,
        )

    def define(self, document: str | bytes | Mapping[str, Any]) -> Definitions:
        """Replace placements and experiences by a YAML document (or the same as a dict)."""
        body = document.encode() if isinstance(document, str) else document
        return self._call("PUT", "/v1/definitions", Definitions, body)

    def individual(self, individual_id: str) -> Profile:
        """Who this person is to us."""
        return self._call("GET", f"/v1/individuals/{quote(individual_id, safe=':')}", Profile)

    def unmerge(self, left: str, right: str) -> dict[str, str]:
        """Declare two identifiers to be two people."""
        return self._call(
            "POST", "/v1/individuals/unmerge", dict[str, str], {"left": left, "right": right}
        )

    def decision(self, decision_id: str) -> DecisionRecord:
        """A decision's record."""
        return self._call("GET", f"/v1/decisions/{quote(decision_id)}", DecisionRecord)

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


def _named(event: dict[str, Any]) -> dict[str, Any]:
    """The event with a message id, so that a second try after a lost answer is not a second event."""
    return {"messageId": str(uuid.uuid4())} | event


def _problem(status: int, content: bytes) -> EachwiseError:
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem(message=content[:200].decode("utf-8", "replace"))
    text = problem.message or f"the server answered {status}"
    if status in (429, 503):
        return Busy(text)
    return _ERRORS.get(status, EachwiseError)(text)
