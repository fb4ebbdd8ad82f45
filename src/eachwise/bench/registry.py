"""The benchmarks by name: one file and one line each."""

from __future__ import annotations

from collections.abc import Callable

from eachwise.bench import (
    audience,
    batch,
    decide,
    ingest,
    journeys,
    learn,
    memory,
    policies,
    recommend,
    search,
    start,
    train,
)
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure

BENCHES: dict[str, Callable[[Effort], list[Figure]]] = {
    "ingest": ingest.measure,
    "decide": decide.measure,
    "start": start.measure,
    "memory": memory.measure,
    "recommend": recommend.measure,
    "train": train.measure,
    "audience": audience.measure,
    "search": search.measure,
    "policies": policies.measure,
    "learn": learn.measure,
    "batch": batch.measure,
    "journeys": journeys.measure,
}
