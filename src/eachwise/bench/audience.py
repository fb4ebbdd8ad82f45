"""For whom an item matters: one question over everyone, and what a store of so many people costs to open.

The standard size is 100,000 people and as many items; ``EACHWISE_BENCH_SCALE=10`` makes it a million people.
"""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from pathlib import Path

import msgspec

from eachwise.adapters.sqlite import SqliteStore
from eachwise.bench.crowd import Shop, populate
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.bench.processes import Server, serving
from eachwise.bench.stores import UNTIMED
from eachwise.bench.taught import taught
from eachwise.bootstrap import Engine
from eachwise.contracts.ports import Commit
from eachwise.contracts.taste import Interactions

PEOPLE, ITEMS, ITEMS_MAX = 100_000, 100_000, 100_000
TAUGHT = 20_000  # of the people, those whose transitions the live counts hold
ROUNDS = 3
LIMIT = 100
PAGE = 1000
UPLOAD_ITEMS = 5_000
MIB = 1 << 20
SCAN = "reading every state from the store, undecoded"
EMPTY = "the same over a store without people"


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``audience``."""
    people = effort.count(PEOPLE, least=300)
    shop = Shop(items=min(ITEMS_MAX, effort.count(ITEMS, least=300)))
    effort.say(f"audience: writing {people:,} people of a shop with {shop.items:,} items")
    data = shop.lives(people, time.time())
    full, empty = effort.folder / "full", effort.folder / "empty"
    furnish(empty, shop, data, effort)
    shutil.copytree(empty, full)
    with closing(SqliteStore(full, settings=UNTIMED.store)) as opened:
        written = populate(opened, shop, data)
    started, bare = _starts(effort, full), _starts(effort, empty)
    questions, scans = [], []
    with serving(full) as server, server.engine() as engine:
        before = server.rss_bytes() / MIB
        for number in range(effort.rounds(ROUNDS)):
            item_id = data.item_ids[int(data.rows[7 * number])]
            scans.append(_scan(full))
            begun = time.perf_counter()
            found = engine.audience(item_id, "restock", limit=LIMIT)
            questions.append(time.perf_counter() - begun)
            effort.say(f"audience: {questions[-1]:.1f} s for {found.considered:,} people")
        after = server.rss_bytes() / MIB
    return [
        Figure(name="people", value=float(people), unit="people"),
        Figure(name="items", value=float(shop.items), unit="items"),
        Figure(name="state_mean", value=written / people, unit="bytes"),
        Figure(
            name="audience",
            value=median(questions),
            unit="s",
            yardstick=median(scans),
            beside=SCAN,
            aim="≤ 60 for 1,000,000 people",
        ),
        Figure(name="rss_asked", value=after, unit="MiB", yardstick=before, beside="before it"),
        Figure(name="start", value=started, unit="s", yardstick=bare, beside=EMPTY),
    ]


def furnish(path: Path, shop: Shop, data: Interactions, effort: Effort) -> None:
    """A store with the shop's items, and live counts as if some of the people had just been there."""
    lines = [msgspec.json.encode(item) for item in shop.catalogue()]
    with Engine.open(path, settings=UNTIMED) as engine:
        for start in range(0, len(lines), UPLOAD_ITEMS):
            engine.put_items(b"\n".join(lines[start : start + UPLOAD_ITEMS]))
    with closing(SqliteStore(path, settings=UNTIMED.store)) as opened:
        version = taught(data, shop, effort.count(TAUGHT, least=100), opened.model("taste"))
        opened.commit(Commit(models=[version])).result()


def _starts(effort: Effort, store: Path) -> float:
    """Seconds from the start of a server to its first answer, the median of some."""
    times = []
    for _ in range(effort.rounds(ROUNDS)):
        begun = time.perf_counter()
        with serving(store) as server:
            _answers(server)
            times.append(time.perf_counter() - begun)
    return median(times)


def _answers(server: Server) -> None:
    with server.engine() as engine:
        engine.status()


def _scan(store: Path) -> float:
    """Seconds to read every state."""
    begun = time.perf_counter()
    with closing(SqliteStore(store, settings=UNTIMED.store)) as opened:
        after = 0
        while page := opened.individuals(after, PAGE):
            after = page[-1].number
    return time.perf_counter() - begun
