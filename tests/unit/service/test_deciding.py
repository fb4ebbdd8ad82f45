"""A decision over HTTP that does not come in time is answered with silence, and is nobody's all the same."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

import httpx
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.keys import Keys
from eachwise.contracts.ports import Commit, Committed
from eachwise.service import create_app
from eachwise.settings import parse_settings
from tests.flow.shop import START_US, furnish

pytestmark = pytest.mark.anyio


async def test_a_disk_that_hangs_is_answered_with_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = parse_settings({"api": {"decide_timeout_s": 0.05}})
    with Engine.open(clock=SettableClock(START_US), settings=settings) as engine:
        furnish(engine)
        store = engine.core._store
        commit = store.commit
        waiting: list[tuple[Commit, Future[Committed]]] = []

        def hanging(work: Commit) -> Future[Committed]:
            if not work.decisions:
                return commit(work)
            waiting.append((work, Future()))
            return waiting[-1][1]

        monkeypatch.setattr(store, "commit", hanging)
        app = create_app(engine.core, Keys(write="wk_test", secret="sk_test"), settings)
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": "Bearer wk_test"}
        body: dict[str, Any] = {"userId": "u", "placements": ["hero", "rail"]}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as http:
            answer = await http.post("/v1/decide", json=body)
        assert answer.status_code == 200
        told = answer.json()["decisions"]
        assert [each["experience_id"] for each in told] == ["silence", "silence"]
        assert [each["decision_id"] for each in told] == ["", ""]
        # The disk comes back: what was decided is logged, and answers to nobody.
        ((work, late),) = waiting
        late.set_result(commit(work).result())
        await asyncio.sleep(0.01)
        assert len(work.decisions) == 2
        assert engine.status()["outcomes"]["waiting"] >= 1
        monkeypatch.undo()
