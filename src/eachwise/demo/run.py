"""The demo's process: the real server over an embedded store, the page beside it, and the driver as its child."""

from __future__ import annotations

import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from eachwise.contracts.errors import InvalidInput
from eachwise.demo.messages import DriverOptions, Phase, Report

HOST = "127.0.0.1"
PORT_NEXT = 1
DAYS_MAX = 365
PEOPLE_MAX = 200_000


def run_demo(*, port: int, store: Path | None, people: int, days: int, seed: int) -> None:
    """Run until interrupted. Without ``store`` everything is in a temporary directory, which goes at the end.

    Raises ``InvalidInput`` where the port is taken, naming another, or where no such world exists.
    """
    _check(people, days)
    print("Eachwise demo: a frozen-food shop that decides for each of its visitors, one at a time.", flush=True)
    print(f"  {people:,} inhabitants, {days} days of history, seed {seed}; starting the server …", flush=True)
    interruptible = threading.current_thread() is threading.main_thread()
    if interruptible:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _serve(port, store, people, days, seed)
    except KeyboardInterrupt:
        pass
    finally:
        if interruptible:
            signal.signal(signal.SIGTERM, before)
    print("Stopped." if store else "Stopped; the temporary store is gone.", flush=True)


def _serve(port: int, store: Path | None, people: int, days: int, seed: int) -> None:
    from eachwise.adapters.keys import load_keys
    from eachwise.bootstrap import Service
    from eachwise.demo.child import Child
    from eachwise.demo.panel import Panel
    from eachwise.service import create_app, serve
    from eachwise.settings import Settings

    settings = Settings()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eachwise-demo-")))
        place = store or folder / "store"
        keys, _ = load_keys(place)
        core = stack.enter_context(Service.open(place, settings=settings))
        panel = Panel(core, keys, listener=Narrator())
        child = stack.enter_context(Child(panel.board.driver_ended))

        def started(url: str) -> None:
            _announce(url, place if store else None)
            child.start(
                DriverOptions(
                    url=url, secret_key=keys.secret, folder=str(folder), people=people, days=days, seed=seed
                )
            )

        app = create_app(core, keys, settings, extra_routes=panel.routes())
        try:
            serve(app, HOST, port, started)
        except InvalidInput as error:
            if error.field != "port":
                raise
            words = f"{error.message}; choose another, like: eachwise demo --port {port + PORT_NEXT}"
            raise InvalidInput(words, field="port") from None


class Narrator:
    """Says on the terminal what changed, once each."""

    def __init__(self) -> None:
        self._phase: Phase = "starting"
        self._verdict = "learning"

    def __call__(self, report: Report) -> None:
        """Look at a report of the driver."""
        if report.phase != self._phase:
            self._phase = report.phase
            past = report.backfill
            if report.phase == "backfill":
                print(f"  importing {past.days} simulated days; the page already works", flush=True)
            elif report.phase == "live":
                print(f"  {past.events:,} events of the past in {past.took_s:.0f} s; visitors come now", flush=True)
        if report.score is not None and report.score.verdict.state != self._verdict:
            self._verdict = report.score.verdict.state
            verdict = report.score.verdict
            print(f"  {report.score.visits:,} visits: {verdict.headline}. {verdict.detail}", flush=True)


def _announce(url: str, store: Path | None) -> None:
    print(f"\n  Open {url}/\n", flush=True)
    if store:
        print(f"  The store stays in {store}.", flush=True)
    print("  Ctrl-C stops everything.", flush=True)


def _check(people: int, days: int) -> None:
    if not 1 <= people <= PEOPLE_MAX:
        raise InvalidInput(f"--people: must be from 1 to {PEOPLE_MAX}, not {people}", field="people")
    if not 1 <= days <= DAYS_MAX:
        raise InvalidInput(f"--days: must be from 1 to {DAYS_MAX}, not {days}", field="days")
