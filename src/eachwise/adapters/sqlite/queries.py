"""The statements of ``queries.sql`` by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

# Rows are taken in powers of two, so that few statements are ever prepared. SQLite allows
# 32,766 variables a statement; the widest row has thirteen.
ROWS_MAX = 512

_ROW = re.compile(r"VALUES\s*(\(\?(?:, \?)*\))")


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement."""

    name: str
    purpose: str
    text: str
    _of_rows: dict[int, str] = field(default_factory=dict, repr=False, compare=False)

    def of_rows(self, rows: int) -> str:
        """The statement with its one VALUES row written ``rows`` times."""
        known = self._of_rows.get(rows)
        if known is None:
            row = _ROW.search(self.text)
            if row is None:
                raise ValueError(f"{self.name} has no VALUES row to repeat")
            repeated = ", ".join([row[1]] * rows)
            known = self.text[: row.start(1)] + repeated + self.text[row.end(1) :]
            self._of_rows[rows] = known
        return known

    def slices(
        self, values: Sequence[object], width: int
    ) -> Iterator[tuple[str, Sequence[object]]]:
        """Cut a flat list of rows, ``width`` values each, into statements and their values.

        One step of a statement then takes up to ``ROWS_MAX`` rows. Each step lets go of the
        interpreter's lock and may wait for it, so in a busy process few steps are worth more
        than their time in SQLite.
        """
        start, rows = 0, len(values) // width
        while rows:
            taken = min(ROWS_MAX, 1 << (rows.bit_length() - 1))
            stop = start + taken * width
            yield self.of_rows(taken), values[start:stop]
            start, rows = stop, rows - taken


def parse_queries(text: str) -> dict[str, Query]:
    """Read a file of statements, each under ``-- name: NAME`` and comments that say its purpose."""
    queries: dict[str, Query] = {}
    for part in text.split("-- name: ")[1:]:
        name, _, rest = part.partition("\n")
        lines = rest.splitlines()
        purpose = [line.removeprefix("-- ") for line in lines if line.startswith("--")]
        body = "\n".join(line for line in lines if not line.startswith("--"))
        if name in queries:
            raise ValueError(f"two queries are named {name}")
        queries[name] = Query(name.strip(), " ".join(purpose), body.strip().rstrip(";"))
    return queries


@cache
def load_queries() -> Mapping[str, Query]:
    """Every query of the embedded store."""
    text = files(__package__).joinpath("queries.sql").read_text(encoding="utf-8")
    return MappingProxyType(parse_queries(text))
