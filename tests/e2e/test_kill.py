"""Kill -9 in the middle of a load: every acknowledged event is in the log after the restart, once, and folded."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import SECRET_KEY, Server

PEOPLE = 40
BATCH = 25


def _batch(worker: int, number: int) -> list[dict[str, Any]]:
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
    """Sends batches until the server is gone, remembering what was acknowledged."""

    def __init__(self, server: Server, worker: int, acknowledged: set[str]) -> None:
        super().__init__()
        self._engine = server.engine(SECRET_KEY)
        self._worker = worker
        self._acknowledged = acknowledged
        self.sent = 0

    def run(self) -> None:
        """Until the first refusal."""
        for number in range(10_000):
            batch = _batch(self._worker, number)
            try:
                status, _, _ = self._engine._exchange("POST", "/v1/batch", _body(batch))
            except Exception:
                return
            if status != 200:
                return
            self._acknowledged.update(event["messageId"] for event in batch)
            self.sent += BATCH


def _body(batch: list[dict[str, Any]]) -> bytes:
    import msgspec

    return msgspec.json.encode({"batch": batch})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_acknowledged_event_survives_kill_9_once(tmp_path: Path, seed: int) -> None:
    store = tmp_path / "store"
    server = Server(store)
    acknowledged: set[str] = set()
    senders = [Sender(server, worker, acknowledged) for worker in range(3)]
    for sender in senders:
        sender.start()
    time.sleep(0.5 + random.Random(seed).random())
    server.kill()
    for sender in senders:
        sender.join(timeout=30)
    assert len(acknowledged) > 10 * BATCH, "the load did not get going before the kill"

    again = Server(store)
    try:
        engine = again.engine()
        counts = engine.status()["counts"]
        # In the log: at least what was acknowledged; at most what was sent (some went unacknowledged).
        assert counts["events"] >= len(acknowledged)
        # Folded once: the states count exactly the log's events.
        folded = sum(engine.individual(f"user:u{person}").events for person in range(PEOPLE))
        assert folded == counts["events"]
        # Sending the acknowledged ones again changes nothing: each of them was there.
        for sender in senders:
            for number in range(sender.sent // BATCH):
                result = engine.send(_batch(sender._worker, number))
                assert result.accepted == BATCH
                assert result.duplicates == BATCH
        assert engine.status()["counts"]["events"] == counts["events"]
    finally:
        assert again.stop() == 0
