"""From the start of the process to the first decision answered, over a store with 10,000 people.

The yardstick is a Python process that imports what the server stands on: no server of this stack starts sooner.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.bench.material import Material, decide_body
from eachwise.bench.processes import ONE_THREAD, start_serving
from eachwise.bench.stores import fill
from eachwise.bench.wire import WRITE_KEY

PEOPLE = 10_000
# Days that give a person about ten events.
DAYS = 12.0
ROUNDS = 5
IMPORTS = "import starlette, uvicorn, numpy, msgspec"
BARE = "a process that only imports starlette, uvicorn, numpy, msgspec"


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``start``."""
    people = effort.count(PEOPLE, least=200)
    effort.say(f"start: filling a store with the history of {people:,} people")
    material = Material(people=people, days=effort.days(DAYS))
    store = effort.folder / "start"
    fill(store, material, effort.say)
    body = decide_body(anonymous_id=material.ids[len(material.ids) // 2])
    ours, bare = [], []
    for number in range(effort.rounds(ROUNDS)):
        bare.append(_time_imports())
        ours.append(_time_start(store, body))
        effort.say(f"start: round {number + 1}: {ours[-1]:.2f} s beside {bare[-1]:.2f} s")
    return [
        Figure(
            name="first_decision",
            value=median(ours),
            unit="s",
            yardstick=median(bare),
            beside=BARE,
            aim="≤ 2",
        )
    ]


def _time_start(store: Path, body: bytes) -> float:
    """Seconds from the start of the process to the first decision's answer; the server is stopped again."""
    started = time.perf_counter()
    server = start_serving(store)
    try:
        server.first_answer("POST", "/v1/decide", body, WRITE_KEY)
        return time.perf_counter() - started
    finally:
        server.stop()


def _time_imports() -> float:
    """Seconds that the yardstick takes from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, env=os.environ | ONE_THREAD)
    return time.perf_counter() - started
