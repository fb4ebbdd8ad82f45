"""The route of recommendations: its key, its fields, its answer, its next page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from eachwise.flow.drive import run
from tests.unit.service.memory_core import MemoryCore

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]

ITEMS = b"\n".join(
    b'{"item_id": "i%d", "title": "Item %d", "attributes": {"color": "%s"}}'
    % (number, number, b"red" if number % 2 else b"blue")
    for number in range(9)
)


@pytest.fixture
def stocked(core: MemoryCore) -> MemoryCore:
    """A core with nine items."""
    assert run(core.catalogue.put_items(ITEMS)).success
    return core


async def test_pages_with_the_write_key(client: Client, stocked: MemoryCore) -> None:
    assert stocked.catalogue.version
    shown: list[str] = []
    cursor: str | None = None
    async with client("wk_test") as http:
        for left in (9, 5, 1):
            body = {"anonymousId": "a", "count": 4, "cursor": cursor, "exclude": {"color": "green"}}
            answer = await http.post("/v1/recommend", json=body, headers={"Origin": "https://x"})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"]
            found = answer.json()
            assert found["individual_id"] == "anon:a"
            assert found["considered"] == left
            assert found["fallback"] == "unknown_person"
            shown += [item["item_id"] for item in found["items"]]
            cursor = found["cursor"]
    assert cursor is None
    assert sorted(shown) == [f"i{number}" for number in range(9)]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "userId"),
        ({"userId": "u", "cursor": "no"}, "cursor"),
        ({"userId": "u", "repeats": "often"}, "repeats"),
        ({"userId": "u", "popularity": 2}, "popularity"),
        ({"userId": "u", "similarTo": "i1"}, "similarTo"),
        ({"userId": "u", "where": {"color": []}}, "where.color"),
        ({"userId": "u", "count": "many"}, "count"),
        ({"userId": "0"}, "userId"),
    ],
)
async def test_a_fault_names_its_field(
    client: Client, stocked: MemoryCore, sent: dict[str, Any], field: str
) -> None:
    async with client("wk_test") as http:
        answer = await http.post("/v1/recommend", json=sent)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


async def test_a_misspelt_field_is_told_its_name(client: Client, stocked: MemoryCore) -> None:
    async with client("wk_test") as http:
        answer = await http.post("/v1/recommend", json={"userId": "u", "similarTo": "i1"})
    assert "write similar_to" in answer.json()["message"]
