"""The demo's child process: it plays the world against the running server, through its public API only.

``python -m eachwise.demo.driver`` reads its orders as one line of JSON from standard input and stops when that input
ends, so that it never outlives the process that started it.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from io import FileIO
from urllib.parse import urlsplit

import msgspec

from eachwise.adapters.remote import RemoteEngine
from eachwise.contracts.errors import EachwiseError
from eachwise.demo.backfill import PastImporter
from eachwise.demo.campaigns import journeys
from eachwise.demo.mailbox import Mail, Mailbox
from eachwise.demo.messages import Backfill, DriverOptions, Phase, Report, Tick
from eachwise.demo.novelties import Novelties
from eachwise.demo.programme import definitions
from eachwise.demo.readers import Browser, Readers
from eachwise.demo.visits import Visitors
from eachwise.worlds import FrozenFoodShop

VISITS_PER_S_MAX = 30.0
# The share of the time that visits may take; the rest of the machine is for the person at the page.
DUTY_MAX = 0.5
REPORT_INTERVAL_S = 0.5
TICKS_KEPT = 24
RATE_WINDOW = 100
NICENESS = 5
DAY_S = 86_400.0


class Reporter:
    """Posts reports to the server over one connection of its own."""

    def __init__(self, options: DriverOptions) -> None:
        parts = urlsplit(options.url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=30
        )
        self._headers = {
            "Authorization": f"Bearer {options.secret_key}",
            "Content-Type": "application/json",
        }
        self._reported = 0.0

    def due(self) -> bool:
        """Whether the last report is half a second old."""
        return time.monotonic() - self._reported >= REPORT_INTERVAL_S

    def post(self, report: Report) -> None:
        """Send a report. Raises ``EachwiseError`` where the server refuses it, ``OSError`` where it is gone."""
        body = msgspec.json.encode(report)
        try:
            status, content = self._exchange(body)
        except (OSError, http.client.HTTPException):
            # The server closes a connection that was idle for a few seconds: a second try opens a new one.
            self._connection.close()
            status, content = self._exchange(body)
        if status != 200:
            raise EachwiseError(f"the demo server answered {status}: {content[:200]!r}")
        self._reported = time.monotonic()

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        self._connection.request("POST", "/demo/report", body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def main() -> int:
    """Run the driver to its end: exit status 1 with one line on stderr where something failed."""
    # Unbuffered: a thread that waits in a buffered read cannot be left behind at the end.
    orders = FileIO(sys.stdin.fileno(), closefd=False)
    options = msgspec.json.decode(orders.readline(), type=DriverOptions)
    threading.Thread(target=_end_with_parent, args=(orders,), daemon=True).start()
    try:
        drive(options)
    except (EachwiseError, OSError, http.client.HTTPException) as error:
        print(f"demo driver: {error}", file=sys.stderr)
        return 1
    return 0


def drive(options: DriverOptions) -> None:
    """Upload, back-fill, then play visits for good."""
    now_s = time.time()
    engine = RemoteEngine(options.url, options.secret_key)
    reporter = Reporter(options)
    opened_at_s = now_s - options.days * DAY_S
    shop = FrozenFoodShop(options.seed, options.people, opened_at_s=opened_at_s)
    engine.put_items(b"\n".join(msgspec.json.encode(item, enc_hook=float) for item in shop.items()))
    engine.define(msgspec.json.encode(definitions(shop), enc_hook=float))

    def tell(progress: Backfill) -> None:
        reporter.post(Report(phase="backfill", backfill=progress))

    tell(Backfill(days=options.days))
    past = PastImporter(shop, engine, options, tell).run(now_s)
    # After the past: what happened in its last hours is no occasion to write to anybody.
    engine.put_journeys(journeys(each["experience_id"] for each in shop.experiences()))
    os.nice(NICENESS)
    started_at_s = time.time()
    mails: deque[Mail] = deque()
    if options.mail_fd is not None:
        mails = Mailbox(socket.socket(fileno=options.mail_fd)).mails
    readers = Readers(shop, engine, mails, Browser().call, number=int(started_at_s * 1000.0))
    novelties = Novelties(shop, engine, started_at_s=started_at_s)
    visitors = Visitors(shop, engine, started_at_s=started_at_s)
    stream(visitors, readers, novelties, reporter, past)


def stream(
    visitors: Visitors, readers: Readers, novelties: Novelties, reporter: Reporter, past: Backfill
) -> None:
    """Visit after visit, at a pace that leaves the machine room; ends only with an error."""
    ticks: deque[Tick] = deque(maxlen=TICKS_KEPT)
    ended: deque[float] = deque(maxlen=RATE_WINDOW)
    phase: Phase = "live"
    while True:
        started = time.monotonic()
        ticks.appendleft(visitors.play())
        readers.read()
        novelties.bring()
        ended.append(time.monotonic())
        took_s = ended[-1] - started
        if reporter.due():
            span_s = ended[-1] - ended[0]
            reporter.post(
                Report(
                    phase=phase,
                    backfill=past,
                    score=visitors.board.score(),
                    visits_per_s=(len(ended) - 1) / span_s if span_s else 0.0,
                    ticks=list(ticks),
                    mail=readers.figures,
                )
            )
        time.sleep(rest_s(took_s))


def rest_s(took_s: float) -> float:
    """How long to pause after a visit that took so long: within the largest rate and the share of time allowed."""
    return max(1.0 / VISITS_PER_S_MAX - took_s, took_s * (1.0 / DUTY_MAX - 1.0))


def _end_with_parent(orders: FileIO) -> None:
    """End this process and its importer when standard input ends: the parent has gone, or wants us to go."""
    while orders.read(4096):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
