"""Training: our closed-form models, chosen, weighed and fitted, beside one fit of ALS on the same data and cores.

On drawn shops, and on public data where they are at hand (``known``). ALS knows no weights to choose and no order of
engagements: it is what one fit of one usual model costs. See ``als`` for whose it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from eachwise.bench.als import timed
from eachwise.bench.crowd import Shop
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure
from eachwise.bench.known import Known, known
from eachwise.bench.machine import cpu_count
from eachwise.bench.taught import index_of
from eachwise.recommend import MODELS, encode_trained
from eachwise.recommend.training import TrainingOptions, train

SIZES = {"1e4": (10_000, 20_000), "1e5": (100_000, 100_000)}  # items, people
PUBLIC = {"ml_1m": ("ml-1m", 6_040), "beauty": ("amazon-beauty", 22_363)}  # folder, people
NET = "recurrent"
MIB = 1 << 20
AIMED = ("1e4", "ml_1m", "beauty")


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``train``."""
    figures: list[Figure] = []
    for name, (data, catalog) in _data(effort):
        effort.say(
            f"train: {name}: {len(data.rows):,} engagements, {data.people:,} people, "
            f"{len(data.item_ids):,} items"
        )
        figures += _measured(effort, name, (data, catalog))
    return figures


def _data(effort: Effort) -> Iterator[tuple[str, Known]]:
    for name, (folder, people) in PUBLIC.items():
        found = known(folder, effort.count(people, least=80), effort.say)
        if found is not None:
            yield name, found
    for name, (items, people) in SIZES.items():
        shop = Shop(items=effort.count(items, least=120))
        data = shop.lives(effort.count(people, least=80), time.time())
        yield name, (data, index_of(b"\n".join(msgspec.json.encode(i) for i in shop.catalogue())))


def _measured(effort: Effort, name: str, known: Known) -> list[Figure]:
    data, catalog = known
    usual = TrainingOptions()
    options = replace(
        usual,
        models=tuple(model for model in MODELS if model != NET),
        targets_max=effort.count(usual.targets_max, least=60),
    )
    wall, cpu = time.perf_counter(), time.process_time()
    model = train(data, catalog, options, version=1, say=lambda line: effort.say(f"  {line}"))
    ours, ours_cpu = time.perf_counter() - wall, time.process_time() - cpu
    theirs, theirs_cpu, whose = timed(data, effort.folder)
    effort.say(f"train: {name}: {ours:.1f} s, beside {theirs:.1f} s of {whose}")
    beside = f"one fit: {whose}, {cpu_count()} processors"
    return [
        Figure(
            name=f"train_{name}",
            value=ours,
            unit="s",
            yardstick=theirs,
            beside=beside,
            aim="≤ 60" if name in AIMED else "",
        ),
        Figure(
            name=f"train_cpu_{name}",
            value=ours_cpu,
            unit="s of processor",
            yardstick=theirs_cpu,
            beside=beside,
        ),
        Figure(name=f"engagements_{name}", value=float(len(data.rows)), unit="engagements"),
        Figure(name=f"model_{name}", value=len(encode_trained(model)) / MIB, unit="MiB"),
    ]
