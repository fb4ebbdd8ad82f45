"""Keys: how they are sent, what they open, and what a browser on another site may do."""

import base64
from collections.abc import Callable

import httpx
import pytest

from eachwise.contracts.errors import Busy
from eachwise.service.access import RateLimit
from eachwise.service.routes import ROUTES
from tests.unit.service.memory_core import MemoryCore

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]

BATCH = b'{"batch": [], "writeKey": "wk_test"}'


def basic(user: str, password: str = "") -> dict[str, str]:
    """The header of Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (basic("wk_test"), b'{"batch": []}', 200),
        (basic("sk_test"), b'{"batch": []}', 200),
        (basic("wk_test", "ignored"), b'{"batch": []}', 200),
        ({"Authorization": "Bearer wk_test"}, b'{"batch": []}', 200),
        ({"Authorization": "bearer  sk_test "}, b'{"batch": []}', 200),
        ({}, BATCH, 200),
        ({}, b'{"batch": []}', 401),
        ({}, b'{"batch": [], "writeKey": 7}', 401),
        ({}, b'{"batch": [], "writeKey": "other"}', 401),
        ({}, b"not json", 401),
        (basic(""), BATCH, 401),
        (basic("other"), BATCH, 401),
        ({"Authorization": "Bearer wk_tes"}, BATCH, 401),
        ({"Authorization": "Basic %%%"}, BATCH, 401),
        ({"Authorization": b"Bearer \xff".decode("latin-1")}, BATCH, 401),
        ({"Authorization": "Digest x"}, BATCH, 401),
    ],
)
async def test_how_a_key_is_sent(
    client: Client, headers: dict[str, str], body: bytes, status: int
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    async with client(None) as http:
        answer = await http.post("/v1/batch", content=body, headers=raw)
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["code"] == "unauthorized"
        assert answer.headers["www-authenticate"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_what_each_key_opens(client: Client, core: MemoryCore, route: object) -> None:
    from eachwise.service.route import Route

    assert isinstance(route, Route)
    path = route.path.replace("{id:path}", "x").replace("{id}", "x").replace("{digest}", "0" * 64)
    path = path.replace("{name}", "trained").replace("{version}", "1")
    opened = {}
    for key in (None, "wk_test", "sk_test"):
        async with client(key) as http:
            answer = await http.request(route.method, path, content=b"{}")
        opened[key] = answer.status_code != 401
    assert opened == {
        None: route.key == "open",
        "wk_test": route.key in ("open", "write"),
        "sk_test": True,
    }


async def test_browsers_elsewhere_may_send_and_ask_but_not_read(client: Client) -> None:
    async with client(None) as http:
        preflight = await http.options("/v1/batch", headers={"Origin": "https://shop.example"})
        sent = await http.post("/v1/decide", content=b"{}")
        read = await http.options("/v1/status", headers={"Origin": "https://shop.example"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert sent.status_code == 401
    assert sent.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in read.headers


def test_a_bucket_fills_again() -> None:
    now_s = 0.0
    limit = RateLimit(2, lambda: now_s)
    limit.take("write")
    limit.take("write")
    with pytest.raises(Busy):
        limit.take("write")
    limit.take("secret")
    now_s = 0.5
    limit.take("write")
    with pytest.raises(Busy) as caught:
        limit.take("write")
    assert caught.value.retry_after_s == 1


def test_no_limit_is_no_limit() -> None:
    limit = RateLimit(0, lambda: 0.0)
    for _ in range(1000):
        limit.take("write")
