"""The sending process: ``python -m eachwise.bench.sender PLAN [CPU]`` runs a plan and prints its result.

One thread and one selector, so that it takes little of the machine that it loads.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Protocol

import msgspec

from eachwise.bench.wire import HOST, Plan, Result, request_bytes

OUTCOMES_A_BATCH = 20
OUTCOMES_WAITING_MAX = 2000
CHUNK_BYTES = 1 << 18


class _Source(Protocol):
    """Where a connection's requests come from and its answers go."""

    def next(self) -> bytes | None:
        """The next request; None while there is none."""
        ...

    def answered(self, body: bytes, time_s: float) -> None:
        """Take an answer and the time from the request's first byte to its last."""
        ...


class _Placed(msgspec.Struct):
    decision_id: str
    placement_id: str
    experience_id: str


class _Answer(msgspec.Struct):
    individual_id: str
    decisions: list[_Placed]


class Outcomes:
    """What comes back for decisions, as events of the person: seen, and now and then clicked."""

    def __init__(self, click_every: int) -> None:
        self._click_every = click_every
        self._waiting: list[dict[str, object]] = []
        self._taken = 0
        self.sent = 0
        self._decode = msgspec.json.Decoder(_Answer).decode

    def take(self, body: bytes) -> None:
        """Make events of an answer to a decision."""
        if len(self._waiting) > OUTCOMES_WAITING_MAX:
            return
        answer = self._decode(body)
        for decision in answer.decisions:
            if decision.experience_id == "silence":
                continue
            self._taken += 1
            self._waiting.append(_outcome("Experience Viewed", answer.individual_id, decision))
            if self._taken % self._click_every == 0:
                self._waiting.append(_outcome("Experience Clicked", answer.individual_id, decision))

    def next(self) -> bytes | None:
        """A batch of events, once there are enough."""
        if len(self._waiting) < OUTCOMES_A_BATCH:
            return None
        batch, self._waiting = self._waiting, []
        self.sent += len(batch)
        return request_bytes("/v1/batch", msgspec.json.encode({"batch": batch}))

    def answered(self, body: bytes, time_s: float) -> None:
        """Nothing is timed here."""


class Requests:
    """The plan's requests in order, with the times of their answers."""

    def __init__(self, plan: Plan, outcomes: Outcomes | None) -> None:
        self._plan = plan
        self._outcomes = outcomes
        self._next = 0
        self.answers = 0
        self.warmed = 0
        self.times_us: list[float] = []
        self.started = time.perf_counter()
        self.ended = self.started

    def next(self) -> bytes | None:
        """The next request, None when time is over or all are sent."""
        if self._next == len(self._plan.requests) and self._plan.again:
            self._next = 0
        over = time.perf_counter() - self.started >= self._plan.seconds
        if self._next == len(self._plan.requests) or (over and self._warm()):
            return None
        self._next += 1
        return self._plan.requests[self._next - 1]

    def answered(self, body: bytes, time_s: float) -> None:
        """Count and time; the clock starts with the last answer of the warm-up."""
        self.answers += 1
        self.ended = time.perf_counter()
        if self._outcomes is not None:
            self._outcomes.take(body)
        if self._warm():
            self.times_us.append(time_s * 1e6)
        else:
            self.warmed += 1
            self.started = self.ended

    def _warm(self) -> bool:
        return self.warmed >= self._plan.warmup


class Connection:
    """One keep-alive connection: at most one request under way."""

    def __init__(self, port: int, source: _Source) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._source = source
        self._unsent = memoryview(b"")
        self._received = bytearray()
        self._started = 0.0
        self.busy = False

    def start(self) -> None:
        """Send the source's next request, if there is one."""
        request = self._source.next()
        if request is not None:
            self.busy = True
            self._unsent = memoryview(request)
            self._started = time.perf_counter()
            self.write()

    def write(self) -> None:
        """Send as much as the socket takes."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            pass

    @property
    def events(self) -> int:
        """What the selector should wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)

    def read(self) -> None:
        """Take what has come; when the answer is whole, give it to the source."""
        chunk = self.socket.recv(CHUNK_BYTES)
        if not chunk:
            raise ConnectionError("the server closed a connection")
        self._received += chunk
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        length = _length(head)
        if len(self._received) < end + 4 + length:
            return
        time_s = time.perf_counter() - self._started
        body = bytes(self._received[end + 4 :])
        if not head.startswith(b"http/1.1 200"):
            raise ConnectionError(f"not 200: {head[:200]!r} {body[:500]!r}")
        self._received.clear()
        self.busy = False
        self._source.answered(body, time_s)


def run_plan(plan: Plan) -> Result:
    """Send until time is over or nothing is left, and read every answer."""
    outcomes = Outcomes(plan.click_every) if plan.outcomes else None
    requests = Requests(plan, outcomes)
    connections = [Connection(plan.port, requests) for _ in range(plan.connections)]
    if outcomes is not None:
        connections.append(Connection(plan.port, outcomes))
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.start()
            selector.register(connection.socket, connection.events, connection)
        while any(connection.busy for connection in connections):
            for key, mask in selector.select():
                connection = key.data
                if mask & selectors.EVENT_WRITE:
                    connection.write()
                if mask & selectors.EVENT_READ:
                    connection.read()
            for connection in connections:
                if not connection.busy:
                    connection.start()
                if selector.get_key(connection.socket).events != connection.events:
                    selector.modify(connection.socket, connection.events, connection)
    for connection in connections:
        connection.socket.close()
    return Result(
        seconds=requests.ended - requests.started,
        sent=requests.answers,
        times_us=requests.times_us,
        outcomes=outcomes.sent if outcomes else 0,
    )


def _outcome(name: str, individual_id: str, decision: _Placed) -> dict[str, object]:
    kind, _, value = individual_id.partition(":")
    return {
        "type": "track",
        "event": name,
        "userId" if kind == "user" else "anonymousId": value,
        "properties": {
            "decision_id": decision.decision_id,
            "experience_id": decision.experience_id,
            "placement": decision.placement_id,
        },
    }


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise ConnectionError("an answer without Content-Length")


def main(file: str, cpu: str | None = None) -> None:
    """Run a plan and print its result as JSON."""
    if cpu is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {int(cpu)})
    plan = msgspec.msgpack.decode(Path(file).read_bytes(), type=Plan)
    result = run_plan(plan)
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
