"""Links and pictures in messages work whether they can be counted or not; the ticker hears of answers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import httpx
import pytest

from eachwise.contracts.errors import EachwiseError, StoreError, Unavailable
from eachwise.contracts.keys import Keys
from eachwise.deliver import Token, TokenKind, sign_token
from eachwise.flow.drive import Flow
from eachwise.service import create_app
from eachwise.service.tracking import PIXEL
from eachwise.settings import Settings
from tests.unit.service.memory_core import MemoryCore

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]
SHOP = "https://shop.example/sale?a=1"


def token(core: MemoryCore, kind: TokenKind) -> str:
    made = Token(kind=kind, individual_id="user:u1", message_id="m", channel="email", url=SHOP)
    return sign_token(made, core.delivery.returns._key)


def failing(error: EachwiseError) -> Callable[[str], Flow[None]]:
    def count(_: str) -> Flow[None]:
        yield from ()
        raise error

    return count


@pytest.mark.parametrize("error", [Unavailable("too much"), StoreError("the disk is full")])
async def test_a_click_and_a_picture_that_cannot_be_counted_work_all_the_same(
    client: Client,
    core: MemoryCore,
    error: EachwiseError,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("clicked", "opened"):
        monkeypatch.setattr(core.delivery.returns, name, failing(error))
    with caplog.at_level(logging.WARNING):
        async with client(None) as http:
            followed = await http.get(f"/t/c/{token(core, 'c')}")
            picture = await http.get(f"/t/o/{token(core, 'o')}.gif")
            forged = await http.get("/t/c/AAAA.BBBB")
    assert (followed.status_code, followed.headers["location"]) == (302, SHOP)
    assert (picture.status_code, picture.content) == (200, PIXEL)
    assert forged.status_code == 404
    assert caplog.text.count(f"not counted: {error.message}") == 2


async def test_an_answer_of_a_channel_is_a_tick_and_after_the_end_nothing(core: MemoryCore) -> None:
    app = create_app(core, Keys(write="w", secret="s"), Settings(), tick_interval_s=60.0)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0)
        before = core.ticks
        answered = threading.Thread(target=core.delivery.dispatching.wake)
        answered.start()
        await asyncio.wait_for(core.ticked(1), 10)
        answered.join()
        assert core.ticks == before + 1
        ours = core.delivery.dispatching.wake
    assert core.delivery.dispatching.wake is not ours
