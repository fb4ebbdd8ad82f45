"""Segment's and RudderStack's own clients, unmodified, against a running server: all is accepted, and counted once."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eachwise.contracts.individual import Profile
from tests.support.server import WRITE_KEY, Server, serving

pytestmark = pytest.mark.slow

NODE_CLIENT = Path(__file__).parents[1] / "clients" / "node"
ROUNDS = 20
CALLS_A_ROUND = 7


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all clients; each of them names its own people."""
    with serving(tmp_path_factory.mktemp("clients") / "store") as server:
        yield server


def counts(server: Server) -> dict[str, int]:
    """How many of each the server holds."""
    with closing(server.engine()) as engine:
        found: dict[str, int] = engine.status()["counts"]
        return found


def profile_of(server: Server, individual_id: str) -> Profile:
    """One individual, as the server sees it."""
    with closing(server.engine()) as engine:
        return engine.individual(individual_id)


def send_all(client: Any, prefix: str) -> int:
    """Make every kind of call, as Python's clients take them; returns how many."""
    for number in range(ROUNDS):
        user, anonymous = f"{prefix}-{number}", f"{prefix}-anon-{number}"
        client.page(anonymous_id=anonymous, category="Docs", name="Home", properties={"path": "/"})
        client.track(
            anonymous_id=anonymous, event="Product Viewed", properties={"product_id": f"p{number}"}
        )
        client.identify(user, {"email": f"{user}@mail.example"}, anonymous_id=anonymous)
        client.track(user, "Order Completed", {"order_id": f"{user}-o", "total": 9.5})
        client.screen(user, name="Basket")
        client.group(user, "club", {"name": "Club"})
        client.alias(f"{prefix}-old-{number}", user)
    client.flush()
    client.join()
    return ROUNDS * CALLS_A_ROUND


def check(server: Server, before: dict[str, int], sent: int, prefix: str) -> None:
    """Everything is there once, nothing was rejected, and the calls mean what they say."""
    after = counts(server)
    assert after["events"] - before["events"] == sent
    assert after["rejections"] == before["rejections"]
    profile = profile_of(server, f"user:{prefix}-3")
    assert profile.events == CALLS_A_ROUND
    assert profile.recent_items == ["p3"]
    assert (profile.orders.count, profile.orders.revenue) == (1, 9.5)
    assert profile.traits["email"] == f"{prefix}-3@mail.example"
    assert {f"user:{prefix}-3", f"anon:{prefix}-anon-3", f"email:{prefix}-3@mail.example"} <= set(
        profile.identifiers
    )
    # The anonymous visit and the id used before are the same person now.
    for other in (f"anon:{prefix}-anon-3", f"user:{prefix}-old-3"):
        assert profile_of(server, other).individual_id == profile.individual_id


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_segment_analytics_python(server: Server, packed: bool) -> None:
    from segment.analytics.client import Client  # type: ignore[import-untyped]

    before, errors = counts(server), []
    client = Client(
        WRITE_KEY,
        host=server.url,
        gzip=packed,
        upload_size=9,
        max_retries=3,
        on_error=lambda error, _: errors.append(error),
    )
    prefix = "segment-gzip" if packed else "segment-plain"
    sent = send_all(client, prefix)
    assert errors == []
    check(server, before, sent, prefix)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_rudder_sdk_python(server: Server, packed: bool) -> None:
    from rudderstack.analytics.client import Client  # type: ignore[import-untyped]

    before, errors = counts(server), []
    client = Client(
        WRITE_KEY,
        host=server.url,
        gzip=packed,
        max_retries=3,
        on_error=lambda error, _: errors.append(error),
    )
    prefix = "rudder-gzip" if packed else "rudder-plain"
    sent = send_all(client, prefix)
    assert errors == []
    check(server, before, sent, prefix)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_wrong_key_is_told_and_not_retried(server: Server) -> None:
    from segment.analytics.client import Client

    before = counts(server)
    errors: list[Any] = []
    client = Client("wrong", host=server.url, on_error=lambda error, _: errors.append(error))
    client.track("segment-wrong", "Product Viewed")
    client.flush()
    client.join()
    assert [(error.status, error.code) for error in errors] == [(401, "unauthorized")]
    assert counts(server)["events"] == before["events"]


@pytest.mark.node
def test_segment_analytics_node(server: Server) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    if not (NODE_CLIENT / "node_modules" / "@segment" / "analytics-node").is_dir():
        pytest.skip("tests/clients/node has no node_modules: run `make node-client`")
    before = counts(server)
    ended = subprocess.run(
        [node, str(NODE_CLIENT / "send.mjs"), server.url, WRITE_KEY, str(ROUNDS)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout)
    sent = ROUNDS * CALLS_A_ROUND
    assert outcome == {"made": sent, "delivered": sent, "errors": []}
    check(server, before, sent, "node")
