"""A copy of a store's file as it is at one moment, also while a server writes to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from eachwise.adapters.sqlite.connections import connect_reader
from eachwise.adapters.sqlite.store import FILE_NAME
from eachwise.contracts.errors import StoreError


def copy_store(path: Path, target: Path) -> None:
    """Copy the store of one directory into another, which is made. Raises ``StoreError``; the original is only read."""
    file = path / FILE_NAME
    if not file.is_file():
        raise StoreError(f"there is no store at {path}")
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            closing(connect_reader(file)) as source,
            closing(sqlite3.connect(target / FILE_NAME)) as copy,
        ):
            # In one go: in steps it would begin anew with every write of the server.
            source.backup(copy, pages=-1)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot copy the store at {path}: {error}") from error
