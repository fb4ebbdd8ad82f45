"""Stages and journeys' effects over HTTP, from a server to the remote engine and the terminal."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import msgspec
import pytest

from eachwise.contracts.relations import JourneyEffect, StageReport

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]


async def test_everybodys_stages(client: Client) -> None:
    async with client() as http:
        answer = await http.get("/v1/stages?since=2024-04-01&until=2024-04-15&period=week")
    found = msgspec.json.decode(answer.content, type=StageReport)
    assert (found.since, found.until) == ("2024-04-01T00:00:00.000Z", "2024-04-15T00:00:00.000Z")
    assert [each.stood["new"] for each in found.periods] == [0, 0]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/stages?period=month", 400, "period: must be day, week, 30days, not 'month'"),
        ("/v1/stages?since=x", 400, "since: not an ISO 8601 time"),
        ("/v1/individuals/user:9/stages", 404, "no individual 'user:9'"),
        ("/v1/individuals/user:a/b/stages", 404, "no individual 'user:a/b'"),
        ("/v1/journeys/welcome/effect", 404, "no journey 'welcome'"),
    ],
)
async def test_what_cannot_be_told(client: Client, path: str, status: int, words: str) -> None:
    async with client() as http:
        answer = await http.get(path)
    assert answer.status_code == status
    assert answer.json()["message"].startswith(words)


async def test_the_write_key_does_not_open_them(client: Client) -> None:
    async with client("wk_test") as http:
        for path in ("stages", "individuals/u/stages", "journeys/j/effect"):
            assert (await http.get(f"/v1/{path}")).status_code == 401


async def test_a_journeys_effect(client: Client) -> None:
    document = {
        "journeys": [
            {
                "journey_id": "welcome",
                "entry": {"event": "Signed Up"},
                "steps": [{"id": "rest", "wait": "1d"}],
            }
        ]
    }
    async with client() as http:
        put = await http.put("/v1/journeys", json=document)
        answer = await http.get("/v1/journeys/welcome/effect")
    assert put.status_code == 200
    found = msgspec.json.decode(answer.content, type=JourneyEffect)
    assert (found.people, found.total.verdict) == (0, "refused")
    assert [each.version for each in found.versions] == [1]
