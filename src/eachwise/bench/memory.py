"""Memory: what a person costs on disk, and the server's with 100,000 of them.

The states of some thousand people, folded from 60 days of their events, are measured and then copied under other ids
until there are 100,000: the copies are as large as the originals, and nobody waits for five million events.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from eachwise.adapters.sqlite import SqliteStore
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, percentile
from eachwise.bench.load import send
from eachwise.bench.material import DAYS, Material, touch_bodies
from eachwise.bench.processes import Server, serving
from eachwise.bench.stores import UNTIMED, define, fill
from eachwise.bench.wire import Plan, request_bytes
from eachwise.bootstrap import Engine
from eachwise.contracts.errors import EachwiseError
from eachwise.contracts.ports import Commit

PEOPLE = 100_000
MODELS = 2000
IDS_A_PAGE = 1000
BATCH = 100
CONNECTIONS = 4
# More than the server keeps decoded (`store.individuals_in_memory_max`), so that memory has reached its bound.
COLD = 30_000
WARM = 5000
TOUCH_SECONDS_MAX = 120.0
MIB = 1 << 20
EMPTY = "server over an empty store"
EVENTS = "a person's events as JSON"


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``memory``."""
    people, models = effort.count(PEOPLE, least=600), effort.count(MODELS, least=200)
    effort.say(f"memory: folding 60 days of {models:,} people")
    material = Material(people=models, days=effort.days(DAYS))
    store = effort.folder / "memory"
    fill(store, material, effort.say)
    told = material.bytes_a_person()
    with Engine.open(effort.folder / "empty", settings=UNTIMED) as engine:
        define(engine, material)
    sizes, clones = _clone(store, people)
    effort.say(f"memory: {people:,} people, state p50 {percentile(sizes, 50):,.0f} bytes")
    with serving(effort.folder / "empty") as bare, serving(store) as server:
        empty, started = bare.rss_bytes() / MIB, server.rss_bytes() / MIB
        cold = clones[: effort.count(COLD, least=200)]
        effort.say(f"memory: RSS {started:,.0f} MiB; an event for each of {len(cold):,} people")
        cold_rate = _touch(effort, server, touch_bodies(material, cold, "cold"))
        touched = server.rss_bytes() / MIB
        warm = cold[-effort.count(WARM, least=200) :]
        warm_rate = _touch(effort, server, touch_bodies(material, warm, "warm"))
    figures = [
        Figure(
            name=f"person_p{percent}",
            value=percentile(sizes, percent),
            unit="bytes",
            yardstick=percentile(told, percent),
            beside=EVENTS,
            aim="1,000–4,000" if percent == 50 else "",
        )
        for percent in (50, 99)
    ]
    return [
        *figures,
        Figure(name="people", value=float(people), unit="people"),
        Figure(name="rss_started", value=started, unit="MiB", yardstick=empty, beside=EMPTY),
        Figure(name="rss_touched", value=touched, unit="MiB", yardstick=empty, beside=EMPTY),
        Figure(
            name="cold_events_per_s",
            value=cold_rate,
            unit="events/s",
            yardstick=warm_rate,
            beside="the same for people whose states are in memory",
        ),
    ]


def _clone(store: Path, people: int) -> tuple[list[int], list[str]]:
    """Sizes of the stored states; and copies of them under new user ids until there are so many people."""
    with closing(SqliteStore(store, settings=UNTIMED.store)) as opened:
        states = [state for each in _ids(opened) if (state := opened.individual(each)) is not None]
        new = [f"clone-{number:06d}" for number in range(max(0, people - len(states)))]
        source = itertools.cycle(states)
        for start in range(0, len(new), IDS_A_PAGE):
            page = new[start : start + IDS_A_PAGE]
            copies: dict[str, bytes | None] = {f"user:{each}": next(source) for each in page}
            opened.commit(Commit(individuals=copies)).result()
        return [len(state) for state in states], new


def _ids(store: SqliteStore) -> Iterator[str]:
    after = ""
    while page := store.individual_ids(after, IDS_A_PAGE):
        yield from page
        after = page[-1]


def _touch(effort: Effort, server: Server, bodies: list[bytes]) -> float:
    """Send one event for each person, on a device of the person's own; returns events a second."""
    plan = Plan(
        port=server.port,
        requests=[request_bytes("/v1/batch", body) for body in bodies],
        connections=CONNECTIONS,
        seconds=TOUCH_SECONDS_MAX,
    )
    result = send(server, plan, effort.folder)
    if result.sent < len(bodies):
        raise EachwiseError(f"only {result.sent} of {len(bodies)} batches were taken in time")
    return BATCH * result.rate
