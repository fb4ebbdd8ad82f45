"""Search over HTTP: parameters, keys, browsers."""

from __future__ import annotations

import pytest

from eachwise.contracts.search import SearchResponse, SuggestResponse
from eachwise.flow.drive import run
from tests.unit.service.conftest import Client
from tests.unit.service.memory_core import MemoryCore

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def shop(core: MemoryCore) -> None:
    """Two items in the catalogue that is searched."""
    body = (
        b'{"item_id": "a", "title": "Salmon", "attributes": {"category": "fish", "diet": "a:b"}}\n'
        b'{"item_id": "b", "title": "Salmon soup", "attributes": {"category": "soup"}}\n'
    )
    assert run(core.catalogue.put_items(body)).accepted == 2


async def ids(client: Client, query: str) -> list[str]:
    """The results of a query string."""
    async with client("wk_test") as http:
        answer = await http.get(f"/v1/search?{query}")
    assert answer.status_code == 200, answer.text
    return [hit["item_id"] for hit in answer.json()["results"]]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("q=salmon", ["a", "b"]),
        ("q=salmon&userId=u&count=1", ["a"]),
        ("q=salmon&anonymousId=x", ["a", "b"]),
        ("q=salmon&individual_id=user:u", ["a", "b"]),
        ("q=salmon&where=category:soup", ["b"]),
        ("q=salmon&where=category:soup&where=category:fish", ["a", "b"]),
        ("q=salmon&where=diet:a:b", ["a"]),
        ("q=s%C3%A4lmon", ["a", "b"]),
    ],
)
async def test_parameters(client: Client, query: str, wanted: list[str]) -> None:
    assert await ids(client, query) == wanted


async def test_pages_go_on_with_the_cursor(client: Client) -> None:
    async with client("wk_test") as http:
        first = (await http.get("/v1/search?q=salmon&count=1")).json()
        query = {"q": "salmon", "count": "1", "cursor": first["cursor"]}
        second = (await http.get("/v1/search", params=query)).json()
    assert [hit["item_id"] for hit in second["results"]] == ["b"]
    assert (second["search_id"], second["cursor"]) == (first["search_id"], None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=+", "q"),
        ("q=x&count=101", "count"),
        ("q=x&where=fish", "where"),
        ("q=x&individual_id=u", "individual_id"),
        ("q=x&cursor=abc", "cursor"),
    ],
)
async def test_faults_name_their_field(client: Client, query: str, field: str) -> None:
    async with client("wk_test") as http:
        answer = await http.get(f"/v1/search?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_suggestions(client: Client) -> None:
    async with client("wk_test") as http:
        answer = await http.get("/v1/search/suggest?q=sal&count=3")
        many = await http.get("/v1/search/suggest?q=sal&count=21")
    assert answer.json() == {"suggestions": [{"text": "salmon", "kind": "word", "items": 2}]}
    assert many.status_code == 400


async def test_browsers_of_other_sites_may_search(client: Client) -> None:
    async with client("wk_test") as http:
        answer = await http.get("/v1/search?q=salmon")
        asked = await http.options("/v1/search/suggest")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert asked.headers["access-control-allow-methods"] == "GET, OPTIONS"


async def test_the_shapes_are_described(client: Client) -> None:
    async with client(None) as http:
        document = (await http.get("/openapi.json")).json()
    operation = document["paths"]["/v1/search"]["get"]
    assert {"q", "where", "cursor"} <= {each["name"] for each in operation["parameters"]}
    schemas = document["components"]["schemas"]
    assert {SearchResponse.__name__, SuggestResponse.__name__} <= set(schemas)
