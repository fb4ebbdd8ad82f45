"""History in: rows of a file, taken in order, with the file's progress in the same transaction as its events.

A row's place in its file is its identity: an event without a message id gets ``import-{digest}-{row}``, so a file
that is taken twice, or resumed after a crash, adds nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Event, Rejection
from eachwise.contracts.ports import Clock, ImportProgress, Store
from eachwise.events import parse_event
from eachwise.flow.drive import Flow
from eachwise.flow.ingest import Ingest
from eachwise.settings import Settings


class Importing:
    """Takes slices of JSON Lines files and remembers how far each file was taken."""

    def __init__(self, *, store: Store, clock: Clock, settings: Settings, ingest: Ingest) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._ingest = ingest

    def progress(self, digest: str) -> ImportProgress:
        """How far a file (by the SHA-256 of its content) has been taken; row 0 if never."""
        known = self._store.import_progress(digest)
        return known or ImportProgress(digest=digest, next_row=0, accepted=0, rejected=0)

    def take(
        self, digest: str, source: str, first_row: int, rows: Sequence[bytes], finished: bool
    ) -> Flow[ImportProgress]:
        """Take consecutive rows. Rows before the file's progress are skipped; a gap raises ``InvalidInput``."""
        known = self.progress(digest)
        if first_row > known.next_row:
            raise InvalidInput(
                f"first_row is {first_row}, but the file was taken up to row {known.next_row}: send from there",
                field="first_row",
            )
        skipped = known.next_row - first_row
        events, rejections = self._parse(digest, known.next_row, rows[skipped:])
        progress = ImportProgress(
            digest=digest,
            next_row=max(known.next_row, first_row + len(rows)),
            accepted=known.accepted + len(events),
            rejected=known.rejected + len(rejections),
            finished=known.finished or finished,
        )
        if progress != known:
            yield from self._ingest.ingest(events, rejections, source=source, progress=progress)
        return progress

    def _parse(
        self, digest: str, first_row: int, rows: Sequence[bytes]
    ) -> tuple[list[Event], list[Rejection]]:
        received_at_us = self._clock.now_us()
        events: list[Event] = []
        rejections: list[Rejection] = []
        for row, line in enumerate(rows, start=first_row):
            if not line.strip():
                continue
            parsed = parse_event(
                line,
                index=row,
                received_at_us=received_at_us,
                settings=self._settings,
                new_id=lambda row=row: f"import-{digest[:32]}-{row}",  # type: ignore[misc]
                live=False,
            )
            if isinstance(parsed, Rejection):
                rejections.append(parsed)
            else:
                events.append(parsed)
        return events, rejections
