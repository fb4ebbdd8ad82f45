"""Kill -9 in the middle of a load: every acknowledged event is in the log after the restart, once, and folded."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.server import WRITE_KEY, Server, serving

PEOPLE = 40
BATCH = 25


def batch(worker: int, number: int) -> list[dict[str, Any]]:
    return [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"{worker}-{number}-{row}",
            "userId": f"u{(number * BATCH + row) % PEOPLE}",
            "properties": {"product_id": f"p{row % 7}"},
        }
        for row in range(BATCH)
    ]


class Sender(threading.Thread):
    """Sends batches until the server is gone, remembering how many were acknowledged."""

    def __init__(self, server: Server, worker: int) -> None:
        super().__init__()
        self.worker = worker
        self.acknowledged = 0
        self._address = server.url.removeprefix("http://")

    def run(self) -> None:
        """Until the first refusal: no retries, so that only answers of 200 count."""
        headers = {"Authorization": f"Bearer {WRITE_KEY}"}
        with (
            closing(HTTPConnection(self._address, timeout=10)) as connection,
            suppress(OSError, HTTPException),
        ):
            while True:
                body = msgspec.json.encode({"batch": batch(self.worker, self.acknowledged)})
                connection.request("POST", "/v1/batch", body, headers)
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    return
                self.acknowledged += 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_acknowledged_event_survives_kill_9_once(tmp_path: Path, seed: int) -> None:
    store = tmp_path / "store"
    server = Server(store)
    senders = [Sender(server, worker) for worker in range(3)]
    for sender in senders:
        sender.start()
    deadline = time.monotonic() + 30.0
    while sum(sender.acknowledged for sender in senders) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.Random(seed).random())
    server.kill()
    for sender in senders:
        sender.join(timeout=30)
    acknowledged = BATCH * sum(sender.acknowledged for sender in senders)
    assert acknowledged > 10 * BATCH, "the load did not get going before the kill"

    with serving(store) as again, closing(again.engine()) as engine:
        in_log = engine.status()["counts"]["events"]
        # In the log: all that was acknowledged, and at most the three batches that were on their way.
        assert acknowledged <= in_log <= acknowledged + 3 * BATCH
        # Folded once: the states count exactly the log's events.
        people = [engine.individual(f"user:u{person}") for person in range(PEOPLE)]
        assert sum(person.events for person in people) == in_log
        # Each acknowledged event was there: sent again, it is a duplicate.
        for sender in senders:
            for number in range(sender.acknowledged):
                result = engine.send(batch(sender.worker, number))
                assert (result.accepted, result.duplicates) == (BATCH, BATCH)
        assert engine.status()["counts"]["events"] == in_log
