"""Stores filled through the in-process engine: what a benchmark starts from, not what it measures."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from eachwise.bench.material import Material
from eachwise.bootstrap import Engine
from eachwise.settings import Settings, StoreSettings

# Filling is not measured: nobody waits for the disk here.
UNTIMED = Settings(store=StoreSettings(synchronous="OFF"))
SLICE_ROWS = 1000
PROGRESS_INTERVAL_S = 5.0


def fill(path: Path, material: Material, say: Callable[[str], None]) -> None:
    """Make a store that holds the shop's catalogue, experiences and people's history."""
    with Engine.open(path, settings=UNTIMED) as engine:
        define(engine, material)
        take(engine, material.lines(), say)


def define(engine: Engine, material: Material) -> None:
    """Put the shop's catalogue and experiences."""
    engine.put_items(material.catalogue())
    engine.define(material.definitions())


def take(engine: Engine, lines: Sequence[bytes], say: Callable[[str], None]) -> None:
    """Take events, as lines of JSON, by the import path."""
    digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
    shown = time.monotonic()
    for first in range(0, len(lines), SLICE_ROWS):
        rows = lines[first : first + SLICE_ROWS]
        engine.import_rows(digest, "bench", first, rows, first + len(rows) == len(lines))
        if time.monotonic() - shown >= PROGRESS_INTERVAL_S:
            shown = time.monotonic()
            say(f"  {first:,} of {len(lines):,} events")
