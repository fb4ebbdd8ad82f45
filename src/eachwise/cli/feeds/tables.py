"""Tables of events: CSV and Parquet, by a mapping file."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from eachwise.cli.feeds.mapping import Cells, Csv, Mapping, put
from eachwise.cli.feeds.rows import Read, combined, digest_of, unreadable
from eachwise.cli.feeds.values import Unfit, field_value, time_value
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.documents import nearest

PARQUET_ROWS_A_PAGE = 20_000
PRODUCT = "product"
# Rows of one event at most: with a column that never changes `group_by` would hold the whole file.
GROUP_ROWS_MAX = 1000
_FORMAT = "table of events 1"


class Row(NamedTuple):
    """One row of a table; ``fault`` where its cells cannot be told apart."""

    row: int
    line: int
    cells: Cells
    fault: str = ""


class Table(Protocol):
    """A file as rows of named cells."""

    def check(self) -> None:
        """Look through the whole file. Raises ``InvalidInput``, naming the line, where it is no such table."""
        ...

    def rows(self) -> Iterator[Row]:
        """All rows in order."""
        ...

    def share(self) -> float:
        """How much of it was read, from 0 to 1."""
        ...


def table_of(file: Path, mapping: Mapping) -> Table:
    """The table in a file, by its ending: ``.parquet``, else CSV (``.tsv``: with tabs)."""
    columns = [*mapping.columns, *([mapping.group_by] if mapping.group_by else [])]
    if file.suffix.lower() in (".parquet", ".pq"):
        return ParquetTable(file, columns)
    return CsvTable(file, mapping.csv, columns)


class CsvTable:
    """A CSV with a header, read as it comes."""

    def __init__(self, file: Path, rule: Csv, columns: Sequence[str]) -> None:
        self._file = file
        self._delimiter = rule.delimiter or ("\t" if file.suffix.lower() == ".tsv" else ",")
        self._quote = rule.quote
        # Excel puts a mark before its UTF-8.
        self._encoding = (
            "utf-8-sig" if rule.encoding.lower() in ("utf-8", "utf8") else rule.encoding
        )
        self._columns = columns
        self._size = 1
        self._binary: io.BufferedReader | None = None

    def check(self) -> None:
        """See ``Table``: every byte decodes, every quote is closed, the columns are there."""
        for _ in self.rows():
            pass

    def rows(self) -> Iterator[Row]:
        """See ``Table``."""
        try:
            self._size = max(self._file.stat().st_size, 1)
            with (
                self._file.open("rb") as self._binary,
                io.TextIOWrapper(self._binary, self._encoding, newline="") as text,
            ):
                yield from self._rows(text)
        except OSError as error:
            raise unreadable(self._file, error) from None

    def share(self) -> float:
        """See ``Table``."""
        binary = self._binary
        return 1.0 if binary is None or binary.closed else binary.tell() / self._size

    def _rows(self, text: io.TextIOWrapper) -> Iterator[Row]:
        reader = csv.reader(
            text,
            delimiter=self._delimiter,
            quotechar=self._quote or None,
            quoting=csv.QUOTE_MINIMAL if self._quote else csv.QUOTE_NONE,
            strict=True,
        )
        try:
            header = next(reader, None)
            if header is None:
                raise InvalidInput(f"{self._file}: is empty; its first line must name the columns")
            names = [name.strip() for name in header]
            check_columns(self._file, names, self._columns)
            begin, row = reader.line_num + 1, 0
            for cells in reader:
                if cells:
                    yield self._row(row, begin, names, cells)
                    row += 1
                begin = reader.line_num + 1
        except csv.Error as error:
            raise InvalidInput(f"{self._file}:{reader.line_num}: {error}", field="file") from None
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise InvalidInput(
                f"{self._file}: after line {reader.line_num}: byte 0x{byte:02X} is not {self._encoding}; say in the "
                "mapping how the file is written, such as `csv: {encoding: latin-1}`",
                field="csv.encoding",
            ) from None

    @staticmethod
    def _row(row: int, line: int, names: list[str], cells: list[str]) -> Row:
        if len(cells) == len(names):
            return Row(row, line, dict(zip(names, cells, strict=True)))
        held: dict[str, Any] = dict(zip(names, cells, strict=False))
        if len(cells) > len(names):
            held[""] = cells[len(names) :]
        return Row(row, line, held, f"has {len(cells)} cells where the header has {len(names)}")


class ParquetTable:
    """A Parquet file, read a page at a time."""

    def __init__(self, file: Path, columns: Sequence[str]) -> None:
        self._file = file
        self._columns = columns
        self._total = self._read = 0

    def check(self) -> None:
        """See ``Table``."""
        self._open()

    def rows(self) -> Iterator[Row]:
        """See ``Table``."""
        frame = self._open()
        for start in range(0, self._total, PARQUET_ROWS_A_PAGE):
            page = frame.slice(start, PARQUET_ROWS_A_PAGE).collect()
            for place, cells in enumerate(page.iter_rows(named=True)):
                self._read = start + place + 1
                yield Row(start + place, 0, cells)

    def share(self) -> float:
        """See ``Table``."""
        return self._read / max(self._total, 1)

    def _open(self) -> Any:
        """The lazy frame of the columns that are wanted."""
        try:
            import polars
        except ImportError:
            raise MissingExtra("Parquet needs polars: pip install 'eachwise[train]'") from None
        try:
            frame = polars.scan_parquet(self._file)
            names = frame.collect_schema().names()
            check_columns(self._file, names, self._columns)
            self._total = int(frame.select(polars.len()).collect().item())
        except (polars.exceptions.PolarsError, OSError) as error:
            words = str(error).splitlines()[0]
            raise InvalidInput(
                f"cannot read {self._file} as Parquet: {words}", field="file"
            ) from None
        return frame.select(list(dict.fromkeys(self._columns)))


def check_columns(file: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise ``InvalidInput`` where a column is not there, or its name stands twice."""
    for name in wanted:
        if name not in names:
            raise InvalidInput(
                f"{file}: has no column {name!r}{nearest(name, names)}; it has: {', '.join(names)}",
                field=f"columns.{name}",
            )
        if list(names).count(name) > 1:
            raise InvalidInput(f"{file}: has two columns {name!r}", field=f"columns.{name}")


class TableEvents:
    """The events of a table: one a row, or one for consecutive rows that agree in a column.

    An event without a message id is named by the file's digest and its row, whatever the mapping: a file that is
    imported again with a better mapping adds only what was rejected before.
    """

    def __init__(self, file: Path, mapping: Mapping, mapping_body: bytes) -> None:
        self._file_digest = digest_of(file)
        self.digest = combined(_FORMAT, self._file_digest, hashlib.sha256(mapping_body).hexdigest())
        self._mapping = mapping
        self._zone = ZoneInfo(mapping.time.zone)
        self._table = table_of(file, mapping)
        self._table.check()

    def rows(self) -> Iterator[Read]:
        """See ``Source``. An event stands at the first of its rows; the others of it are empty."""
        group: list[Row] = []
        for row in self._table.rows():
            if group and not self._belongs(row, group):
                yield from self._reads(group)
                group = []
            group.append(row)
        if group:
            yield from self._reads(group)

    def share(self) -> float:
        """See ``Source``."""
        return self._table.share()

    def _belongs(self, row: Row, group: list[Row]) -> bool:
        """Whether a row goes on with the event of those before it."""
        by = self._mapping.group_by
        if not by or row.fault or group[0].fault or len(group) >= GROUP_ROWS_MAX:
            return False
        key = row.cells[by]
        return key not in (None, "") and bool(key == group[0].cells[by])

    def _reads(self, group: list[Row]) -> Iterator[Read]:
        first = group[0]
        try:
            if first.fault:
                raise Unfit(first.fault)
            event = self._event(group)
        except Unfit as unfit:
            for row in group:
                raw = msgspec.json.encode(row.cells, enc_hook=str)
                yield Read(row.row, row.line, b"", str(unfit), raw)
            return
        yield Read(first.row, first.line, msgspec.json.encode(event))
        for row in group[1:]:
            yield Read(row.row, row.line, b"")

    def _event(self, group: list[Row]) -> dict[str, Any]:
        """The event of rows that belong together. Raises ``Unfit``, naming the column."""
        mapping, first = self._mapping, group[0]
        event: dict[str, Any] = {
            "messageId": f"import-{self._file_digest[:32]}-{first.row}",
            "type": mapping.type,
        }
        if mapping.event:
            event["event"] = mapping.event
        for field, value in mapping.constants.items():
            put(event, field, value)
        products: list[dict[str, Any]] = [{} for _ in group]
        for name, rule in mapping.columns.items():
            holder, _, key = rule.field.partition(".")
            if holder == PRODUCT:
                for row, product in zip(group, products, strict=True):
                    if (value := self._value(row, name)) is not None:
                        put(product, key, value)
            elif (value := self._value(first, name)) is not None:
                put(event, rule.field, value)
        if any(products):
            put(event, "properties.products", [product for product in products if product])
        return event

    def _value(self, row: Row, name: str) -> Any:
        rule, cell = self._mapping.columns[name], row.cells[name]
        try:
            if rule.field == "timestamp":
                return time_value(cell, self._mapping.time, self._zone)
            return field_value(cell, rule, self._mapping.csv.decimal)
        except Unfit as unfit:
            raise Unfit(f"column {name!r}: {unfit}") from None
