"""A file's rows to wherever they belong, from where they stopped; and what was not taken of them."""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from eachwise.adapters.remote import RemoteEngine
from eachwise.bootstrap import Engine
from eachwise.cli.feeds import Read, Source
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import StoredRejection
from eachwise.contracts.ports import ImportKind, ImportProgress

BYTES_A_REQUEST = 1 << 20
ROWS_A_REQUEST: dict[ImportKind, int] = {"events": 200, "items": 2000, "exposures": 100}
PROGRESS_INTERVAL_S = 0.5
PAGE = 500
# Of a row that could not be sent.
UNMAPPABLE = "unmappable"
RAW_CHARS_MAX = 4096

AnyEngine = Engine | RemoteEngine


class Rejects:
    """The file of a file's rejects: one JSON object a line, with row, line, code, reason and what the row held.

    It is made anew with every run, and only when there is something to say.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.count = 0
        self._stream: BinaryIO | None = None

    def add(self, row: int, line: int, code: str, reason: str, body: str) -> None:
        """One row that was not taken."""
        if self._stream is None:
            try:
                self._stream = self.target.open("wb")
            except OSError as error:
                raise InvalidInput(
                    f"--rejects: cannot write {self.target}: {error.strerror}", field="rejects"
                ) from None
        self.count += 1
        said = {"row": row, "line": line, "code": code, "reason": reason, "body": body}
        self._stream.write(msgspec.json.encode(said) + b"\n")

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


@dataclass(slots=True, kw_only=True)
class Sending:
    """One file on its way into an engine."""

    engine: AnyEngine
    file: Path
    source: Source
    kind: ImportKind
    quiet: bool = False

    @property
    def name(self) -> str:
        """How the rejects of the file are named in the store."""
        return f"{self.file.name}#{self.source.digest[:12]}"

    def take(self, rejects: Rejects | None = None) -> ImportProgress:
        """Send what was not taken yet, in order; returns how far the file is taken. Fills and closes ``rejects``."""
        progress = self.engine.import_progress(self.source.digest)
        earlier = 0
        if progress.finished and self.kind == "events":
            self._say(f"already imported ({progress.next_row} rows)")
            if rejects is None:
                return progress
        elif progress.finished and rejects is not None:
            # Items are taken again: what was rejected the last time is no matter.
            earlier = max((each.number for each in self._stored()), default=0)
        elif progress.next_row:
            self._say(f"resuming at row {progress.next_row}")
        lines = array("q")
        try:
            progress = self._send(progress, lines, rejects)
            if rejects is not None:
                for each in self._stored(earlier):
                    line = lines[each.index] if each.index < len(lines) else 0
                    rejects.add(each.index, line, each.code, each.reason, each.body)
        finally:
            if rejects is not None:
                rejects.close()
        return progress

    def _send(
        self, progress: ImportProgress, lines: array[int], rejects: Rejects | None
    ) -> ImportProgress:
        done = progress.finished and self.kind == "events"
        first = 0 if progress.finished and self.kind == "items" else progress.next_row
        started = shown = time.monotonic()
        for start, rows in self._slices(self._noted(lines, rejects), first, done):
            progress = self._rows(start, rows, False)
            if time.monotonic() - shown >= PROGRESS_INTERVAL_S:
                shown = time.monotonic()
                rate = (progress.next_row - first) / (shown - started)
                share = 100 * self.source.share()
                self._say(f"{progress.next_row} rows, {share:.0f} %, {rate:.0f} rows/s")
        if not done:
            progress = self._rows(len(lines), [], True)
            took_s = time.monotonic() - started
            rejected = progress.rejected + (rejects.count if rejects is not None else 0)
            self._say(f"done, {progress.accepted} accepted, {rejected} rejected, {took_s:.1f} s")
        return progress

    def _rows(self, start: int, rows: list[bytes], finished: bool) -> ImportProgress:
        return self.engine.import_rows(
            self.source.digest, self.name, start, rows, finished, self.kind
        )

    def _noted(self, lines: array[int], rejects: Rejects | None) -> Iterator[Read]:
        """All rows, with their lines noted, and those that cannot be sent among the rejects."""
        for read in self.source.rows():
            lines.append(read.line)
            if read.reason and rejects is not None:
                raw = read.raw[:RAW_CHARS_MAX].decode("utf-8", "replace")
                rejects.add(read.row, read.line, UNMAPPABLE, read.reason, raw)
            yield read

    def _slices(
        self, reads: Iterator[Read], first: int, done: bool
    ) -> Iterator[tuple[int, list[bytes]]]:
        """(first row, rows) from a row on, bounded in rows and bytes; none where all is done."""
        rows: list[bytes] = []
        held, start, rows_max = 0, first, ROWS_A_REQUEST[self.kind]
        for read in reads:
            if done or read.row < first:
                continue
            if rows and held + len(read.body) > BYTES_A_REQUEST:
                yield start, rows
                start, rows, held = read.row, [], 0
            rows.append(read.body)
            held += len(read.body) + 1
            if len(rows) >= rows_max:
                yield start, rows
                start, rows, held = read.row + 1, [], 0
        if rows:
            yield start, rows

    def _stored(self, after: int = 0) -> Iterator[StoredRejection]:
        """What the engine did not take of this file, as it keeps it, after a number."""
        while page := self.engine.rejections(after, PAGE):
            after = page[-1].number
            yield from (each for each in page if each.source == self.name)

    def _say(self, words: str) -> None:
        if not self.quiet:
            print(f"{self.file}: {words}", file=sys.stderr)
