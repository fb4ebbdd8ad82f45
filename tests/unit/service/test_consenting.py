"""A person's consent over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from eachwise.adapters.remote import RemoteEngine
from eachwise.contracts.consent import ConsentView
from tests.support.server import SECRET_KEY, serving

Client = Callable[..., httpx.AsyncClient]


@pytest.mark.anyio
async def test_nobody_is_told_of_whom_nothing_is_known(client: Client) -> None:
    async with client() as http:
        answer = await http.get("/v1/individuals/user:9/consent")
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("no individual 'user:9'")


def test_a_persons_consent_from_a_server(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as server:
        engine = RemoteEngine(server.url, key=SECRET_KEY)
        engine.identify("ann", {"consent": {"news": True}})
        found = engine.consent("ann")
        engine.close()
    assert isinstance(found, ConsentView)
    assert [(each.key, each.given) for each in found.cells] == [("news", True)]
    assert [each.said for each in found.history] == [{"news": True}]
