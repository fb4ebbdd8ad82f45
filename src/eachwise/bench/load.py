"""Load from a process of its own: requests built beforehand, sent over keep-alive connections, each timed.

A closed loop: a connection sends its next request when the answer to the last one is there. So there are never more
requests under way than connections, and the server is never asked for more than it can do.
"""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from eachwise.bench.figures import percentile
from eachwise.bench.processes import HOST, ONE_THREAD, WRITE_KEY, Server
from eachwise.contracts.errors import EachwiseError

# How long past its time a load may take to read the last answers.
GRACE_S = 60.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: requests, taken in order by whichever connection is free, until time is over or all are sent.

    The first ``warmup`` answers are not timed. ``again``: start over when all are sent. ``outcomes``: for each answer
    to a decision, send back what came of it (seen; every ``click_every``-th clicked), in batches on a connection of
    their own.
    """

    port: int
    requests: list[bytes]
    connections: int
    seconds: float
    warmup: int = 0
    again: bool = False
    outcomes: bool = False
    click_every: int = 20


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: answers in ``seconds``, and each one's time. ``sent`` counts the warm-up too."""

    seconds: float
    sent: int
    times_us: list[float]
    outcomes: int = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times_us) / self.seconds

    def ms(self, percent: float) -> float:
        """A percentile of an answer's time in milliseconds."""
        return percentile(self.times_us, percent) / 1000.0


def request_bytes(path: str, body: bytes, *, gzipped: bool = False, key: str = WRITE_KEY) -> bytes:
    """One POST as it goes over the wire, with the write key as Segment's clients send it."""
    content = gzip.compress(body, 6) if gzipped else body
    token = base64.b64encode(f"{key}:".encode()).decode()
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: Basic {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    if gzipped:
        head.append("Content-Encoding: gzip")
    return "\r\n".join([*head, "", ""]).encode() + content


def send(server: Server, plan: Plan, folder: Path, *, cpu: int | None = None) -> Result:
    """Run a plan in a process of its own. Raises ``EachwiseError`` when one failed, or none was timed."""
    file = folder / "plan.msgpack"
    file.write_bytes(msgspec.msgpack.encode(plan))
    command = [sys.executable, "-m", "eachwise.bench.sender", str(file)]
    command += [] if cpu is None else [str(cpu)]
    said = subprocess.run(
        command,
        capture_output=True,
        env=os.environ | ONE_THREAD,
        timeout=plan.seconds + GRACE_S,
        check=False,
    )
    if said.returncode != 0:
        raise EachwiseError(
            f"the load failed: {said.stderr.decode(errors='replace')[-1000:]}\n"
            f"the server said:\n{server.output()}"
        )
    result = msgspec.json.decode(said.stdout, type=Result)
    if not result.times_us:
        raise EachwiseError(f"no answer but the warm-up's within {plan.seconds:g} s")
    return result


def pooled(results: Sequence[Result]) -> Result:
    """Rounds as one."""
    return Result(
        seconds=sum(result.seconds for result in results),
        sent=sum(result.sent for result in results),
        times_us=[time_us for result in results for time_us in result.times_us],
        outcomes=sum(result.outcomes for result in results),
    )
