"""Journeys: events a second that begin or move an instance, timers, what a waiting person costs, and how soon.

The store is the embedded one with its durable commits. The yardsticks are bare SQLite, which writes the same number of
rows of the same size in as many commits, and the same events without journeys.
"""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from eachwise.adapters.clocks import SettableClock
from eachwise.adapters.sqlite import SqliteStore
from eachwise.bench import month
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, percentile
from eachwise.bootstrap import Engine
from eachwise.contracts.journey import Instance
from eachwise.contracts.ports import Commit
from eachwise.settings import Settings

EVENTS, BATCH, PEOPLE = 20_000, 100, 5_000
WAITING, TIMERS, PAGE = 100_000, 10_000, 1_000
SOON, WARMUP = 500, 50
MONTH_PEOPLE, MONTH_DAYS = 100_000, 30
START_US, HOUR_US = month.START_US, 3_600_000_000
# About what an event and an instance take in the store.
ROW_BYTES, ROWS_AN_EVENT = 300, 2
BARE = "bare SQLite: as many rows in as many commits"
WITHOUT = "the same events without journeys"
JOURNEYS = """
journeys:
  - journey_id: basket
    entry: {event: Checkout Started, key: order_id}
    reentry: always
    steps:
      - {id: order, wait_for: {event: Order Completed, key: order_id, within: 1h}}
      - {id: rest, wait: 1h}
      - {id: end, exit: over}
"""
CALLING = """
journeys:
  - journey_id: calling
    entry: {event: Checkout Started, key: order_id}
    reentry: always
    steps:
      - {id: tell, webhook: "http://127.0.0.1:9/none"}
"""


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``journeys``."""
    return [
        *_events(effort),
        *_timers(effort),
        *_soon(effort),
        *_month(effort),
    ]


def _events(effort: Effort) -> list[Figure]:
    """Events that each begin an instance, then as many that each move one, in batches of 100."""
    count = effort.count(EVENTS, least=200)
    effort.say(f"journeys: {count:,} events")
    rates: dict[str, list[float]] = {}
    for name, journeys in (("with", JOURNEYS), ("without", "")):
        with Engine.open(effort.folder / name, clock=SettableClock(START_US)) as engine:
            if journeys:
                engine.put_journeys(journeys)
            kinds = ("Checkout Started", "Order Completed")
            rates[name] = [count / _timed(partial(_sent, engine, kind, count)) for kind in kinds]
            if journeys:
                assert engine.journey("basket").steps == {"rest": count}
    bare = count / _timed(lambda: _bare(effort.folder / "bare.sqlite", count, BATCH))
    figures = []
    for place, what in enumerate(("begin", "move")):
        figures += [
            Figure(
                name=f"{what}_events_per_s",
                value=rates["with"][place],
                unit="events/s",
                yardstick=rates["without"][place],
                beside=WITHOUT,
                aim="≥ 2,000" if what == "move" else "",
            ),
            Figure(
                name=f"{what}_beside_sqlite",
                value=rates["with"][place],
                unit="events/s",
                yardstick=bare,
                beside=BARE,
            ),
        ]
    return figures


def _sent(engine: Engine, event: str, count: int) -> None:
    """Batches of 100, each taken in by the journeys before the next."""
    for start in range(0, count, BATCH):
        engine.send(_of(event, range(start, min(start + BATCH, count))))
        engine.tick()


def _of(event: str, orders: range) -> list[dict[str, Any]]:
    return [
        {
            "type": "track",
            "userId": f"u{order % PEOPLE}",
            "event": event,
            "properties": {"order_id": f"o{order}", "value": 30, "total": 30},
        }
        for order in orders
    ]


def _timers(effort: Effort) -> list[Figure]:
    """So many people wait; then some thousand timers are due."""
    waiting, due = effort.count(WAITING, least=500), effort.count(TIMERS, least=100)
    effort.say(f"journeys: {waiting:,} people wait")
    folder, clock = effort.folder / "waiting", SettableClock(START_US)
    with Engine.open(folder, clock=clock) as engine:
        engine.put_journeys(JOURNEYS)
    before_bytes = _size(folder)
    with closing(SqliteStore(folder)) as store:
        for start in range(0, waiting, PAGE):
            page = {each.instance_id: each for each in _instances(start, PAGE, due, waiting)}
            store.commit(Commit(instances=dict(page))).result()
    disk = (_size(folder) - before_bytes) / waiting
    peak = _peak_bytes()
    with Engine.open(folder, clock=clock) as engine:
        engine.tick()
        memory = (_peak_bytes() - peak) / waiting
        clock.advance(us=2 * HOUR_US)
        rate = due / _timed(engine.tick)
        assert engine.journey("basket").statuses == {"active": waiting - due, "completed": due}
    bare = due / _timed(lambda: _bare(effort.folder / "timers.sqlite", due // ROWS_AN_EVENT, 25))
    return [
        Figure(name="timers_per_s", value=rate, unit="1/s", yardstick=bare, beside=BARE),
        Figure(name="waiting_disk", value=disk, unit="bytes", yardstick=ROW_BYTES, beside="a row"),
        Figure(name="waiting_memory", value=memory, unit="bytes"),
    ]


def _instances(start: int, count: int, due: int, waiting: int) -> Iterator[Instance]:
    for number in range(start, min(start + count, waiting)):
        yield Instance(
            instance_id=f"{number:032x}",
            journey_id="basket",
            version=1,
            individual_id=f"user:w{number}",
            key=f"o{number}",
            arm="treated",
            status="active",
            step="rest",
            path=2,
            entered_at_us=START_US,
            moved_at_us=START_US,
            wake_at_us=START_US + (HOUR_US if number < due else 100 * HOUR_US) + number,
            facts={"event": {"order_id": f"o{number}", "value": 30, "total": 30}},
        )


def _soon(effort: Effort) -> list[Figure]:
    """From the event to the message in the outbox, durable, one event at a time."""
    count = effort.count(SOON, least=20)
    effort.say(f"journeys: {count:,} events one by one")
    times: list[float] = []
    with Engine.open(effort.folder / "soon", settings=Settings()) as engine:
        engine.put_journeys(CALLING)
        posted: list[float] = []
        orchestrating = engine.core.programme.orchestrating
        orchestrating.posted = lambda _: posted.append(time.perf_counter())  # then nothing is sent
        for order in range(count):
            began = time.perf_counter()
            engine.send(_of("Checkout Started", range(order, order + 1)))
            engine._run(engine.core.programme.work())
            times.append(posted[-1] - began)
        assert len(posted) == count
    # The event, then what came of it: two commits, one after the other.
    bare = effort.folder / "soon.sqlite"
    with closing(_table(bare)) as connection:
        commits = [_timed(partial(_insert_each, connection, (1, 2))) for _ in range(count)]
    warm = min(WARMUP, count // 4)
    return [
        Figure(
            name=f"event_to_outbox_p{percent}",
            value=1e3 * percentile(times[warm:], percent),
            unit="ms",
            yardstick=1e3 * percentile(commits[warm:], percent),
            beside="bare SQLite: two commits",
            aim="< 1,000" if percent == 99 else "",
        )
        for percent in (50, 99)
    ]


def _month(effort: Effort) -> list[Figure]:
    """Thirty virtual days of 100,000 people in three journeys, in memory."""
    people = effort.count(MONTH_PEOPLE, least=100)
    days = MONTH_DAYS if effort.scale >= 0.01 else 2
    effort.say(f"journeys: {days} virtual days of {people:,} people")
    told, clock = month.Told(), SettableClock(month.START_US)
    with month.opened(clock, told) as engine:
        wall_s = _timed(lambda: month.live(people, days, clock, engine, told))
        entered = sum(sum(each.statuses.values()) for each in engine.journeys())
    return [
        Figure(name="month", value=wall_s, unit="s", yardstick=days * 86_400.0, beside="the days"),
        Figure(name="month_people", value=float(people), unit="people"),
        Figure(name="month_events", value=float(told.events), unit="events"),
        Figure(name="month_instances", value=float(entered), unit="instances"),
        Figure(name="month_mails", value=float(len(told.mails)), unit="mails"),
    ]


# -- yardsticks --------------------------------------------------------------------------------------------


def _bare(file: Path, events: int, batch: int) -> None:
    """Rows as large, in two commits a batch, as durable."""
    with closing(_table(file)) as connection:
        for _ in range(0, events, batch):
            for _ in range(ROWS_AN_EVENT):
                _insert(connection, batch)


def _table(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body BLOB)")
    return connection


def _insert(connection: sqlite3.Connection, count: int) -> None:
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO rows (body) VALUES (?)", [(b"x" * ROW_BYTES,)] * count)
    connection.execute("COMMIT")


def _insert_each(connection: sqlite3.Connection, counts: Sequence[int]) -> None:
    for count in counts:
        _insert(connection, count)


def _peak_bytes() -> int:
    """The most memory that this process has had: it grows by what is kept of those who wait."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.iterdir() if each.suffix == ".sqlite")


def _timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began
