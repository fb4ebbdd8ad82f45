"""A decision's parts apart: what is computed, what is waited for, and what the disk alone takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eachwise.adapters.clocks import SystemClock
from eachwise.bench.figures import percentile
from eachwise.bench.material import PLACEMENT
from eachwise.bootstrap import open_core
from eachwise.contracts.decision import DecideRequest
from eachwise.flow.drive import Flow
from eachwise.settings import Settings

PAGE_BYTES = 4096
WARMUP = 100
BLOCK = 50


@dataclass(slots=True)
class Split:
    """Seconds of each part, one entry a decision."""

    times_s: dict[str, list[float]] = field(
        default_factory=lambda: {"compute": [], "commit": [], "fsync": []}
    )

    def ms(self, part: str, percent: float) -> float:
        """A percentile of one part in milliseconds."""
        return 1000.0 * percentile(self.times_s[part], percent)


def split(store: Path, anonymous_ids: Sequence[str], decisions: int) -> Split:
    """Decide for one person after another at synchronous=FULL; after each block of decisions, as many bare fsyncs.

    ``compute`` is the flow's own time, ``commit`` its wait for the record to be durable, ``fsync`` a write of 4 KiB
    to a file beside the store and the wait for it.
    """
    found = Split()
    with (
        open_core(store, Settings(), SystemClock()) as core,
        (store.parent / "fsync").open("wb", buffering=0) as page,
    ):

        def decide(number: int) -> tuple[float, float]:
            anonymous_id = anonymous_ids[number % len(anonymous_ids)]
            return timed(
                core.decide(DecideRequest(anonymous_id=anonymous_id, placements=[PLACEMENT]))
            )

        for number in range(min(WARMUP, decisions // 4)):
            decide(number)
        for start in range(0, decisions, BLOCK):
            block = range(start, min(start + BLOCK, decisions))
            for compute_s, commit_s in map(decide, block):
                found.times_s["compute"].append(compute_s)
                found.times_s["commit"].append(commit_s)
            found.times_s["fsync"] += [_fsync(page.fileno()) for _ in block]
    return found


def timed(flow: Flow[Any], clock: Callable[[], float] = time.perf_counter) -> tuple[float, float]:
    """Drive a flow to its end; seconds spent in it, and seconds spent waiting for what it yields."""
    inside_s = waiting_s = 0.0
    value: Any = None
    while True:
        entered = clock()
        try:
            future = flow.send(value)
        except StopIteration:
            return inside_s + clock() - entered, waiting_s
        left = clock()
        inside_s += left - entered
        value = future.result()
        waiting_s += clock() - left


def _fsync(file: int) -> float:
    started = time.perf_counter()
    os.write(file, b"\0" * PAGE_BYTES)
    os.fsync(file)
    return time.perf_counter() - started
