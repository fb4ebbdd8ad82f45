"""The client: a connection that the server closed while idle costs no wait, and its verbs are the engine's."""

from __future__ import annotations

import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.adapters.remote import RemoteEngine
from eachwise.contracts.errors import InvalidInput, Unavailable
from tests.support.server import serving

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"counts":1}'


@contextmanager
def server(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that hands each connection to ``handle``, one after another, and closes it after."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                handle(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def read(connection: socket.socket) -> bytes:
    """One request without a body."""
    seen = b""
    while not seen.endswith(b"\r\n\r\n") and (some := connection.recv(4096)):
        seen += some
    return seen


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited between tries; it does not really."""
    found: list[float] = []
    monkeypatch.setattr("eachwise.adapters.http_client.time.sleep", found.append)
    return found


def test_a_connection_closed_while_idle_is_opened_again_at_once(waits: list[float]) -> None:
    connections = 0

    def once(connection: socket.socket) -> None:
        nonlocal connections
        connections += 1
        if read(connection):
            connection.sendall(ANSWER)

    with server(once) as url:
        engine = RemoteEngine(url, "sk")
        assert [engine.status() for _ in range(5)] == [{"counts": 1}] * 5
        engine.close()
    assert connections == 5
    assert waits == []


def test_a_server_that_never_answers_is_tried_with_waits_between(waits: list[float]) -> None:
    with server(lambda connection: None) as url:
        engine = RemoteEngine(url, "sk")
        with pytest.raises(Unavailable, match="no answer"):
            engine.status()
        engine.close()
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2]


def test_an_answer_that_breaks_off_is_no_idle_connection(waits: list[float]) -> None:
    answers = [ANSWER, ANSWER[:-5], ANSWER]

    def several(connection: socket.socket) -> None:
        while answers and read(connection):
            answer = answers.pop(0)
            connection.sendall(answer)
            if answer != ANSWER:
                return

    with server(several) as url:
        engine = RemoteEngine(url, "sk")
        assert engine.status() == engine.status() == {"counts": 1}
        engine.close()
    assert waits == [0.2]


def verbs(kind: type) -> dict[str, inspect.Signature]:
    """The public methods of a class with their signatures."""
    return {
        name: inspect.signature(found)
        for name, found in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_engines_have_the_same_verbs_with_the_same_signatures() -> None:
    here, there = verbs(Engine), verbs(RemoteEngine)
    # A server keeps its own time.
    del here["tick"]
    assert there == here


def test_every_verb_works_over_http(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        engine = server.engine()
        assert engine.put_items([{"item_id": "a/b"}, {"item_id": "c"}]).accepted == 2
        assert engine.put_items(b'{"item_id": "d"}\n').accepted == 1
        engine.define({"placements": [{"placement_id": "home"}], "experiences": []})
        assert list(engine.define("placements: [{placement_id: hero}]").placements) == ["hero"]
        assert engine.track("u", "Product Viewed", {"product_id": "c"}).accepted == 1
        assert engine.identify("u", {"plan": 1}, anonymousId="phone").accepted == 1
        assert engine.send(iter([{"type": "page"}])).rejected[0].code == "missing_identity"
        assert engine.individual("u").events == 2
        found = engine.recommend("u", count=2, exclude={"color": "red"}, popularity=0.5)
        assert (len(found.items), found.considered) == (2, 3)
        (last,) = engine.recommend("u", count=2, cursor=found.cursor).items
        assert last.item_id not in {item.item_id for item in found.items}
        with pytest.raises(InvalidInput, match="cursor"):
            engine.recommend("u", cursor="none")
        (decided,) = engine.decide("u", placements=["hero"]).decisions
        assert engine.decision(decided.decision_id).inputs.state
        assert engine.replay(decided.decision_id).exact
        gone = engine.remove_items(["a/b", "nothing", "d"])
        assert (gone.accepted, [each.line for each in gone.rejected]) == (2, [1])
        assert engine.remove_items([]).version == gone.version == 4
        engine.unmerge("user:u", "anon:phone")
        with pytest.raises(InvalidInput, match="two people already"):
            engine.unmerge("user:u", "anon:phone")
        engine.close()
