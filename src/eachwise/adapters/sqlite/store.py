"""The embedded store of one project: the port, on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from eachwise.adapters.projection import login_of
from eachwise.adapters.sqlite.connections import Readers, connect_writer
from eachwise.adapters.sqlite.journeys import JourneyTables
from eachwise.adapters.sqlite.outbox import OutboxTables
from eachwise.adapters.sqlite.prepare import prepare
from eachwise.adapters.sqlite.prune import (
    Delete,
    delete_instances,
    delete_messages,
    old_instances,
    old_messages,
    prune_decisions,
    prune_models,
)
from eachwise.adapters.sqlite.queries import ROWS_MAX
from eachwise.adapters.sqlite.reading import QUERIES
from eachwise.adapters.sqlite.schema import load_migrations, migrate
from eachwise.adapters.sqlite.writer import Writer
from eachwise.contracts.catalog import Item
from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import StoreError
from eachwise.contracts.events import EARLIEST_US, LATEST_US, Event, LoggedEvent, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import (
    Commit,
    Committed,
    ImportProgress,
    Login,
    MadeDecision,
    StoredIndividual,
    StoredVersion,
)
from eachwise.settings import StoreSettings

FILE_NAME = "eachwise.sqlite"
_VERSION_MAX = 2**63 - 1
_UNLEARNT_PAGE = 200
_MADE_PAGE = 2_000

_event = msgspec.msgpack.Decoder(Event).decode
_record = msgspec.msgpack.Decoder(DecisionRecord).decode
_item = msgspec.msgpack.Decoder(Item).decode
_definitions = msgspec.msgpack.Decoder(Definitions).decode


class SqliteStore(JourneyTables, OutboxTables):
    """:class:`eachwise.contracts.ports.Store` in one SQLite file under a directory.

    Safe from any thread. One process should own the directory at a time: see ``adapters.lock``.
    """

    def __init__(
        self, path: Path, *, project_id: str = "default", settings: StoreSettings | None = None
    ) -> None:
        """Open or make the store at a directory. Raises ``StoreError``, also for a newer schema."""
        file = path / FILE_NAME
        synchronous = (settings or StoreSettings()).synchronous
        try:
            # It holds what is known of people: nobody else's to read.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            connection = connect_writer(file, synchronous)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the store at {path}: {error}") from error
        try:
            migrate(connection, load_migrations())
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"cannot open the store at {path}: {error}") from error
        except StoreError:
            connection.close()
            raise
        self._connection = connection
        super().__init__(Readers(file), Writer(connection, project_id), project_id)

    # -- writing ---------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Future[Committed]:
        """Queue one unit of work. What cannot be encoded fails its future at once."""
        try:
            rows = prepare(self._project, commit)
        except StoreError as error:
            refused: Future[Committed] = Future()
            refused.set_exception(error)
            return refused
        return self.writer.commit(rows)

    def pending(self) -> int:
        """How many events are queued and not yet durable."""
        return self.writer.pending_events()

    def prune(self, *, decided_before_us: int, spare: Mapping[str, int] | None = None) -> int:
        """Drop old decisions, then model versions that none of the kept ones needs, instances and messages.

        They go a slice at a time, so that other commits come between.
        """
        dropped = 0
        while True:
            some = self.writer.submit(
                lambda connection: prune_decisions(connection, self._project, decided_before_us)
            ).result()
            if not some:
                break
            dropped += some
        self.writer.submit(
            lambda connection: prune_models(
                connection, self._project, decided_before_us, spare or {}
            )
        ).result()
        self._drop(old_instances(self._rows, decided_before_us), delete_instances)
        self._drop(old_messages(self._rows, decided_before_us), delete_messages)
        return dropped

    def _drop(self, slices: Iterable[list[str]], delete: Delete) -> None:
        for some in slices:
            self.writer.submit(partial(delete, project=self._project, ids=some)).result()

    def close(self) -> None:
        """Write what is queued, then close the file. Closing twice does nothing."""
        self.writer.finish()
        self._readers.close()
        # Last of all, so that it takes the write-ahead log into the file and leaves none behind.
        self._connection.close()

    # -- events ----------------------------------------------------------------------------

    def watermark(self) -> int:
        """The last sequence folded into the stored individuals (0 at first)."""
        return self._one("meta", "watermark") or 0

    def events_after(self, sequence: int, limit: int) -> list[LoggedEvent]:
        """The log in sequence order, after ``sequence``."""
        return [_logged(row) for row in self._rows("events_after", sequence, limit)]

    def events_of(
        self,
        *,
        user_ids: Iterable[str] = (),
        anonymous_ids: Iterable[str] = (),
        device_ids: Iterable[str] = (),
        after_us: int = EARLIEST_US,
        until_us: int = LATEST_US,
    ) -> Iterator[LoggedEvent]:
        """Events sent with any of these ids that happened in (after, until], ordered by (occurred_at, message_id).

        Which events is settled at the call; their bodies are read as the iterator goes.
        """
        places: set[tuple[int, str, int]] = set()
        asked = (self._project, after_us, until_us)
        for name, ids in (
            ("events_of_users", user_ids),
            ("events_of_anonymous", anonymous_ids),
            ("events_of_devices", device_ids),
        ):
            for sql, part in QUERIES[name].slices(list(set(ids)), 1):
                places.update(self._readers.rows(sql, (*asked, *part)))
        return self._events_at([sequence for _, _, sequence in sorted(places)])

    def _events_at(self, sequences: list[int]) -> Iterator[LoggedEvent]:
        for start in range(0, len(sequences), ROWS_MAX):
            page = sequences[start : start + ROWS_MAX]
            found: dict[int, bytes] = {}
            for sql, part in QUERIES["events_at"].slices(page, 1):
                found.update(self._readers.rows(sql, part))
            for sequence in page:
                yield LoggedEvent(sequence, _event(found[sequence]))

    def logins_on(
        self, *, anonymous_id: str | None = None, device_id: str | None = None
    ) -> list[Login]:
        """Every event with this anonymous (or device) id and a known identifier, in time order."""
        rows: list[Any] = []
        if anonymous_id is not None:
            rows += self._rows("logins_on_anonymous", anonymous_id)
        if device_id is not None:
            rows += self._rows("logins_on_device", device_id)
        return sorted({login for row in rows if (login := login_of(*row)) is not None})

    def event(self, message_id: str) -> LoggedEvent | None:
        """The durable version of a message, or None."""
        rows = self._rows("event", message_id)
        return _logged(rows[0]) if rows else None

    def outcomes_of(self, decision_id: str) -> list[LoggedEvent]:
        """Events that name this decision, in time order."""
        return [_logged(row) for row in self._rows("outcomes_of", decision_id)]

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Rejected events in order of receipt."""
        return [
            StoredRejection(
                number=number,
                received_at_us=received_at_us,
                source=source,
                index=place,
                code=code,
                reason=reason,
                body=bytes(body).decode(errors="replace"),
            )
            for number, received_at_us, source, place, code, reason, body in self._rows(
                "rejections_after", after, limit
            )
        ]

    def import_progress(self, digest: str) -> ImportProgress | None:
        """How far a file was taken, or None."""
        for found, next_row, accepted, rejected, finished in self._rows("import_progress", digest):
            return ImportProgress(
                digest=found,
                next_row=next_row,
                accepted=accepted,
                rejected=rejected,
                finished=bool(finished),
            )
        return None

    # -- people ----------------------------------------------------------------------------

    def individual(self, individual_id: str) -> bytes | None:
        """The stored state, or None."""
        state: bytes | None = self._one("individual", individual_id)
        return state

    def individual_ids(self, after: str = "", limit: int = 1000) -> list[str]:
        """Stored individuals' ids in ascending order, after the given one."""
        return [row[0] for row in self._rows("individual_ids", after, limit)]

    def individuals(self, after: int = 0, limit: int = 1000) -> list[StoredIndividual]:
        """Stored individuals by their numbers, ascending, after one: as they lie in the file."""
        return [StoredIndividual(*row) for row in self._rows("individuals_after", after, limit)]

    def identity(self, identifier: str) -> bytes | None:
        """What is stored of an identifier, or None."""
        body: bytes | None = self._one("identity", identifier)
        return body

    def statistic(self, name: str) -> bytes | None:
        """A stored mergeable statistic, or None."""
        body: bytes | None = self._one("statistic", name)
        return body

    # -- decisions -------------------------------------------------------------------------

    def decision(self, decision_id: str) -> DecisionRecord | None:
        """The record of one decision, or None."""
        body = self._one("decision", decision_id)
        return None if body is None else _record(body)

    def decisions_of_request(self, individual_id: str, request_id: str) -> list[DecisionRecord]:
        """The decisions already made for this request id, in the order they were made."""
        rows = self._rows("decisions_of_request", individual_id, request_id)
        return [_record(row[0]) for row in rows]

    def decisions_of(
        self, individual_id: str, limit: int = 50, before: str | None = None
    ) -> list[DecisionRecord]:
        """An individual's newest decisions, newest first; with ``before`` only those older than that decision."""
        if before is None:
            rows = self._rows("decisions_of", individual_id, limit)
        else:
            rows = self._rows("decisions_of_before", individual_id, self._project, before, limit)
        return [_record(row[0]) for row in rows]

    def unlearnt_decisions(self, since_us: int) -> Iterator[DecisionRecord]:
        """Decisions made since then and not learnt from, oldest first; read a page at a time."""
        at_us, number = since_us, 0
        while True:
            page = self._rows("decisions_unlearnt", at_us, number, _UNLEARNT_PAGE)
            for row in page:
                at_us, number, body = row
                yield _record(body)
            if len(page) < _UNLEARNT_PAGE:
                return

    def decisions_between(self, since_us: int, until_us: int) -> Iterator[MadeDecision]:
        """Which decisions were made in [since, until), oldest first; read a page at a time."""
        at_us, number = since_us, 0
        while True:
            page = self._rows("decisions_between", at_us, number, until_us, _MADE_PAGE)
            for row in page:
                at_us, number, decision_id, individual_id = row
                yield MadeDecision(decision_id, individual_id, at_us)
            if len(page) < _MADE_PAGE:
                return

    # -- models, catalogue, definitions ----------------------------------------------------

    def model(self, model: str, version: int | None = None) -> ModelVersion | None:
        """One version of a model (None: the newest), or None."""
        newest = version is None
        rows = self._rows("model_newest", model) if newest else self._rows("model", model, version)
        return _version(rows[0]) if rows else None

    def model_versions(self, model: str, limit: int = 1000) -> list[StoredVersion]:
        """The newest versions of a model without their bodies, newest first."""
        return [
            StoredVersion(
                model=model, version=version, base=base, created_at_us=at_us, size_bytes=size
            )
            for version, base, at_us, size in self._rows("model_versions", model, limit)
        ]

    def models_since(self, model: str, base: int, version: int) -> list[ModelVersion]:
        """Versions of a model with base < version number ≤ ``version``, ascending."""
        return [_version(row) for row in self._rows("models_since", model, base, version)]

    def catalog(self, version: int | None = None) -> tuple[int, list[Item]]:
        """The catalogue at the newest version (at or before the one given), and that version."""
        at = self._one("catalog_version", _VERSION_MAX if version is None else version)
        return at, [_item(row[0]) for row in self._rows("catalog", at)]

    def definitions(self, version: int | None = None) -> Definitions | None:
        """Experiences and placements at a version (None: the newest), or None."""
        newest = version is None
        body = self._one("definitions_newest") if newest else self._one("definitions", version)
        return None if body is None else _definitions(body)

    def counts(self) -> dict[str, int]:
        """How many of each the store holds; of instances the live ones, of messages the open ones."""
        named: dict[str, object] = {"project_id": self._project}
        (row,) = self._readers.rows(QUERIES["counts"].text, named)
        names = (
            *("events", "rejections", "individuals", "decisions"),
            *("journey_instances", "messages_open"),
        )
        return {**dict(zip(names, row, strict=True)), "items": self._one("count_items")}


def _logged(row: tuple[int, bytes]) -> LoggedEvent:
    return LoggedEvent(row[0], _event(row[1]))


def _version(row: tuple[str, int, int, int, bytes]) -> ModelVersion:
    model, version, base, created_at_us, body = row
    return ModelVersion(
        model=model, version=version, base=base, created_at_us=created_at_us, body=body
    )
