"""The route of "not me": what was somebody else's leaves a person's taste; who and what must be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.keys import Keys
from eachwise.flow.core import Core
from eachwise.service import create_app
from eachwise.settings import Settings
from tests.unit.service.memory_core import NOW_US, MemoryCore

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]

ROUTE = "/v1/individuals/user:lemmy/not-me"


@pytest.fixture
def whole() -> Iterator[Core]:
    """An engine that has seen one person, and a guest on that person's device."""
    with Engine.open(clock=SettableClock(NOW_US)) as engine:
        engine.track("lemmy", "Product Viewed", {"product_id": "amp"})
        guest = {"sessionId": "guest"}
        engine.track("lemmy", "Product Viewed", {"product_id": "nappies"}, context=guest)
        assert engine.individual("lemmy").recent_items[0] == "nappies"
        yield engine.core


def asking(core: Core) -> httpx.AsyncClient:
    """A client with the secret key."""
    app = create_app(core, Keys(write="wk_test", secret="sk_test"), Settings())
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers={"Authorization": "Bearer sk_test"},
    )


async def test_a_guest_is_taken_out(whole: Core) -> None:
    async with asking(whole) as http:
        answer = await http.post(ROUTE, json={"session_ids": ["guest"]})
        assert answer.status_code == 200
        told = answer.json()
        assert told["individual_id"] == "user:lemmy"
        assert told["recent_items"] == ["amp"]
        # What happened, happened: two views, and the word that one was not hers.
        assert told["events"] == 3
        read = await http.get("/v1/individuals/lemmy")
        assert read.json()["recent_items"] == ["amp"]


async def test_an_id_that_nobody_has_is_not_found(whole: Core) -> None:
    async with asking(whole) as http:
        answer = await http.post("/v1/individuals/user:nobody/not-me", json={"from": "2024-01-01"})
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert whole.people.find("user:nobody") is None


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "from"),
        ({"from": "soon"}, "from"),
        ({"from": "2024-02-02", "until": "2024-02-01"}, "until"),
        ({"session_ids": "guest"}, "session_ids"),
        ({"item_ids": [1]}, "item_ids[0]"),
    ],
)
async def test_a_body_that_says_nothing_names_its_field(
    whole: Core, sent: dict[str, Any], field: str
) -> None:
    async with asking(whole) as http:
        answer = await http.post(ROUTE, json=sent)
        assert (answer.status_code, answer.json()["field"]) == (400, field)
        read = await http.get("/v1/individuals/lemmy")
    assert read.json()["events"] == 2


async def test_a_body_that_is_no_json_is_refused(whole: Core) -> None:
    async with asking(whole) as http:
        answer = await http.post(ROUTE, content=b"guest")
    assert answer.status_code == 400


async def test_the_write_key_may_not(client: Client, core: MemoryCore) -> None:
    async with client("wk_test") as http:
        answer = await http.post(ROUTE, json={"session_ids": ["guest"]})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
