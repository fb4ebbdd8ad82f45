"""Files in: rows of a file, taken in order, with the file's progress in the same transaction as what they hold.

A row's place in its file is its identity: an event without a message id gets ``import-{digest}-{row}``, so a file
that is taken twice, or resumed after a crash, adds nothing twice. A finished file of items may be taken again: items
are a state, and what came after it may have changed them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import msgspec

from eachwise.catalog import parse_item
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import Busy, InvalidInput
from eachwise.contracts.events import Event, Rejection
from eachwise.contracts.ports import (
    Clock,
    Commit,
    ImportKind,
    ImportProgress,
    NewRejections,
    Store,
)
from eachwise.events import parse_event
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.history import past_exposures
from eachwise.flow.ingest import Ingest
from eachwise.flow.learn import Learning
from eachwise.settings import Settings

# What is kept of a row that was not taken.
REJECTED_BODY_BYTES_MAX = 4096


class Importing:
    """Takes slices of JSON Lines files and remembers how far each file was taken."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        ingest: Ingest,
        catalogue: Catalogue,
        learning: Learning,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._ingest = ingest
        self._catalogue = catalogue
        self._learning = learning
        self._executor = executor

    def progress(self, digest: str) -> ImportProgress:
        """How far a file (by the SHA-256 of its content) has been taken; row 0 if never."""
        known = self._store.import_progress(digest)
        return known or ImportProgress(digest=digest, next_row=0, accepted=0, rejected=0)

    def take(
        self,
        digest: str,
        source: str,
        first_row: int,
        rows: Sequence[bytes],
        finished: bool,
        kind: ImportKind = "events",
    ) -> Flow[ImportProgress]:
        """Take consecutive rows. Rows before the file's progress are skipped; a gap raises ``InvalidInput``."""
        known = self.progress(digest)
        if kind == "items" and known.finished and first_row == 0:
            known = ImportProgress(digest=digest, next_row=0, accepted=0, rejected=0)
        if first_row > known.next_row:
            raise InvalidInput(
                f"first_row is {first_row}, but the file was taken up to row {known.next_row}: send from there",
                field="first_row",
            )
        new = rows[known.next_row - first_row :]
        reached = max(known.next_row, first_row + len(rows))
        if kind == "items":
            return (yield from self._take_items(known, source, new, reached, finished))
        if kind == "exposures":
            return (yield from self._take_exposures(known, source, new, reached, finished))
        events, rejections = self._parse(digest, known.next_row, new)
        progress = _advanced(known, reached, len(events), len(rejections), finished)
        if progress != known:
            yield from self._ingest.ingest(events, rejections, source=source, progress=progress)
        return progress

    def _take_items(
        self,
        known: ImportProgress,
        source: str,
        rows: Sequence[bytes],
        reached: int,
        finished: bool,
    ) -> Flow[ImportProgress]:
        before = self._store.import_progress(known.digest)
        items, rejections = yield self._executor.submit(_items_of, rows, known.next_row)
        if self._store.import_progress(known.digest) != before:
            raise Busy(
                "another import of this file is under way; it goes on from where that stopped"
            )
        progress = _advanced(known, reached, len(items), len(rejections), finished)
        if progress == before:
            return progress
        commit = self._commit(source, rejections, progress)
        yield from self._catalogue.import_items(items, commit)
        return progress

    def _take_exposures(
        self,
        known: ImportProgress,
        source: str,
        rows: Sequence[bytes],
        reached: int,
        finished: bool,
    ) -> Flow[ImportProgress]:
        exposures, rejections = past_exposures(
            rows, known.next_row, known.digest, self._catalogue.offers, self._catalogue.shelf
        )
        progress = _advanced(known, reached, len(exposures), len(rejections), finished)
        if progress != known:
            commit = self._commit(source, rejections, progress)
            yield from self._learning.teach(exposures, commit, self._ingest.applied_sequence)
        return progress

    def _commit(self, source: str, rejections: list[Rejection], progress: ImportProgress) -> Commit:
        """How far a file was taken, with what was turned away of it."""
        commit = Commit(imports=[progress])
        if rejections:
            now_us = self._clock.now_us()
            commit.rejections = [
                NewRejections(source=source, received_at_us=now_us, rejections=rejections)
            ]
        return commit

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


def _advanced(
    known: ImportProgress, reached: int, accepted: int, rejected: int, finished: bool
) -> ImportProgress:
    return ImportProgress(
        digest=known.digest,
        next_row=reached,
        accepted=known.accepted + accepted,
        rejected=known.rejected + rejected,
        finished=known.finished or finished,
    )


def _items_of(rows: Sequence[bytes], first_row: int) -> tuple[list[Item], list[Rejection]]:
    """The rows' items, and why the others are none. Blank rows are skipped."""
    items: list[Item] = []
    rejections: list[Rejection] = []
    for row, line in enumerate(rows, start=first_row):
        if not line.strip():
            continue
        code, reason = "invalid_item", ""
        try:
            parsed = parse_item(msgspec.json.decode(line), row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            code, reason = "invalid_json", f"the row is not valid JSON: {error}"
        else:
            if isinstance(parsed, Item):
                items.append(parsed)
                continue
            reason = f"{parsed.field}: {parsed.reason}" if parsed.field else parsed.reason
        body = line[:REJECTED_BODY_BYTES_MAX]
        rejections.append(Rejection(index=row, code=code, reason=reason, body=body))
    return items, rejections
