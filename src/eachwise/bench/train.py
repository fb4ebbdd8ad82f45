"""Training: our closed-form models, chosen, weighed and fitted, beside one fit of ALS on the same data and cores.

ALS is ``implicit``'s where that is importable, with its defaults (64 factors, 15 iterations); else the same algorithm
in numpy, and the figures say so.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from eachwise.bench.crowd import Shop
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure
from eachwise.bench.machine import cpu_count
from eachwise.bench.taught import index_of
from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import Interactions
from eachwise.recommend import MODELS, encode_trained
from eachwise.recommend.training import TrainingOptions, train

SIZES = {"1e4": (10_000, 20_000), "1e5": (100_000, 100_000)}  # items, people
FACTORS, ITERATIONS = 64, 15
REGULARISATION, CONFIDENCE = 0.01, 1.0
NET = "recurrent"
MIB = 1 << 20
# Rows that are solved at a time: bounds what their normal matrices take to some 130 MB.
BLOCK = 8_000


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``train``."""
    figures: list[Figure] = []
    for name, (items, people) in SIZES.items():
        shop = Shop(items=effort.count(items, least=120))
        data = shop.lives(effort.count(people, least=80), time.time())
        effort.say(
            f"train: {len(data.rows):,} engagements, {data.people:,} people, {shop.items:,} items"
        )
        figures += _measured(effort, shop, data, name)
    return figures


def _measured(effort: Effort, shop: Shop, data: Interactions, name: str) -> list[Figure]:
    catalog = index_of(b"\n".join(msgspec.json.encode(item) for item in shop.catalogue()))
    usual = TrainingOptions()
    options = replace(
        usual,
        models=tuple(model for model in MODELS if model != NET),
        targets_max=effort.count(usual.targets_max, least=60),
    )
    begun = time.perf_counter()
    model = train(data, catalog, options, version=1, say=lambda line: effort.say(f"  {line}"))
    ours = time.perf_counter() - begun
    als, beside = peer()
    begun = time.perf_counter()
    als(data)
    theirs = time.perf_counter() - begun
    effort.say(f"train: {ours:.1f} s, beside {beside} {theirs:.1f} s")
    return [
        Figure(
            name=f"train_{name}",
            value=ours,
            unit="s",
            yardstick=theirs,
            beside=f"one fit of {beside}, {cpu_count()} processors",
            aim="≤ 60" if name == "1e4" else "",
        ),
        Figure(name=f"engagements_{name}", value=float(len(data.rows)), unit="engagements"),
        Figure(name=f"model_{name}", value=len(encode_trained(model)) / MIB, unit="MiB"),
    ]


def peer() -> tuple[Callable[[Interactions], object], str]:
    """ALS to stand beside, and its name."""
    try:
        module = importlib.import_module("implicit.als")
    except ImportError:
        return _als, "ALS in numpy (implicit is not installed)"
    return lambda data: _implicit(module, data), "implicit's ALS"


def _implicit(module: Any, data: Interactions) -> object:
    sparse: Any = importlib.import_module("scipy.sparse")
    counts = sparse.csr_matrix(
        (data.weights, data.rows, data.indptr), shape=(data.people, len(data.item_ids))
    )
    counts.sum_duplicates()
    model = module.AlternatingLeastSquares(factors=FACTORS, iterations=ITERATIONS, random_state=0)
    model.fit(counts, show_progress=False)
    return model


def _als(data: Interactions) -> tuple[Floats, Floats]:
    """Weighted ALS for implicit feedback (Hu, Koren & Volinsky 2008): x_u = (YᵀY + Yᵀ(C_u − I)Y + λI)⁻¹ YᵀC_u p_u.

    Returns the people's factors (U, f) and the items' (N, f).
    """
    draw = np.random.default_rng(0)
    owner = np.repeat(np.arange(data.people), np.diff(data.indptr))
    items = data.rows.astype(np.int64)
    people_factors = 0.01 * draw.standard_normal((data.people, FACTORS))
    item_factors = 0.01 * draw.standard_normal((len(data.item_ids), FACTORS))
    by_item = np.argsort(items, kind="stable")
    for _ in range(ITERATIONS):
        people_factors = _half(owner, items, data.people, item_factors)
        item_factors = _half(items[by_item], owner[by_item], len(data.item_ids), people_factors)
    return people_factors, item_factors


def _half(rows: Ints, columns: Ints, count: int, fixed: Floats) -> Floats:
    """Solve every row given the other side's factors; ``rows`` ascend."""
    gram = fixed.T @ fixed + REGULARISATION * np.eye(FACTORS)
    starts = np.searchsorted(rows, np.arange(count + 1))
    found = np.zeros((count, FACTORS))
    for begin in range(0, count, BLOCK):
        end = min(count, begin + BLOCK)
        normal = np.repeat(gram[None], end - begin, axis=0)
        wanted = np.zeros((end - begin, FACTORS))
        for row in range(begin, end):
            met = fixed[columns[starts[row] : starts[row + 1]]]
            normal[row - begin] += CONFIDENCE * (met.T @ met)
            wanted[row - begin] = (1.0 + CONFIDENCE) * met.sum(axis=0)
        found[begin:end] = np.linalg.solve(normal, wanted[..., None])[..., 0]
    return found
