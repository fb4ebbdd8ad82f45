"""Items for one person, and one more event of a person, with 1,000, 10,000 and 100,000 items: in-process.

Twice: before any training (live counts, tastes, trend), and with a trained blend. The yardstick is the least that any
ranking of all items could cost: one product of the items' 64 numbers with the person's, and the fifty best of it. Then
a server over the same store: what it keeps in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from eachwise.adapters.sqlite import SqliteStore
from eachwise.bench.crowd import Shop
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, percentile
from eachwise.bench.processes import Server, serving
from eachwise.bench.stores import UNTIMED
from eachwise.bench.taught import fitted, taught
from eachwise.bootstrap import Engine
from eachwise.contracts.ports import Commit
from eachwise.contracts.recommendation import RecommendRequest
from eachwise.contracts.taste import Interactions
from eachwise.events import parse_batch
from eachwise.flow.drive import run
from eachwise.maths.times import iso
from eachwise.recommend import encode_trained

SIZES = {"1e3": 1_000, "1e4": 10_000, "1e5": 100_000}
# People whose engagements the models are fitted on, for each item; and those who come by.
FITTED_A_ITEM, FITTED_MAX, VISITORS = 0.5, 20_000, 300
# What training keeps on the public data of short histories (amazon-beauty), and tastes and trend, which learn live.
# Each is fitted alone and all weigh alike: this is about cost.
MODELS = (
    *("around", "recent", "twohop", "spectral", "content", "late", "ridge"),
    *("affinity", "trend"),
)
ASKED, UPDATES, WARMUP = 600, 2_000, 30
DIMENSIONS, BEST = 64, 50
COUNT = 12
UPLOAD_ITEMS = 5_000
DOT = "a product of all items with 64 numbers, and the 50 best"
EMPTY = "a server over an empty store"
AIMS = {"recommend": "≤ 5", "untrained": "≤ 5", "event": "≤ 1"}
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of each call: by the clock, and of the processor in the caller's thread, which a busy machine disturbs
    least.
    """

    wall_s: list[float]
    cpu_s: list[float]


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``recommend``."""
    with serving(effort.folder / "empty") as server:
        empty = server.rss_bytes() / MIB
    figures: list[Figure] = []
    for name, size in SIZES.items():
        shop = Shop(items=effort.count(size, least=120))
        effort.say(f"recommend: {shop.items:,} items")
        figures += _measured(effort, shop, name)
        memory = _server_memory(effort.folder / name, effort.count(VISITORS, least=20))
        figures.append(
            Figure(
                name=f"rss_server_{name}",
                value=memory,
                unit="MiB",
                yardstick=empty,
                beside=EMPTY,
            )
        )
    return figures


def _measured(effort: Effort, shop: Shop, name: str) -> list[Figure]:
    people = min(FITTED_MAX, max(VISITORS, int(FITTED_A_ITEM * shop.items)))
    data = shop.lives(people, time.time())
    visitors, asked = effort.count(VISITORS, least=20), effort.count(ASKED, least=20)
    store = effort.folder / name
    _furnish(store, shop, data)
    times: dict[str, Times] = {}
    with Engine.open(store, settings=UNTIMED) as engine:
        for number in range(visitors):
            engine.send(_events(data, number, number))
        run(engine.core.checkpoint())
        times["untrained"] = _times(lambda number: _ask(engine, number % visitors), asked)
        catalog = engine.core.catalogue.shelf.index
        engine.publish_trained(encode_trained(fitted(data, catalog, MODELS, effort.say)))
        times["recommend"] = _times(lambda number: _ask(engine, number % visitors), asked)
        updates = effort.count(UPDATES, least=20)
        times["event"] = _update_times(engine, data, visitors, updates)
    dots = _dots(shop.items, asked)
    return [figure for what, found in times.items() for figure in _figures(what, name, found, dots)]


def _figures(what: str, name: str, found: Times, dots: Times) -> list[Figure]:
    """Milliseconds by the clock, p50 and p99, and of the processor, p50."""
    kinds = (
        (f"{what}_p50_{name}", found.wall_s, dots.wall_s, 50),
        (f"{what}_p99_{name}", found.wall_s, dots.wall_s, 99),
        (f"{what}_cpu_{name}", found.cpu_s, dots.cpu_s, 50),
    )
    return [
        Figure(
            name=each,
            value=1e3 * percentile(own, percent),
            unit="ms",
            yardstick=1e3 * percentile(beside, percent),
            beside=DOT,
            aim=AIMS[what] if percent == 50 else "",
        )
        for each, own, beside, percent in kinds
    ]


def _furnish(store: Path, shop: Shop, data: Interactions) -> None:
    """A store with the shop's items, and live counts as if everyone had just been there."""
    lines = [msgspec.json.encode(item) for item in shop.catalogue()]
    with Engine.open(store, settings=UNTIMED) as engine:
        for start in range(0, len(lines), UPLOAD_ITEMS):
            engine.put_items(b"\n".join(lines[start : start + UPLOAD_ITEMS]))
    with closing(SqliteStore(store, settings=UNTIMED.store)) as opened:
        version = taught(data, shop, data.people, opened.model("taste"))
        opened.commit(Commit(models=[version])).result()


def _server_memory(store: Path, visitors: int) -> float:
    """MiB that a server over a store holds resident once it has answered every visitor."""
    with serving(store) as server:
        _visit(server, visitors)
        return server.rss_bytes() / MIB


def _visit(server: Server, visitors: int) -> None:
    with server.engine() as engine:
        for number in range(visitors):
            engine.recommend(f"p{number}", count=COUNT)


def _ask(engine: Engine, number: int) -> None:
    engine.core.recommending.recommend(RecommendRequest(user_id=f"p{number}", count=COUNT))


def _update_times(engine: Engine, data: Interactions, visitors: int, count: int) -> Times:
    """What one more view takes once it is parsed: logged, linked, folded, counted, and durable."""
    core = engine.core
    batches: list[Any] = []
    for number in range(count):
        (event,) = _events(data, visitors + number % 50, number % visitors, "again-")[-1:]
        event |= {"messageId": f"more-{number}", "timestamp": iso(core.now_us())}
        batches.append(
            parse_batch(
                msgspec.json.encode({"batch": [event]}),
                received_at_us=core.now_us(),
                settings=core.settings,
                new_id=core.new_id,
            ).events
        )
    return _times(lambda number: run(core.ingest(batches[number])), count)


def _events(
    data: Interactions, person: int, visitor: int, prefix: str = ""
) -> list[dict[str, Any]]:
    """One drawn person's engagements as events of a visitor."""
    begin, end = int(data.indptr[person]), int(data.indptr[person + 1])
    return [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"{prefix}{person}-{place}",
            "userId": f"p{visitor}",
            "timestamp": iso(int(data.at_s[place] * 1e6)),
            "properties": {"product_id": data.item_ids[int(data.rows[place])]},
        }
        for place in range(begin, end)
    ]


def _dots(items: int, count: int) -> Times:
    """What the yardstick takes."""
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((items, DIMENSIONS), dtype=np.float32)
    persons = draw.standard_normal((64, DIMENSIONS), dtype=np.float32)

    def dot(number: int) -> None:
        scores = vectors @ persons[number % len(persons)]
        best = np.argpartition(-scores, min(BEST, items - 1))[:BEST]
        best[np.argsort(-scores[best])]

    return _times(dot, count)


def _times(once: Callable[[int], object], count: int) -> Times:
    """What each call takes, after a few that do not count."""
    for number in range(min(WARMUP, count // 4)):
        once(number)
    found = Times(wall_s=[], cpu_s=[])
    for number in range(count):
        wall, cpu = time.perf_counter(), time.thread_time()
        once(number)
        found.wall_s.append(time.perf_counter() - wall)
        found.cpu_s.append(time.thread_time() - cpu)
    return found
