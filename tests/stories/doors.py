"""The ways in: the engine in this process, and its API. A story is told through each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from eachwise import Engine
from eachwise.contracts.keys import Keys
from eachwise.service import create_app
from eachwise.settings import Settings

# Asks for items for a person; answers as JSON would have it.
Door = Callable[..., dict[str, Any]]


def in_process(engine: Engine) -> Door:
    """``Engine.recommend``."""

    def ask(user: str, **wishes: Any) -> dict[str, Any]:
        answer: dict[str, Any] = msgspec.to_builtins(engine.recommend(user, **wishes))
        return answer

    return ask


def over_http(engine: Engine) -> Door:
    """``POST /v1/recommend`` with the write key."""
    app = create_app(engine.core, Keys(write="wk", secret="sk"), Settings())
    headers = {"Authorization": "Bearer wk"}

    async def sent(body: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.post("/v1/recommend", json=body, headers=headers)

    def ask(user: str, **wishes: Any) -> dict[str, Any]:
        answer = asyncio.run(sent({"userId": user} | wishes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return ask


DOORS: dict[str, Callable[[Engine], Door]] = {"engine": in_process, "http": over_http}
