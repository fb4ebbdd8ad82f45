"""Journeys over HTTP: put, list, look, enter; and what a request is told that cannot be done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.keys import Keys
from eachwise.service import create_app
from eachwise.settings import Settings

pytestmark = pytest.mark.anyio

START_US = 1_790_000_000_000_000
DOCUMENT = """
journeys:
  - journey_id: basket
    entry: {event: Checkout Started, key: order_id}
    reentry: always
    steps:
      - {id: order, wait_for: {event: Order Completed, key: order_id, within: 1h}, else: nudge}
      - {id: bought, exit: recovered}
      - {id: nudge, wait: 1d}
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine in memory whose clock stands still."""
    with Engine.open(clock=SettableClock(START_US)) as engine:
        yield engine


@pytest.fixture
def http(engine: Engine) -> httpx.AsyncClient:
    """A client of its API with the secret key."""
    app = create_app(engine.core, Keys(write="wk", secret="sk"), Settings())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": "Bearer sk"}
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


async def put(http: httpx.AsyncClient, document: str = DOCUMENT) -> list[dict[str, Any]]:
    """Put journeys as YAML."""
    answer = await http.put(
        "/v1/journeys", content=document, headers={"Content-Type": "application/yaml"}
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_what_is_put_has_a_version_and_the_next_when_it_changed(
    http: httpx.AsyncClient,
) -> None:
    first = await put(http)
    again = await put(http)
    changed = await put(http, DOCUMENT.replace("wait: 1d", "wait: 2d"))
    assert [each[0]["version"] for each in (first, again, changed)] == [1, 1, 2]


async def test_a_fault_names_its_line(http: httpx.AsyncClient) -> None:
    answer = await http.put("/v1/journeys", content=DOCUMENT.replace("else: nudge", "else: nugde"))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("line 7: journeys[0].steps[0].else: ")
    assert (await http.get("/v1/journeys")).json() == []


async def test_counts_and_people_follow_what_happens(
    http: httpx.AsyncClient, engine: Engine
) -> None:
    await put(http)
    for name in ("ann", "bob"):
        engine.track(name, "Checkout Started", {"order_id": f"o-{name}"})
    engine.track("bob", "Order Completed", {"order_id": "o-bob", "total": 10})
    engine.tick()
    (view,) = (await http.get("/v1/journeys")).json()
    assert view == (await http.get("/v1/journeys/basket")).json()
    assert (view["statuses"], view["steps"]) == ({"active": 1, "completed": 1}, {"order": 1})
    waiting = (await http.get("/v1/journeys/basket/people?step=order&status=active")).json()
    assert [(one["individual_id"], one["key"]) for one in waiting] == [("user:ann", "o-ann")]
    everybody = (await http.get("/v1/journeys/basket/people?limit=1")).json()
    rest = (
        await http.get(f"/v1/journeys/basket/people?after={everybody[0]['instance_id']}")
    ).json()
    assert {one["individual_id"] for one in everybody + rest} == {"user:ann", "user:bob"}
    assert len(everybody) == len(rest) == 1
    (mine,) = (await http.get("/v1/individuals/user:bob/journeys")).json()
    assert (mine["status"], mine["reason"]) == ("completed", "recovered")


async def test_entering_by_hand_is_done_once_for_a_request(
    http: httpx.AsyncClient, engine: Engine
) -> None:
    await put(http)
    engine.identify("ann", {"name": "Ann"})
    asked = {"userId": "ann", "key": "k", "properties": {"value": 3}, "request_id": "r1"}
    first = await http.post("/v1/journeys/basket/enter", json=asked)
    assert first.status_code == 200, first.text
    assert (first.json()["step"], first.json()["key"]) == ("order", "k")
    assert (await http.post("/v1/journeys/basket/enter", json=asked)).json() == first.json()
    other = await http.post("/v1/journeys/basket/enter", json=asked | {"request_id": "r2"})
    assert (other.status_code, other.json()["field"]) == (400, "individual")
    assert "is in it already" in other.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/v1/journeys/none", None, 404, "no journey 'none'; known: basket"),
        ("GET", "/v1/journeys/none/people", None, 404, "no journey 'none'"),
        ("GET", "/v1/journeys/basket/people?status=gone", None, 400, "status must be one of"),
        ("GET", "/v1/journeys/basket/people?limit=0", None, 400, "limit must be"),
        ("GET", "/v1/individuals/user:nobody/journeys", None, 404, "no individual"),
        ("POST", "/v1/journeys/basket/enter", {}, 400, "one of userId"),
        ("POST", "/v1/journeys/basket/enter", {"user_id": "a"}, 400, "write userId"),
        ("POST", "/v1/journeys/basket/enter", {"userId": "nobody"}, 404, "no individual"),
        ("POST", "/v1/journeys/none/enter", {"userId": "ann"}, 404, "no journey"),
    ],
)
async def test_what_cannot_be_done_is_said(
    http: httpx.AsyncClient, method: str, path: str, body: object, status: int, words: str
) -> None:
    await put(http)
    answer = await http.request(method, path, json=body)
    assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text


async def test_the_write_key_opens_none_of_it(http: httpx.AsyncClient) -> None:
    for method, path in (("PUT", "/v1/journeys"), ("POST", "/v1/journeys/basket/enter")):
        answer = await http.request(
            method, path, content=b"{}", headers={"Authorization": "Bearer wk"}
        )
        assert answer.status_code == 401


async def test_an_event_that_moves_a_journey_ends_the_wait_for_the_next_tick(
    engine: Engine,
) -> None:
    app = create_app(engine.core, Keys(write="wk", secret="sk"), Settings(), tick_interval_s=3600.0)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"Authorization": "Bearer sk"}
    )
    async with app.router.lifespan_context(app), client as http:
        await put(http)
        sent = {"userId": "ann", "event": "Checkout Started", "properties": {"order_id": "o"}}
        await http.post("/v1/track", json=sent)
        for _ in range(500):
            if (await http.get("/v1/journeys/basket")).json()["statuses"]:
                break
            await asyncio.sleep(0.01)
        (mine,) = (await http.get("/v1/individuals/user:ann/journeys")).json()
    assert mine["step"] == "order"
