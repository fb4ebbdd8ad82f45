"""Kill -9 at any point, again and again: journeys go on where they were, and every receiver has everything once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from queue import Queue

import msgspec
import pytest

from eachwise import Engine
from tests.e2e.journey_child import settings_of
from tests.support.sending import receiving

ROOT = Path(__file__).parents[2]
KILLS = 22
WAIT_S = 60.0


class Lives:
    """The process that forks engines, and what they said."""

    def __init__(self, store: Path, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.journey_child", str(store), url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: Queue[str] = Queue()
        self.taken: list[int] = []
        threading.Thread(target=self._read, daemon=True).start()

    def begin(self, command: str) -> int:
        """An engine's process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return int(self.until("pid"))

    def until(self, word: str) -> str:
        """What the next line that begins so says; orders taken are noted on the way."""
        while True:
            said, _, rest = self._lines.get(timeout=WAIT_S).partition(" ")
            if said == "took":
                self.taken.append(int(rest))
            if said == word:
                return rest
            assert said != "gone", f"the engine ended by itself before it said {word!r}"

    def close(self) -> None:
        """The forking process ends with its input."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=WAIT_S)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_comes_twice_however_often_it_is_killed(tmp_path: Path) -> None:
    chance = random.Random(4)

    def behave(_number: int, _key: str) -> tuple[int, dict[str, str]] | None:
        # None: it has taken it, and hangs up before the answer.
        return chance.choice([(200, {}), (200, {}), (200, {}), (503, {}), None])

    store = tmp_path / "store"
    with receiving(behave) as (taken, url):
        lives = Lives(store, url)
        try:
            for _ in range(KILLS):
                first = lives.taken[-1] + 1 if lives.taken else 0
                # The order on its way at the kill is sent again: its message id is the same.
                pid = lives.begin(str(first))
                lives.until("took")
                time.sleep(chance.random() * 0.3)
                os.kill(pid, signal.SIGKILL)
                lives.until("gone")
            lives.begin("rest")
            lives.until("rested")
            lives.until("gone")
        finally:
            lives.close()

    orders = {f"o{number}" for number in lives.taken}
    assert len(orders) == len(lives.taken) > KILLS
    # At most the one on its way at the last kill was not acknowledged.
    sent = orders | {f"o{max(lives.taken) + 1}"}
    received = Counter[tuple[str, str]]()
    for body in taken.kept.values():
        told = msgspec.json.decode(body)
        step = told.get("step", "slip")
        received[told["body"]["order"] if "step" in told else told["order"], step] += 1
    with Engine.open(store, settings=settings_of(url)) as engine:
        people = engine.journey_people("order", limit=100_000)
        followed = [
            entry.event.properties["order"]
            for entry in engine.core._store.events_after(0, 100_000)
            if entry.event.name == "Order Followed"
        ]
        assert engine.journey("order").journey["version"] == 1
    begun = [each.key for each in people]
    assert orders <= set(begun) <= sent
    assert len(begun) == len(set(begun))
    assert {each.status for each in people} == {"completed"}
    assert sorted(followed) == sorted(begun)
    assert received == Counter(
        {(order, step): 1 for order in begun for step in ("began", "slip", "ended")}
    )
