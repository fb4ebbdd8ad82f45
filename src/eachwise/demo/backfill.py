"""The simulated past, written to files and taken by the very command that a person would type.

While one file is imported the next is written, so that both of the machine's cores have work.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from eachwise.adapters.remote import RemoteEngine
from eachwise.contracts.errors import EachwiseError
from eachwise.demo.messages import Backfill, DriverOptions
from eachwise.worlds import FrozenFoodShop

FILES_MAX = 6
EVENTS_A_FILE = 20_000  # fewer would spend more on starting the command than on the events
EVENTS_A_PERSON_AND_DAY = 0.83
DAY_S = 86_400.0
POLL_S = 0.25
IMPORT = "import sys; from eachwise.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some days of the past in a file: where it is, its SHA-256, how many rows it has and which days it ends with."""

    file: Path
    digest: str
    rows: int
    days_done: float


class PastImporter:
    """Imports the world's past; ``report`` is told how far it is."""

    def __init__(
        self,
        shop: FrozenFoodShop,
        engine: RemoteEngine,
        options: DriverOptions,
        report: Callable[[Backfill], None],
    ) -> None:
        self._shop = shop
        self._engine = engine
        self._options = options
        self._report = report
        self._started = time.monotonic()
        self._rows = 0
        self._rejected = 0
        self._days_done = 0.0

    def run(self, now_s: float) -> Backfill:
        """Import the days that end at ``now_s`` (Unix seconds). Raises ``EachwiseError`` where an import fails."""
        waiting: tuple[Piece, subprocess.Popen[bytes]] | None = None
        for piece in self._pieces(now_s - self._options.days * DAY_S):
            if waiting is not None:
                self._await(*waiting)
            waiting = piece, self._start(piece)
        if waiting is not None:
            self._await(*waiting)
        done = self._progress(1.0, self._rows)
        self._report(done)
        return done

    def _pieces(self, start_s: float) -> Iterator[Piece]:
        days = self._options.days
        expected = days * self._options.people * EVENTS_A_PERSON_AND_DAY
        files = max(1, min(FILES_MAX, days, round(expected / EVENTS_A_FILE)))
        for number in range(files):
            first, last = days * number / files, days * (number + 1) / files
            file = Path(self._options.folder) / f"history-{number + 1}-of-{files}.jsonl"
            rows, digest = _write(self._shop, file, start_s + first * DAY_S, last - first)
            yield Piece(file=file, digest=digest, rows=rows, days_done=last)

    def _start(self, piece: Piece) -> subprocess.Popen[bytes]:
        """``eachwise import events FILE --url URL``, in a process of its own."""
        options = self._options
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                IMPORT,
                "import",
                "events",
                str(piece.file),
                "--url",
                options.url,
                "--quiet",
            ],
            env=os.environ | {"EACHWISE_SECRET_KEY": options.secret_key},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def _await(self, piece: Piece, importer: subprocess.Popen[bytes]) -> None:
        """Report progress until the importer is done with its file, and delete the file."""
        while importer.poll() is None:
            taken = self._engine.import_progress(piece.digest).next_row
            part = taken / max(piece.rows, 1)
            days = self._days_done + part * (piece.days_done - self._days_done)
            self._report(self._progress(days / self._options.days, self._rows + taken))
            time.sleep(POLL_S)
        _, complaint = importer.communicate()
        progress = self._engine.import_progress(piece.digest)
        if not progress.finished:
            words = complaint.decode("utf-8", "replace").strip().splitlines()
            raise EachwiseError(
                f"import of {piece.file.name} failed: {words[-1] if words else 'no reason given'}"
            )
        self._rows += progress.next_row
        self._rejected += progress.rejected
        self._days_done = piece.days_done
        piece.file.unlink()

    def _progress(self, share: float, rows: int) -> Backfill:
        took_s = time.monotonic() - self._started
        return Backfill(
            days=self._options.days,
            share=min(share, 1.0),
            events=rows,
            rejected=self._rejected,
            events_per_s=rows / max(took_s, 0.1),
            took_s=took_s,
        )


def _write(shop: FrozenFoodShop, file: Path, start_s: float, days: float) -> tuple[int, str]:
    """Write the events of some days as JSON Lines; how many, and the file's SHA-256."""
    encode = msgspec.json.Encoder(enc_hook=float).encode
    digest = hashlib.sha256()
    rows = 0
    with file.open("wb") as stream:
        for event in shop.history(start_s, days):
            line = encode(event) + b"\n"
            stream.write(line)
            digest.update(line)
            rows += 1
    return rows, digest.hexdigest()
