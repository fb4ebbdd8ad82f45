"""Decisions for everybody: how many a second through the flow, in one process and in two at the same time.

One store has one writer, held by a lock: two processes do not share it. So the second figure is of two projects, each
with its own store and its own people: what both make together while both are at work.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from eachwise.adapters.clocks import SystemClock
from eachwise.bench.decide_stages import Watch
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.bench.machine import cpus
from eachwise.bench.material import EXPERIENCES, PLACEMENT, Material
from eachwise.bench.stores import UNTIMED, fill
from eachwise.bootstrap import open_core
from eachwise.contracts.batch import PAGE_MAX, BatchRequest
from eachwise.flow.drive import run

PEOPLE, DAYS = 1_000, 20.0
PROCESSES: Final = 2
_PAGE = 100
_BARE_CALLS = 50


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``batch``: decisions a second by the clock, and the processor's microseconds of one."""
    people = effort.count(PEOPLE, least=20)
    stores = [effort.folder / f"batch-{number}" for number in range(PROCESSES)]
    for store in stores:
        fill(store, Material(people=people, days=effort.days(DAYS)), effort.say)
    effort.say(f"batch: {people:,} people, one process")
    alone = decided(stores[0], "alone", None)
    effort.say(f"batch: {people:,} people each, {PROCESSES} processes, a store each")
    together = _together(stores)
    bare_us = _bare_us()
    rates = [made / took_s for made, took_s, _ in together]
    return [
        Figure(name="decisions_per_s_1", value=alone[0] / alone[1], unit="1/s"),
        Figure(
            name=f"decisions_per_s_{PROCESSES}",
            value=sum(rates),
            unit="1/s",
            yardstick=alone[0] / alone[1],
            beside=f"one process; {PROCESSES} have a store each",
        ),
        Figure(
            name=f"cpu_per_decision_{PROCESSES}",
            value=1e6 * sum(used_s / made for made, _, used_s in together) / PROCESSES,
            unit="µs",
            yardstick=1e6 * alone[2] / alone[0],
            beside="one process",
        ),
        Figure(
            name="cpu_per_decision",
            value=1e6 * alone[2] / alone[0],
            unit="µs",
            yardstick=bare_us,
            beside=f"numpy: dot with 64 numbers, argpartition, of {EXPERIENCES} candidates",
        ),
    ]


def decided(store: Path, batch_id: str, cpu: int | None) -> tuple[int, float, float]:
    """Decide for everybody in a store; how many, seconds by the clock, and seconds of the processor."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    with open_core(store, UNTIMED, SystemClock()) as core:
        began, used = time.perf_counter(), time.process_time()
        batch = run(core.batching.begin(BatchRequest(batch_id=batch_id, placement_id=PLACEMENT)))
        after: int | None = 0
        made = 0
        while after is not None:
            page = run(core.batching.page(batch.batch_id, after, min(_PAGE, PAGE_MAX)))
            made += page.looked_at
            after = page.next
        return made, time.perf_counter() - began, time.process_time() - used


def _together(stores: list[Path]) -> list[tuple[int, float, float]]:
    """All stores at the same time, a process and where there are enough a processor for each."""
    free = cpus()
    own = free if len(free) >= len(stores) else [None] * len(stores)
    with ProcessPoolExecutor(len(stores), mp_context=get_context("spawn")) as pool:
        # Started first, so that no one has the machine to itself while the other is still importing.
        for ready in [pool.submit(_ready) for _ in stores]:
            ready.result()
        futures: list[Future[tuple[int, float, float]]] = [
            pool.submit(decided, store, "together", cpu)
            for store, cpu in zip(stores, own, strict=False)
        ]
        return [future.result() for future in futures]


def _ready() -> None:
    """Wait for long enough that every process of the pool gets one."""
    time.sleep(0.2)


def _bare_us() -> float:
    watch = Watch(EXPERIENCES)
    for _ in range(_BARE_CALLS):
        watch.bare()
    return 1e6 * median(watch.bare_s)
