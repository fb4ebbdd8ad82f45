"""Items for one person, and one more event of a person, with 1,000, 10,000 and 100,000 items: in-process.

The yardstick is the least that any ranking of all items could cost: one product of the items' 64 numbers with the
person's, and the fifty best of it.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from eachwise.bench.crowd import Shop
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, percentile
from eachwise.bench.stores import UNTIMED
from eachwise.bench.taught import fitted
from eachwise.bootstrap import Engine
from eachwise.contracts.recommendation import RecommendRequest
from eachwise.contracts.taste import Interactions
from eachwise.events import parse_batch
from eachwise.flow.drive import run
from eachwise.maths.times import iso
from eachwise.recommend import encode_trained

SIZES = {"1e3": 1_000, "1e4": 10_000, "1e5": 100_000}
# People whose engagements the models are fitted on, for each item; and those who come by.
FITTED_A_ITEM, FITTED_MAX, VISITORS = 0.5, 20_000, 300
# Those that serve from the largest tables; each is fitted alone and all weigh alike.
MODELS = ("transitions", "twohop", "spectral", "content", "affinity", "trend", "late")
ASKED, UPDATES, WARMUP = 600, 2_000, 30
DIMENSIONS, BEST = 64, 50
COUNT = 12
DOT = "a product of all items with 64 numbers, and the 50 best"
MIB = 1 << 20


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``recommend``."""
    figures: list[Figure] = []
    for name, size in SIZES.items():
        shop = Shop(items=effort.count(size, least=120))
        effort.say(f"recommend: {shop.items:,} items")
        figures += _measured(effort, shop, name)
    return figures


def _measured(effort: Effort, shop: Shop, name: str) -> list[Figure]:
    people = min(FITTED_MAX, max(VISITORS, int(FITTED_A_ITEM * shop.items)))
    data = shop.lives(people, time.time())
    with Engine.open(settings=UNTIMED) as engine:
        engine.put_items(b"\n".join(msgspec.json.encode(item) for item in shop.catalogue()))
        catalog = engine.core.catalogue.shelf.index
        engine.publish_trained(encode_trained(fitted(data, catalog, MODELS, effort.say)))
        visitors = effort.count(VISITORS, least=20)
        for number in range(visitors):
            engine.send(_events(data, number, number))
        run(engine.core.checkpoint())
        asked = _times(
            lambda number: _ask(engine, number % visitors), effort.count(ASKED, least=20)
        )
        updates = _update_times(engine, data, visitors, effort.count(UPDATES, least=20))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _rss_unit()
    dots = _dots(shop.items, effort.count(ASKED, least=20))
    figures = [
        Figure(
            name=f"{what}_p{percent}_{name}",
            value=1e3 * percentile(times, percent),
            unit="ms",
            yardstick=1e3 * percentile(dots, percent),
            beside=DOT,
            aim=aim if percent == 50 else "",
        )
        for what, times, aim in (("recommend", asked, "≤ 5"), ("event", updates, ""))
        for percent in (50, 99)
    ]
    return [*figures, Figure(name=f"rss_max_{name}", value=memory, unit="MiB")]


def _ask(engine: Engine, number: int) -> None:
    engine.core.recommending.recommend(RecommendRequest(user_id=f"p{number}", count=COUNT))


def _update_times(engine: Engine, data: Interactions, visitors: int, count: int) -> list[float]:
    """Seconds that one more view takes once it is parsed: logged in memory, linked, folded, counted."""
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


def _dots(items: int, count: int) -> list[float]:
    """Seconds of the yardstick."""
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((items, DIMENSIONS), dtype=np.float32)
    persons = draw.standard_normal((64, DIMENSIONS), dtype=np.float32)

    def dot(number: int) -> None:
        scores = vectors @ persons[number % len(persons)]
        best = np.argpartition(-scores, min(BEST, items - 1))[:BEST]
        best[np.argsort(-scores[best])]

    return _times(dot, count)


def _times(once: Callable[[int], object], count: int) -> list[float]:
    """Seconds of each call after a few that do not count."""
    for number in range(min(WARMUP, count // 4)):
        once(number)
    found = []
    for number in range(count):
        begun = time.perf_counter()
        once(number)
        found.append(time.perf_counter() - begun)
    return found


def _rss_unit() -> float:
    """What ``ru_maxrss`` counts in, a MiB: kilobytes on Linux, bytes on macOS."""
    return float(MIB if sys.platform == "darwin" else MIB // 1024)
