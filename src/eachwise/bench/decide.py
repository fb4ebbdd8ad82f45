"""Decisions: 1,000 items, 40 experiences, people with 60 days of history; one placement a request.

Through HTTP on one processor, beside an empty route of the same stack, with and without the wait for the disk; and
again while an import runs and the learner takes in what came of the decisions. ``split`` measures the parts in-process,
``decide_stages`` every stage with 10 to 10,000 candidates.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from eachwise.bench.decide_stages import measure_stages
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.bench.load import pooled, send
from eachwise.bench.material import DAYS, Material
from eachwise.bench.processes import (
    SECRET_KEY,
    Process,
    Server,
    bare_serving,
    serving,
    two_cpus,
)
from eachwise.bench.split import Split, split
from eachwise.bench.stores import fill
from eachwise.bench.wire import Plan, Result, request_bytes
from eachwise.contracts.errors import EachwiseError

PEOPLE = 1000
ROUNDS = 3
SECONDS = 3.0
LOADED_SECONDS = 8.0
WARMUP = 200
# So many decisions at once show what one processor can do; more only wait for one another.
CONNECTIONS = 8
# Lines made ready for the import that runs beside: more than it can take.
IMPORT_RATE_MAX = 15_000
SPLIT_DECISIONS = 1500
NO_FSYNC = '[store]\nsynchronous = "OFF"\n'
BARE = "empty route of the same stack"


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``decide``."""
    material = Material(people=effort.count(PEOPLE, least=200), days=effort.days(DAYS))
    effort.say(
        f"decide: filling a store with {len(material.events):,} events of {material.people:,} people"
    )
    store, copy = effort.folder / "decide", effort.folder / "no-fsync"
    fill(store, material, effort.say)
    effort.say("decide: the parts, in-process")
    parts = split(store, material.ids, effort.count(SPLIT_DECISIONS, least=20))
    shutil.copytree(store, copy)
    with ExitStack() as stack:
        cpu, other = two_cpus()
        sides = {
            "ours": stack.enter_context(serving(store, cpu=cpu)),
            "no_fsync": stack.enter_context(serving(copy, settings=NO_FSYNC, cpu=cpu)),
            "bare": stack.enter_context(bare_serving("empty", effort.folder, cpu=cpu)),
        }
        bodies = [request_bytes("/v1/decide", body) for body in material.decide_bodies()]
        one = _rounds(effort, sides, bodies, connections=1, cpu=other)
        many = _rounds(effort, sides, bodies, connections=CONNECTIONS, cpu=other)
        loaded, imported = _loaded(effort, sides["ours"], material, bodies, other)
    return [
        *_figures(one, many),
        *_split_figures(parts),
        *_loaded_figures(one["ours"], loaded, imported),
        *measure_stages(effort),
    ]


def _rounds(
    effort: Effort,
    sides: dict[str, Server],
    requests: Sequence[bytes],
    *,
    connections: int,
    cpu: int | None,
) -> dict[str, list[Result]]:
    """Every server in turn, several times."""
    found: dict[str, list[Result]] = {name: [] for name in sides}
    for number in range(effort.rounds(ROUNDS)):
        for name, server in sides.items():
            plan = Plan(
                port=server.port,
                requests=list(requests),
                connections=connections,
                seconds=effort.seconds(SECONDS),
                warmup=effort.count(WARMUP, least=2),
                again=True,
            )
            found[name].append(send(server, plan, effort.folder, cpu=cpu))
        said = ", ".join(f"{name} {results[-1].ms(50):.2f} ms" for name, results in found.items())
        effort.say(f"decide: {connections} at once, round {number + 1}: p50 {said}")
    return found


def _figures(one: dict[str, list[Result]], many: dict[str, list[Result]]) -> list[Figure]:
    alone = {name: pooled(results) for name, results in one.items()}
    figures = []
    for name, side, note in (("http", "ours", ""), ("http_without_fsync", "no_fsync", "≤ 2")):
        for percent in (50, 99):
            figures.append(
                Figure(
                    name=f"{name}_p{percent}",
                    value=alone[side].ms(percent),
                    unit="ms",
                    yardstick=alone["bare"].ms(percent),
                    beside=BARE,
                    aim=note if percent == 50 else "",
                )
            )
    for name, side in (("decisions_per_s", "ours"), ("decisions_per_s_without_fsync", "no_fsync")):
        figures.append(
            Figure(
                name=name,
                value=median([result.rate for result in many[side]]),
                unit="1/s",
                yardstick=median([result.rate for result in many["bare"]]),
                beside=f"{BARE}; one processor, {CONNECTIONS} connections",
            )
        )
    return figures


def _split_figures(parts: Split) -> list[Figure]:
    figures = []
    for percent in (50, 99):
        fsync_ms = parts.ms("fsync", percent)
        for part, aim in (
            ("compute", "≤ 2" if percent == 50 else ""),
            ("commit", ""),
            ("fsync", ""),
        ):
            figures.append(
                Figure(
                    name=f"{part}_p{percent}",
                    value=parts.ms(part, percent),
                    unit="ms",
                    yardstick=fsync_ms,
                    beside="the disk's bare fsync of 4 KiB; in-process",
                    aim=aim,
                )
            )
    return figures


def _loaded_figures(alone: Sequence[Result], loaded: Result, imported: float) -> list[Figure]:
    before = pooled(alone)
    figures = [
        Figure(
            name=f"loaded_p{percent}",
            value=loaded.ms(percent),
            unit="ms",
            yardstick=before.ms(percent),
            beside="http without the import and the learner",
        )
        for percent in (50, 99)
    ]
    figures += [
        Figure(name="loaded_imported", value=imported, unit="events/s"),
        Figure(
            name="loaded_outcomes",
            value=loaded.outcomes / loaded.seconds,
            unit="events/s",
        ),
    ]
    return figures


def _loaded(
    effort: Effort, server: Server, material: Material, requests: Sequence[bytes], cpu: int | None
) -> tuple[Result, float]:
    """Decisions one after another while an import runs and outcomes come back; and the import's events a second."""
    seconds = effort.seconds(LOADED_SECONDS)
    with _importing(effort, server, material, seconds, cpu):
        before, started = server.logged(), time.perf_counter()
        plan = Plan(
            port=server.port,
            requests=list(requests),
            connections=1,
            seconds=seconds,
            warmup=1,
            again=True,
            outcomes=True,
        )
        result = send(server, plan, effort.folder, cpu=cpu)
        took_s = time.perf_counter() - started
        taken = server.logged() - before - result.outcomes
    effort.say(f"decide: loaded, p50 {result.ms(50):.2f} ms, p99 {result.ms(99):.2f} ms")
    return result, max(0.0, taken / took_s)


@contextmanager
def _importing(
    effort: Effort, server: Server, material: Material, seconds: float, cpu: int | None
) -> Iterator[None]:
    """``eachwise import events`` of other people's history, under way for the length of a block."""
    file = effort.folder / "history.jsonl"
    wanted, copy = int(IMPORT_RATE_MAX * (seconds + 1.0)), 0
    with file.open("wb") as lines:
        while wanted > 0:
            some = material.lines(f"-import-{copy}")[:wanted]
            lines.write(b"\n".join(some) + b"\n")
            wanted, copy = wanted - len(some), copy + 1
    command = [sys.executable, "-m", "eachwise", "import", "events", str(file), "--quiet"]
    command += ["--url", server.url, "--key", SECRET_KEY]
    before = server.logged()
    process = Process(command, log=effort.folder / "import.log", cpu=cpu)
    try:
        while server.logged() == before:
            if not process.alive():
                raise EachwiseError(f"the import ended before it began:\n{process.output()}")
            time.sleep(0.01)
        yield
        if not process.alive():
            raise EachwiseError(f"the import ended before its time:\n{process.output()}")
    finally:
        process.kill()
