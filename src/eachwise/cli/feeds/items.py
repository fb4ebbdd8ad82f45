"""Files of items: JSON Lines, a JSON list, and Google Merchant feeds in XML or as text."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from eachwise.catalog.feeds import Entry, FeedReader, Unusable, raw_item, tsv_entries
from eachwise.cli.feeds.lines import JsonLines
from eachwise.cli.feeds.rows import Read, Source, digest_of, unreadable
from eachwise.contracts.errors import InvalidInput

PIECE_BYTES = 1 << 16
FORMATS = ("jsonl", "google-xml", "google-tsv")
_BY_ENDING = {".xml": "google-xml", ".rss": "google-xml", ".atom": "google-xml"} | dict.fromkeys(
    (".tsv", ".txt"), "google-tsv"
)
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def items_source(file: Path, form: str | None) -> Source:
    """The items of a file: in this format, or by its ending."""
    chosen = form or _BY_ENDING.get(file.suffix.lower(), "jsonl")
    if chosen == "jsonl":
        return JsonList(file) if _is_list(file) else JsonLines(file)
    return MerchantItems(file, xml=chosen == "google-xml")


class JsonList:
    """A file with one JSON list of items."""

    def __init__(self, file: Path) -> None:
        self.digest = digest_of(file)
        try:
            self._items = msgspec.json.decode(_bytes(file), type=list[Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(
                f"{file}: the list is not valid JSON: {error}", field="file"
            ) from None
        self._row = 0

    def rows(self) -> Iterator[Read]:
        """See ``Source``."""
        for row, item in enumerate(self._items):
            self._row = row
            yield Read(row, 0, msgspec.json.encode(item))

    def share(self) -> float:
        """See ``Source``."""
        return (self._row + 1) / max(len(self._items), 1)


class MerchantItems:
    """The products of a Google Merchant feed, as they come."""

    def __init__(self, file: Path, *, xml: bool) -> None:
        self.digest = digest_of(file)
        self._file = file
        self._xml = xml
        self._size = file.stat().st_size
        self._position = 0

    def rows(self) -> Iterator[Read]:
        """See ``Source``."""
        try:
            for row, entry in enumerate(self._from_xml() if self._xml else self._from_text()):
                yield _read(row, entry)
        except OSError as error:
            raise unreadable(self._file, error) from None
        except InvalidInput as error:
            raise InvalidInput(f"{self._file}: {error.message}", field="file") from None

    def share(self) -> float:
        """See ``Source``."""
        return self._position / max(self._size, 1)

    def _from_xml(self) -> Iterator[Entry]:
        reader = FeedReader()
        self._position = 0
        with self._file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                self._position += len(piece)
                yield from reader.feed(piece)
        yield from reader.feed(b"", last=True)

    def _from_text(self) -> Iterator[Entry]:
        self._position = 0
        with self._file.open("rb") as stream:
            start = stream.read(4)
        encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig")
        with self._file.open(encoding=encoding, newline="") as text:
            yield from tsv_entries(self._counted(text, encoding))

    def _counted(self, text: Iterator[str], encoding: str) -> Iterator[str]:
        """The lines, counted. Raises ``InvalidInput`` for bytes of another encoding."""
        number = 0
        try:
            for line in text:
                number += 1
                self._position += len(line)
                yield line
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise InvalidInput(
                f"after line {number}: byte 0x{byte:02X} is not {encoding.removesuffix('-sig')}; "
                "save the feed as UTF-8",
                field="file",
            ) from None


def _read(row: int, entry: Entry) -> Read:
    try:
        if entry.fault:
            raise Unusable(entry.fault)
        return Read(row, entry.line, msgspec.json.encode(raw_item(entry.fields)))
    except Unusable as unusable:
        return Read(row, entry.line, b"", str(unusable), msgspec.json.encode(entry.fields))


def _is_list(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(PIECE_BYTES).removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"["
    except OSError as error:
        raise unreadable(file, error) from None


def _bytes(file: Path) -> bytes:
    return file.read_bytes().removeprefix(codecs.BOM_UTF8)
