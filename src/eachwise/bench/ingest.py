"""Durable events a second through HTTP, beside a bare server of the same stack that only parses the same JSON.

Batches of 100 events of the shop's people, about 465 bytes each, every one on disk (synchronous=FULL) and folded
before it is acknowledged; plain and gzipped, over keep-alive connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.bench.load import pooled, send
from eachwise.bench.material import DAYS, Material
from eachwise.bench.processes import Server, bare_serving, serving
from eachwise.bench.wire import Plan, Result, request_bytes
from eachwise.contracts.errors import EachwiseError

BATCH = 100
CONNECTIONS = 4
PEOPLE = 1000
ROUNDS = 3
SECONDS = 4.0
WARMUP = 5
# At most so many events a second are made ready for a round: more than any server here takes.
RATE_MAX = 25_000
BARE = "bare server that only parses"
AIM = "≥ 10,000"


@dataclass(slots=True)
class _Side:
    """One server's rounds, and the processor time that it spent on them."""

    server: Server
    rounds: list[Result]
    cpu_s: float = 0.0

    def take(self, effort: Effort, requests: Sequence[bytes], seconds: float) -> None:
        before = self.server.cpu_s()
        plan = Plan(
            port=self.server.port,
            requests=list(requests),
            connections=CONNECTIONS,
            seconds=seconds,
            warmup=min(WARMUP, len(requests) // 4),
        )
        self.rounds.append(send(self.server, plan, effort.folder))
        self.cpu_s += self.server.cpu_s() - before

    @property
    def sent(self) -> int:
        """Events sent, the warm-up's among them."""
        return BATCH * sum(result.sent for result in self.rounds)

    @property
    def rate(self) -> float:
        """Events a second, the median of the rounds."""
        return median([BATCH * result.rate for result in self.rounds])

    @property
    def cpu_us(self) -> float:
        """Processor time of the server for each event."""
        return 1e6 * self.cpu_s / self.sent


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``ingest``."""
    effort.say("ingest: drawing the shop's events")
    material = Material(people=effort.count(PEOPLE, least=200), days=effort.days(DAYS))
    seconds = effort.seconds(SECONDS)
    with serving(effort.folder / "ingest") as server, bare_serving("parse", effort.folder) as bare:
        with server.engine() as engine:
            engine.put_items(material.catalogue())
        plain = (_Side(server, []), _Side(bare, []))
        gzipped = (_Side(server, []), _Side(bare, []))
        for number in range(effort.rounds(ROUNDS)):
            for sides, zipped in ((plain, False), (gzipped, True)):
                suffix = f"-{number}{'z' if zipped else ''}"
                wanted = effort.count(int(RATE_MAX * SECONDS) // BATCH, least=20)
                requests = _requests(material, wanted, suffix, zipped)
                for side in sides:
                    side.take(effort, requests, seconds)
                said = f"{sides[0].rate:,.0f} events/s beside {sides[1].rate:,.0f}"
                effort.say(f"ingest: round {number + 1}, gzip {'on' if zipped else 'off'}: {said}")
        _check(server, plain[0].sent + gzipped[0].sent)
    return [*_figures("", *plain), *_figures("_gzip", *gzipped)]


def _requests(material: Material, wanted: int, suffix: str, zipped: bool) -> list[bytes]:
    """So many requests; when the shop's events are used up, other people do the same again."""
    requests: list[bytes] = []
    copy = 0
    while len(requests) < wanted:
        bodies = material.batches(BATCH, f"{suffix}-{copy}")[: wanted - len(requests)]
        requests += [request_bytes("/v1/batch", body, gzipped=zipped) for body in bodies]
        copy += 1
    return requests


def _check(server: Server, acknowledged: int) -> None:
    """What was acknowledged is in the log, every event of it."""
    if (logged := server.logged()) != acknowledged:
        raise EachwiseError(f"{acknowledged} events were acknowledged, and the log holds {logged}")


def _figures(suffix: str, ours: _Side, bare: _Side) -> list[Figure]:
    mine, theirs = pooled(ours.rounds), pooled(bare.rounds)
    figures = [
        Figure(
            name=f"events_per_s{suffix}",
            value=ours.rate,
            unit="events/s",
            yardstick=bare.rate,
            beside=BARE,
            aim=AIM,
        )
    ]
    for percent in (50, 99):
        figures.append(
            Figure(
                name=f"batch{suffix}_p{percent}",
                value=mine.ms(percent),
                unit="ms",
                yardstick=theirs.ms(percent),
                beside=f"{BARE}; {BATCH} events, {CONNECTIONS} connections",
            )
        )
    cpu = Figure(
        name=f"cpu{suffix}_per_event",
        value=ours.cpu_us,
        unit="µs",
        yardstick=bare.cpu_us,
        beside=f"{BARE}; processor time",
    )
    return [*figures, cpu]
