"""The demo's process: the real server over an embedded store, the page, and the driver as its child."""

from __future__ import annotations

import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from eachwise.adapters.clocks import SystemClock
from eachwise.adapters.keys import keep_keys, load_keys
from eachwise.adapters.lock import StoreLock
from eachwise.bootstrap import open_core
from eachwise.contracts.errors import InvalidInput
from eachwise.demo.child import Child
from eachwise.demo.mailbox import listen
from eachwise.demo.messages import DriverOptions, Phase, Report
from eachwise.demo.panel import Panel
from eachwise.service import create_app, serve
from eachwise.settings import DeliverySettings, Settings, SmtpSettings

HOST = "127.0.0.1"


def run(*, port: int, store: Path | None, people: int, days: int, seed: int) -> None:
    """Serve until interrupted; see ``run_demo``."""
    with (
        _terminated_as_interrupted(),
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="eachwise-demo-") as folder,
    ):
        _serve(port, store, Path(folder), people, days, seed)
    print(f"Stopped; the store stays in {store}." if store else "Stopped; nothing is left behind.")


def _serve(port: int, store: Path | None, folder: Path, people: int, days: int, seed: int) -> None:
    place = store or folder / "store"
    with ExitStack() as stack:
        mail = stack.enter_context(listen())
        port = port or _free_port()
        settings = _settings(port, mail.getsockname()[1])
        lock = stack.enter_context(StoreLock(place))
        keys, made = load_keys(place)
        core = stack.enter_context(open_core(place, settings, SystemClock(), lock=lock))
        panel = Panel(core, keys, listener=Narrator())
        child = stack.enter_context(Child(panel.board.driver_ended))

        def started(url: str) -> None:
            lock.set_url(url)
            if made:
                keep_keys(place, keys)
            print(f"\n  Open {url}/\n\n  Ctrl-C stops everything.", flush=True)
            child.start(
                DriverOptions(
                    url=url,
                    secret_key=keys.secret,
                    folder=str(folder),
                    people=people,
                    days=days,
                    seed=seed,
                    mail_fd=mail.fileno(),
                )
            )
            # The driver has the mailbox now: when it ends, nobody is to wait for an answer there.
            mail.close()

        app = create_app(core, keys, settings, extra_routes=panel.routes())
        try:
            serve(app, HOST, port, started)
        except InvalidInput as error:
            if error.field != "port":
                raise
            words = f"{error.message}; choose another: eachwise demo --port {port + 1}"
            raise InvalidInput(words, field="port") from None


def _settings(port: int, mail_port: int) -> Settings:
    """Mails go to the inhabitants' mailbox on this machine, and their links come back here."""
    delivery = DeliverySettings(
        public_url=f"http://{HOST}:{port}",
        sender="Polar Pantry <shop@polar-pantry.example>",
        smtp=SmtpSettings(host=HOST, port=mail_port, security="none"),
    )
    return Settings(delivery=delivery)


def _free_port() -> int:
    """A port that is free now: links in mails name it before the server has it."""
    with socket.socket() as trying:
        trying.bind((HOST, 0))
        port: int = trying.getsockname()[1]
    return port


class Narrator:
    """Says on the terminal what changed, once each."""

    def __init__(self) -> None:
        self._phase: Phase = "starting"
        self._verdict = "learning"

    def __call__(self, report: Report) -> None:
        """Look at a report of the driver."""
        past = report.backfill
        if report.phase != self._phase:
            self._phase = report.phase
            if report.phase == "backfill":
                words = f"importing {past.days} simulated days; the page already works"
            else:
                words = (
                    f"{past.events:,} events of the past in {past.took_s:.0f} s; visitors come now"
                )
            print(f"  {words}", flush=True)
        if report.score is not None and report.score.verdict.state != self._verdict:
            verdict = report.score.verdict
            self._verdict = verdict.state
            words = f"{report.score.visits:,} visits: {verdict.headline}. {verdict.detail}"
            print(f"  {words}", flush=True)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """While it holds, SIGTERM unwinds like Ctrl-C, so that the child and the temporary store go too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
