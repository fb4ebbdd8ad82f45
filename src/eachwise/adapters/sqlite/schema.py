"""The schema: numbered migrations, applied in order, each once and whole."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from dataclasses import dataclass
from importlib.resources import files

from eachwise.contracts.errors import StoreError

_APPLIED = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL
)
"""
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Digest of the text: a migration that was applied never changes."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load_migrations() -> list[Migration]:
    """The migrations of this build, ascending from 1."""
    found = []
    for file in files(__package__).joinpath("migrations").iterdir():
        match = _FILE.fullmatch(file.name)
        if match:
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


def migrate(connection: sqlite3.Connection, migrations: list[Migration]) -> list[int]:
    """Apply what is missing; returns the numbers applied.

    Raises ``StoreError`` when the file has a migration that this build does not know, or another
    text under a number.
    """
    connection.execute(_APPLIED)
    rows = connection.execute("SELECT number, name, sha256 FROM migrations").fetchall()
    applied = {number: (name, sha256) for number, name, sha256 in rows}
    known = {migration.number: migration for migration in migrations}
    for number, (name, sha256) in sorted(applied.items()):
        if number not in known:
            raise StoreError(
                f"the store was written by a newer Eachwise: it has migration {number:04}_{name}, "
                f"this one knows up to {max(known, default=0):04}; upgrade eachwise to open it"
            )
        if known[number].sha256 != sha256:
            raise StoreError(
                f"migration {number:04}_{name} of the store differs from this Eachwise's; "
                "open the store with the build that wrote it"
            )
    missing = [migration for migration in migrations if migration.number not in applied]
    for migration in missing:
        _apply(connection, migration)
    return [migration.number for migration in missing]


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{migration.sql}")
        connection.execute(
            "INSERT INTO migrations (number, name, sha256) VALUES (?, ?, ?)",
            (migration.number, migration.name, migration.sha256),
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise StoreError(
            f"migration {migration.number:04}_{migration.name} failed: {error}"
        ) from error
