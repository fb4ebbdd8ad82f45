"""Running benchmarks: one or all, into a table or into lines of JSON, with nothing left behind."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from eachwise.bench import figures
from eachwise.bench.effort import Effort, say, scale_from_environment
from eachwise.bench.figures import Report
from eachwise.bench.machine import machine_info
from eachwise.bench.registry import BENCHES
from eachwise.contracts.errors import InvalidInput

ALL = "all"


def run(name: str, *, as_json: bool) -> None:
    """See ``eachwise.bench.run``."""
    names = list(BENCHES) if name == ALL else [name]
    if unknown := set(names) - set(BENCHES):
        known = ", ".join([*BENCHES, ALL])
        raise InvalidInput(f"no benchmark {unknown.pop()!r}; known: {known}", field="name")
    scale = scale_from_environment()
    reports = []
    with _ended_like_interrupted():
        for each in names:
            reports.append(measure(each, scale))
            if as_json:
                print(figures.as_json(reports[-1]), flush=True)
    if not as_json:
        print(figures.as_table(reports), flush=True)


def measure(name: str, scale: float) -> Report:
    """Run one benchmark in a folder of its own, which is removed again."""
    with tempfile.TemporaryDirectory(prefix="eachwise-bench-") as folder:
        effort = Effort(scale=scale, folder=Path(folder), say=say)
        found = BENCHES[name](effort)
        return Report(bench=name, machine=machine_info(effort.folder), figures=found)


@contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that children are ended and files removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
