"""Memory: what a person costs on disk, and the server's with 100,000 of them.

The states of some thousand people, folded from 60 days of their events, are measured and then copied under other ids
until there are 100,000: the copies are as large as the originals, and nobody waits for five million events.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, percentile
from eachwise.bench.load import Plan, request_bytes, send
from eachwise.bench.material import Material, touch_bodies
from eachwise.bench.processes import SECRET_KEY, Server, serving
from eachwise.bench.stores import UNTIMED, define, fill, history_bytes
from eachwise.bootstrap import Engine, open_store
from eachwise.contracts.errors import EachwiseError
from eachwise.contracts.ports import Commit

PEOPLE = 100_000
MODELS = 2000
IDS_A_PAGE = 1000
CONNECTIONS = 4
TOUCH_SECONDS_MAX = 120.0
MIB = 1 << 20
EMPTY = "server over an empty store"
EVENTS = "that person's events in the log"


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``memory``."""
    people, models = effort.count(PEOPLE, least=200), effort.count(MODELS, least=30)
    effort.say(f"memory: folding 60 days of {models:,} people")
    material = Material(people=models)
    store = effort.folder / "memory"
    fill(store, material, effort.say)
    logged = history_bytes(store)
    with Engine.open(effort.folder / "empty", settings=UNTIMED) as engine:
        define(engine, material)
    sizes, clones = _clone(store, people)
    effort.say(f"memory: {people:,} people, state p50 {percentile(sizes, 50):,.0f} bytes")
    with serving(effort.folder / "empty") as bare, serving(store) as server:
        empty, started = _rss(bare), _rss(server)
        effort.say(f"memory: RSS {started:,.0f} MiB beside {empty:,.0f} MiB; an event for each person")
        _touch(effort, server, material, clones)
        touched = _rss(server)
    figures = [
        Figure(
            name=f"person_p{percent}",
            value=percentile(sizes, percent),
            unit="bytes",
            yardstick=percentile(logged, percent),
            beside=EVENTS,
            aim="1,000–4,000" if percent == 50 else "",
        )
        for percent in (50, 99)
    ]
    return [
        *figures,
        Figure(name="people", value=float(people), unit="people"),
        Figure(name="rss_started", value=started, unit="MiB", yardstick=empty, beside=EMPTY),
        Figure(name="rss_all_touched", value=touched, unit="MiB", yardstick=empty, beside=EMPTY),
    ]


def _clone(store: Path, people: int) -> tuple[list[int], list[str]]:
    """Sizes of the stored states; and copies of them under new ids until there are so many: returns the new ids."""
    opened = open_store(store, UNTIMED)
    try:
        ids = list(_ids(store_ids=opened.individual_ids))
        states = [state for each in ids if (state := opened.individual(each)) is not None]
        new = [f"clone-{number:06d}" for number in range(max(0, people - len(states)))]
        source = itertools.cycle(states)
        for start in range(0, len(new), IDS_A_PAGE):
            page = new[start : start + IDS_A_PAGE]
            opened.commit(Commit(individuals={f"user:{each}": next(source) for each in page})).result()
        return [len(state) for state in states], new
    finally:
        opened.close()
