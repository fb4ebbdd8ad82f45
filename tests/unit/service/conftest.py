"""An application over a core in memory, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from eachwise.contracts.keys import Keys
from eachwise.service import create_app
from eachwise.settings import ApiSettings, Settings
from tests.unit.service.memory_core import MemoryCore

Client = Callable[..., httpx.AsyncClient]


@pytest.fixture
def anyio_backend() -> str:
    """The service runs on asyncio only."""
    return "asyncio"


@pytest.fixture
def core() -> Iterator[MemoryCore]:
    """A fresh core."""
    with closing(MemoryCore()) as fresh:
        yield fresh


@pytest.fixture
def client(core: MemoryCore) -> Client:
    """Makes a client with this key (None: without); keyword arguments are the API's settings."""

    def make(key: str | None = "sk_test", **api: int) -> httpx.AsyncClient:
        keys = Keys(write="wk_test", secret="sk_test")
        app = create_app(core, keys, Settings(api=ApiSettings(**api)))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    return make
