"""What every part of the embedded store reads with: the project's rows by the name of a statement."""

from __future__ import annotations

from typing import Any

from eachwise.adapters.sqlite.connections import Readers
from eachwise.adapters.sqlite.queries import load_queries
from eachwise.adapters.sqlite.writer import Writer

QUERIES = load_queries()


class Tables:
    """A project's tables: the readers, and the writer."""

    def __init__(self, readers: Readers, writer: Writer, project: str) -> None:
        self._project = project
        self._readers = readers
        self.writer = writer

    def _rows(self, name: str, *values: object) -> list[Any]:
        return self._readers.rows(QUERIES[name].text, (self._project, *values))

    def _one(self, name: str, *values: object) -> Any:
        """The first value of the first row, or None."""
        rows = self._rows(name, *values)
        return rows[0][0] if rows else None
