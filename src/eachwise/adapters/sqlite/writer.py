"""The one thread that writes: what waits is written as a group, with one wait for the disk."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from eachwise.adapters.sqlite.prepare import Rows
from eachwise.adapters.sqlite.writes import write
from eachwise.contracts.errors import StoreError
from eachwise.contracts.ports import Committed

T = TypeVar("T")

# A group ends with the unit that reaches this many rows: it bounds the longest transaction.
GROUP_ROWS_MAX = 20_000

# After these the fault lies with the disk or the file, not with one unit of work.
_DISK_FAULTS = {
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT),
}


@dataclass(slots=True)
class _Unit:
    rows: Rows
    size: int
    future: Future[Committed]


@dataclass(slots=True)
class _Task:
    run: Callable[[sqlite3.Connection], Any]
    future: Future[Any]


class Writer:
    """Writes on a connection that is its own until it finishes. Work is done in the order it came."""

    def __init__(self, connection: sqlite3.Connection, project: str) -> None:
        self._connection = connection
        self._project = project
        self._queue: queue.SimpleQueue[_Unit | _Task | None] = queue.SimpleQueue()
        self._held: list[_Task | None] = []
        self._lock = threading.Lock()
        self._closed = False
        self._pending_events = 0
        self._thread = threading.Thread(target=self._run, name="eachwise-store", daemon=True)
        self._thread.start()

    def commit(self, rows: Rows) -> Future[Committed]:
        """Queue a unit of work; its future is done when it is durable, or with ``StoreError``."""
        future: Future[Committed] = _running_future()
        with self._lock:
            self._refuse_if_closed()
            self._pending_events += len(rows.messages)
            self._queue.put(_Unit(rows, rows.size(), future))
        return future

    def submit(self, run: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue a function to be run in a transaction of its own, in turn."""
        future: Future[T] = _running_future()
        with self._lock:
            self._refuse_if_closed()
            self._queue.put(_Task(run, future))
        return future

    def pending_events(self) -> int:
        """How many events are queued and not durable."""
        return self._pending_events

    def finish(self) -> None:
        """Write what is queued, take nothing more and end the thread; the connection stays open."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")

    def _run(self) -> None:
        while (work := self._held.pop() if self._held else self._queue.get()) is not None:
            if isinstance(work, _Task):
                self._run_task(work)
            else:
                self._write_group(self._gather(work))

    def _gather(self, first: _Unit) -> list[_Unit]:
        """The units that wait now, within the bound; anything else is held back for its turn."""
        group, size = [first], first.size
        while size < GROUP_ROWS_MAX:
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                break
            if not isinstance(work, _Unit):
                self._held.append(work)
                break
            group.append(work)
            size += work.size
        return group

    def _write_group(self, group: list[_Unit]) -> None:
        results: Sequence[Committed | StoreError]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                results = write(self._connection, self._project, [unit.rows for unit in group])
            except Exception as error:
                if _is_disk_fault(error):
                    raise
                # One of them is bad. Savepoints copy every page they touch, so they come second.
                self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN IMMEDIATE")
                results = [self._write_alone(unit) for unit in group]
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            results = [_store_error(error) for _ in group]
        with self._lock:
            self._pending_events -= sum(len(unit.rows.messages) for unit in group)
        for unit, result in zip(group, results, strict=True):
            _resolve(unit.future, result)

    def _write_alone(self, unit: _Unit) -> Committed | StoreError:
        """Write one unit inside its own savepoint. Raises only when the whole group must fail."""
        self._connection.execute("SAVEPOINT unit")
        try:
            (result,) = write(self._connection, self._project, [unit.rows])
        except Exception as error:
            if _is_disk_fault(error) or not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO unit")
            self._connection.execute("RELEASE unit")
            return _store_error(error)
        self._connection.execute("RELEASE unit")
        return result

    def _run_task(self, task: _Task) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = task.run(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            task.future.set_exception(_store_error(error))
        else:
            task.future.set_result(result)

    def _roll_back(self) -> None:
        """Leave no transaction open. SQLite has ended it by itself after some faults."""
        if self._connection.in_transaction:
            # Should even this fail, the next group's BEGIN fails and its futures say so.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _running_future() -> Future[Any]:
    """A future that cannot be cancelled: what was queued will be written."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _resolve(future: Future[Committed], result: Committed | StoreError) -> None:
    if isinstance(result, StoreError):
        future.set_exception(result)
    else:
        future.set_result(result)


def _is_disk_fault(error: Exception) -> bool:
    # The low byte is the primary code, the rest refines it.
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DISK_FAULTS


def _store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return StoreError(error.message)
    failure = StoreError(f"the store could not write: {error}")
    failure.__cause__ = error
    return failure
