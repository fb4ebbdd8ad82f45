"""Server-sent events of a served engine: what waits, what comes while it is open, and an end with the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from eachwise.contracts.decision import Decided
from tests.support.sending import DEFINITIONS, ITEMS
from tests.support.server import CERTAIN, WRITE_KEY, Server, serving

JOURNEY = """
journeys:
  - journey_id: hint
    entry: [{event: Cart Viewed}]
    reentry: always
    steps:
      - {id: say, send: {placement: hero, experience: hello, within: 1h, send_time: now}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = tmp_path / "settings.toml"
    settings.write_text(f"{CERTAIN}[delivery]\nstreams_max = 2\n", encoding="utf-8")
    with serving(tmp_path / "store", "--settings", str(settings)) as started:
        with closing(started.engine()) as engine:
            engine.put_items(ITEMS)
            engine.define(DEFINITIONS)
            engine.put_journeys(JOURNEY)
        yield started


class Page(threading.Thread):
    """A page that listens, until the stream ends."""

    def __init__(self, server: Server, user: str, last_id: str = "") -> None:
        super().__init__(daemon=True)
        self.url = f"{server.url}/v1/stream?userId={user}&writeKey={WRITE_KEY}"
        self.headers = {"Last-Event-ID": last_id} if last_id else {}
        self.opened, self.ended = threading.Event(), threading.Event()
        self.got: list[tuple[str, Decided]] = []
        self.came, self.began = threading.Event(), threading.Event()
        self.first_id = ""

    def run(self) -> None:
        """Read events as a browser does."""
        with httpx.stream("GET", self.url, headers=self.headers, timeout=60) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            self.opened.set()
            name = ""
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    name = line[4:]
                    self.first_id = self.first_id or name
                    self.began.set()
                elif line.startswith("data: "):
                    self.got.append((name, msgspec.json.decode(line[6:], type=Decided)))
                    self.came.set()
        self.ended.set()


def test_a_page_hears_within_the_second_and_the_server_stops_with_streams_open(
    server: Server,
) -> None:
    with closing(server.engine()) as engine:
        engine.identify("ann", {})
        page = Page(server, "ann")
        page.start()
        assert page.opened.wait(20)
        began = time.monotonic()
        engine.track("ann", "Cart Viewed")
        assert page.came.wait(20)
        assert time.monotonic() - began < 5.0
        name, decided = page.got[0]
        assert (decided.experience_id, decided.placement_id) == ("hello", "hero")
        assert engine.message(name).state == "picked"
        # Without a key, for nobody, and beyond the limit there is no stream.
        base = f"{server.url}/v1/stream"
        assert httpx.get(f"{base}?userId=ann").status_code == 401
        assert httpx.get(f"{base}?writeKey={WRITE_KEY}").status_code == 400
        second = Page(server, "bob")
        second.start()
        assert second.opened.wait(20)
        full = httpx.get(f"{base}?userId=eve&writeKey={WRITE_KEY}")
        assert (full.status_code, "retry-after" in full.headers) == (503, True)
    assert server.stop() == 0
    assert page.ended.wait(20)
    assert second.ended.wait(20)


def test_a_page_that_comes_back_gets_what_came_behind_its_last_id(server: Server) -> None:
    with closing(server.engine()) as engine:
        engine.identify("ann", {})
        page = Page(server, "ann")
        page.start()
        assert page.opened.wait(20)
        for number in range(2):
            page.came.clear()
            engine.track("ann", "Cart Viewed", {"n": number})
            assert page.came.wait(20)
        first, second = (name for name, _ in page.got)
        again = Page(server, "ann", last_id=first)
        again.start()
        assert again.came.wait(20)
        assert [name for name, _ in again.got] == [second]


def test_a_page_that_lost_its_connection_before_its_first_message_has_an_id_to_name(
    server: Server,
) -> None:
    with closing(server.engine()) as engine:
        engine.identify("ann", {})
        page = Page(server, "ann")
        page.start()
        assert page.began.wait(20)
        engine.track("ann", "Cart Viewed")
        assert page.came.wait(20)
        again = Page(server, "ann", last_id=page.first_id)
        again.start()
        assert again.came.wait(20)
        assert again.got == page.got
