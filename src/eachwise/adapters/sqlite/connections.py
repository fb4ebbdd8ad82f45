"""Connections to the file: one that writes, and one that reads for each thread."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eachwise.contracts.errors import StoreError

# Pages kept in memory (KiB): upper levels and hot leaves of the indexes of some million events.
WRITER_CACHE_KIB = 64 * 1024
READER_CACHE_KIB = 8 * 1024
# Pages of the write-ahead log between checkpoints: at SQLite's 1,000 the same index pages are
# written to the file again and again (16,000 of 4 KiB took a fifth off an event's cost).
CHECKPOINT_PAGES = 16_000
STATEMENTS_KEPT = 256


def connect_writer(file: Path, synchronous: str) -> sqlite3.Connection:
    """Open the file for writing, making it where it is missing. No transaction begins by itself."""
    connection = sqlite3.connect(
        file, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_KEPT
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    # Savepoints keep copies of pages: in memory, not in a file.
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def connect_reader(file: Path) -> sqlite3.Connection:
    """Open the file for reading only."""
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_KEPT,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    return connection


class _Reader:
    """One thread's reading connection. The lock is only ever contended while the store closes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.lock = threading.Lock()
        self.connection = connection

    def __del__(self) -> None:
        # A thread that ends takes its reader along.
        self.connection.close()


class Readers:
    """Reads on the calling thread's own connection; each sees everything committed before it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._local = threading.local()
        self._open: weakref.WeakSet[_Reader] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def rows(self, sql: str, values: Sequence[object] | dict[str, object] = ()) -> list[Any]:
        """Every row of a statement. Raises ``StoreError``."""
        reader = self._of_this_thread()
        try:
            with reader.lock:
                if self._closed:
                    raise StoreError("the store is closed")
                return reader.connection.execute(sql, values).fetchall()
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise StoreError(f"the store could not read: {error}") from error

    def close(self) -> None:
        """Close every thread's connection; later reads raise ``StoreError``."""
        with self._lock:
            self._closed = True
            readers = list(self._open)
        for reader in readers:
            # A read under way comes to its end first.
            with reader.lock:
                reader.connection.close()

    def _of_this_thread(self) -> _Reader:
        known: _Reader | None = getattr(self._local, "reader", None)
        if known is not None:
            return known
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            try:
                reader = _Reader(connect_reader(self._file))
            except sqlite3.Error as error:
                raise StoreError(f"the store cannot be opened for reading: {error}") from error
            self._open.add(reader)
        self._local.reader = reader
        return reader
