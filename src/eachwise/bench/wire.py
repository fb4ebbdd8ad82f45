"""What the sending process is told, what it says, and a request as it goes over the wire. Light: it starts at once."""

from __future__ import annotations

import base64
import gzip

import msgspec

from eachwise.bench.figures import percentile

HOST = "127.0.0.1"
WRITE_KEY = "wk_bench"


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
