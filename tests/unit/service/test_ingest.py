"""Events over HTTP: what is answered to good and bad bodies, packed and plain."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from eachwise.contracts.errors import StoreError, Unavailable
from tests.unit.service.memory_core import NOW_US, MemoryCore

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]

EVENT = {"type": "track", "event": "Product Viewed", "userId": "u", "messageId": "m"}
GZIP = {"Content-Encoding": "gzip"}


def batch(*events: object, **fields: Any) -> bytes:
    """The JSON of a batch."""
    return json.dumps({"batch": events, **fields}).encode()


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import"])
async def test_good_events_of_a_mixed_batch_are_kept(
    client: Client, core: MemoryCore, path: str
) -> None:
    async with client() as http:
        answer = await http.post(path, content=batch(EVENT, {"type": "page"}, EVENT))
    assert answer.status_code == 200
    sent = answer.json()
    assert (sent["success"], sent["accepted"]) == (True, 2)
    assert [(one["index"], one["code"]) for one in sent["rejected"]] == [(1, "missing_identity")]
    assert sent["rejected"][0]["reason"]
    assert len(core.events) == 2
    assert core.rejected[0].body == b'{"type": "page"}'


async def test_the_answer_without_rejections_has_all_its_keys(client: Client) -> None:
    async with client() as http:
        answer = await http.post("/v1/batch", content=batch())
    assert answer.json() == {"success": True, "accepted": 0, "duplicates": 0, "rejected": []}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "group", "alias"])
async def test_single_calls(client: Client, core: MemoryCore, kind: str) -> None:
    body = {"userId": 7, "event": "E", "groupId": "g", "previousId": "p"}
    async with client() as http:
        answer = await http.post(f"/v1/{kind}", json=body)
        rejected = await http.post(f"/v1/{kind}", json={})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert (core.events[0].kind, core.events[0].user_id) == (kind, "7")
    assert core.events[0].received_at_us == NOW_US
    assert (rejected.status_code, rejected.json()["rejected"][0]["code"]) == (
        200,
        "missing_identity",
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[]", "not_an_object"),
        (b"{}", "missing_batch"),
    ],
)
async def test_400_only_for_what_is_no_batch(client: Client, body: bytes, code: str) -> None:
    async with client() as http:
        answer = await http.post("/v1/batch", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["message"]


# -- sizes and packing ---------------------------------------------------------------------------


def packed(body: bytes) -> list[bytes]:
    """Ways to gzip a body: whole, in two members."""
    half = len(body) // 2
    return [gzip.compress(body), gzip.compress(body[:half]) + gzip.compress(body[half:])]


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_gzip_however_it_arrives(
    client: Client, core: MemoryCore, way: int, step: int
) -> None:
    body = packed(batch(EVENT, EVENT))[way]

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    async with client() as http:
        answer = await http.post("/v1/batch", content=pieces(), headers=GZIP)
    assert answer.json()["accepted"] == 2
    assert len(core.events) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"plain",
        gzip.compress(b"{}", mtime=0)[:-3],
        b"",
        zlib.compress(b"{}"),
        gzip.compress(b"", mtime=0) * 65,
    ],
    ids=["plain", "cut", "empty", "zlib", "members"],
)
async def test_what_is_no_gzip(client: Client, body: bytes) -> None:
    async with client() as http:
        answer = await http.post("/v1/batch", content=body, headers=GZIP)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_gzip")


async def test_another_packing_is_refused(client: Client) -> None:
    async with client() as http:
        answer = await http.post("/v1/batch", content=b"x", headers={"Content-Encoding": "br"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unsupported_encoding")


class Stream:
    """A body that comes in pieces and counts how many were asked for."""

    def __init__(self, piece: bytes, pieces: int) -> None:
        self._piece, self._pieces = piece, pieces
        self.asked = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._pieces):
            self.asked += 1
            yield self._piece


def bomb(size: int) -> bytes:
    """Gzip of that many zeros."""
    return gzip.compress(bytes(size))


@pytest.mark.parametrize("headers", [{}, GZIP])
async def test_a_large_body_is_refused_while_it_arrives(
    client: Client, headers: dict[str, str]
) -> None:
    stream = Stream(b"\x1f" * 1000 if not headers else bomb(10_000_000), 1000)
    async with client(body_bytes_max=10_000) as http:
        answer = await http.post("/v1/batch", content=aiter(stream), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.json()["field"] == "body"
    assert stream.asked <= 12


async def test_a_declared_length_is_believed_only_when_it_is_too_large(client: Client) -> None:
    body = batch(EVENT)
    async with client(body_bytes_max=1000) as http:
        large = await http.post("/v1/batch", content=body, headers={"Content-Length": "1001"})
        small = await http.post("/v1/batch", content=b" " * 1001, headers={"Content-Length": "5"})
        odd = await http.post("/v1/batch", content=body, headers={"Content-Length": "-1"})
        exact = await http.post("/v1/batch", content=body + b" " * (1000 - len(body)))
        over = await http.post("/v1/batch", content=gzip.compress(bytes(1001)), headers=GZIP)
    statuses = [
        large.status_code,
        small.status_code,
        odd.status_code,
        exact.status_code,
        over.status_code,
    ]
    assert statuses == [413, 413, 200, 200, 413]


# -- when it cannot be taken now -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "status", "code", "wait"),
    [
        (Unavailable("too many events wait", retry_after_s=7), 503, "unavailable", "7"),
        (StoreError("the disk is full"), 503, "store_error", "1"),
    ],
)
async def test_503_says_when_to_come_back(
    client: Client, core: MemoryCore, failure: Exception, status: int, code: str, wait: str
) -> None:
    core.failure = failure
    async with client() as http:
        answer = await http.post("/v1/batch", content=batch(EVENT))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["retry-after"] == wait


async def test_429_says_when_to_come_back(client: Client) -> None:
    async with client(requests_per_second_max=2) as http:
        answers = [await http.post("/v1/batch", content=batch()) for _ in range(4)]
        write = await http.post(
            "/v1/batch", content=batch(), headers={"Authorization": "Bearer wk_test"}
        )
        health = await http.get("/healthz")
    assert [answer.status_code for answer in answers][:2] == [200, 200]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["code"] == "busy"
    assert (write.status_code, health.status_code) == (200, 200)


async def test_the_unexpected_is_logged_and_not_shown(
    client: Client, core: MemoryCore, caplog: pytest.LogCaptureFixture
) -> None:
    core.failure = RuntimeError("secret detail")
    async with client() as http:
        answer = await http.post("/v1/batch", content=batch(EVENT))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text
