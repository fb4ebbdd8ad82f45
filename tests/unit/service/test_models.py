"""What training reads and brings back, over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from eachwise.contracts.taste import TrainedModel
from eachwise.contracts.training import InteractionPage
from eachwise.recommend import encode_trained

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]

EMPTY = TrainedModel(version=1, item_ids=(), row_of={}, parts={}, blend={}, report={"summary": []})
BODY = encode_trained(EMPTY)
DIGEST = hashlib.sha256(BODY).hexdigest()


async def put(http: httpx.AsyncClient, body: bytes, **query: str | int) -> httpx.Response:
    """One part of a model."""
    told: dict[str, str | int] = {"digest": DIGEST, "total": len(BODY), "offset": 0, **query}
    return await http.put("/v1/models/trained", params=told, content=body)


async def test_a_model_is_sent_listed_read_and_rolled_back(client: Client) -> None:
    async with client() as http:
        first = await put(http, BODY[:10])
        assert first.json() == {"digest": DIGEST, "received": 10, "total": len(BODY), "version": 0}
        assert (await put(http, BODY[10:], offset=10)).json()["version"] == 1
        listed = (await http.get("/v1/models")).json()
        assert [(one["name"], one["version"], one["in_use"]) for one in listed] == [
            ("trained", 1, True),
            ("settings", 1, True),
        ]
        one = (await http.get("/v1/models/trained/1")).json()
        assert one["report"] == {"summary": []}
        body = await http.get("/v1/models/trained/1/body")
        assert (body.content, body.headers["content-type"]) == (BODY, "application/octet-stream")
        back = await http.post("/v1/models/trained/rollback", json={"to": 0})
        assert (back.status_code, back.json()["version"]) == (200, 2)


@pytest.mark.parametrize(
    ("query", "field"),
    [({"digest": "x"}, "digest"), ({"total": 0}, "total"), ({"offset": "a"}, "offset")],
)
async def test_a_wrong_part_names_its_field(
    client: Client, query: dict[str, Any], field: str
) -> None:
    async with client() as http:
        answer = await put(http, BODY, **query)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/models/trained/3", None, 404),
        ("GET", "/v1/models/trained/x", None, 400),
        ("GET", "/v1/models/trained/3/body", None, 404),
        ("GET", "/v1/models/taste/3/body", None, 400),
        ("GET", "/v1/models?limit=0", None, 400),
        ("POST", "/v1/models/trained/rollback", {"to": 3}, 404),
        ("POST", "/v1/models/trained/rollback", {"version": 3}, 400),
        ("POST", "/v1/models/settings/rollback", {"to": 0}, 400),
        ("GET", "/v1/interactions?limit=20001", None, 400),
        ("POST", "/v1/interactions/owners", {"senders": [["user:u", "", ""]] * 5001}, 400),
        ("GET", "/v1/items?limit=2001", None, 400),
        ("POST", "/v1/audience", {"item_id": "nothing"}, 404),
        ("POST", "/v1/audience", {"item": "nothing"}, 400),
        ("POST", "/v1/audience", {"item_id": "nothing", "limit": 0}, 400),
    ],
)
async def test_what_is_not_there_or_out_of_range(
    client: Client, method: str, path: str, body: object, status: int
) -> None:
    async with client() as http:
        answer = await http.request(method, path, json=body)
    assert answer.status_code == status, answer.text


async def test_training_reads_pages_owners_and_items(client: Client) -> None:
    async with client() as http:
        page = await http.get("/v1/interactions")
        assert page.headers["content-type"] == "application/msgpack"
        found = msgspec.msgpack.decode(page.content, type=InteractionPage)
        assert (found.sequence, found.newest, found.senders) == (0, 0, [])
        asked = {"senders": [["user:u", "", ""], ["", "anon:a", ""]]}
        owners = (await http.post("/v1/interactions/owners", json=asked)).json()
        assert [[person for _, person in tenure] for tenure in owners] == [["user:u"], ["anon:a"]]
        assert (await http.get("/v1/items")).json() == []
