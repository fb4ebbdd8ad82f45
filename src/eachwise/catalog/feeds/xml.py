"""A Google Merchant feed in XML (RSS 2.0, RSS 1.0 or Atom), read as it comes.

A document type is refused, so no entity can be declared: nothing expands, and nothing is fetched from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.parsers import expat

from eachwise.contracts.errors import InvalidInput

ROOTS = ("rss", "feed", "RDF")
ENTRIES = ("item", "entry")
GOOGLE = "http://base.google.com/ns/1.0"
# Far above any feed seen; they keep one entry from filling the memory.
DEPTH_MAX = 64
FIELDS_MAX = 1000
FIELD_CHARS_MAX = 64 * 1024

Fields = dict[str, list[str]]


class Entry(NamedTuple):
    """One product: its line in the feed, and name → texts, as often as they stand. ``fault``: it cannot be read."""

    line: int
    fields: Fields
    fault: str = ""


class FeedReader:
    """Takes a feed in pieces and gives its products as they end."""

    def __init__(self) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser
        self._done: list[Entry] = []
        self._depth = 0
        self._entry_depth = 0  # of the entry that is open; 0: none
        self._line = 0
        self._fault = ""
        self._plain: Fields = {}
        self._google: Fields = {}
        self._pieces: list[str] = []
        self._chars = 0

    def feed(self, piece: bytes, *, last: bool = False) -> Iterator[Entry]:
        """The products that end in this piece. Raises ``InvalidInput``, naming the line, for what is no such feed."""
        try:
            self._parser.Parse(piece, last)
        except expat.ExpatError as error:
            words = expat.ErrorString(error.code)
            raise InvalidInput(
                f"line {error.lineno}, column {error.offset}: not well-formed XML: {words}",
                field="file",
            ) from None
        except (LookupError, ValueError) as error:
            raise InvalidInput(f"line {self._at}: {error}", field="file") from None
        done, self._done = self._done, []
        yield from done

    @property
    def _at(self) -> int:
        return int(self._parser.CurrentLineNumber)

    def _doctype(self, *_: Any) -> None:
        raise InvalidInput(
            f"line {self._at}: the feed declares a document type, which is not taken: remove <!DOCTYPE …>",
            field="file",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        space, _, local = name.rpartition(" ")
        if self._depth == 1 and local not in ROOTS:
            raise InvalidInput(
                f"line {self._at}: no Google Merchant feed: it begins with <{local}>, not <rss> or <feed>",
                field="file",
            )
        if self._depth > DEPTH_MAX:
            raise InvalidInput(f"line {self._at}: nested deeper than {DEPTH_MAX}", field="file")
        if not self._entry_depth:
            if local in ENTRIES and space != GOOGLE:
                self._entry_depth, self._line = self._depth, self._at
                self._fault, self._plain, self._google = "", {}, {}
        elif self._depth == self._entry_depth + 1:
            # Atom's <link href="…"/>.
            self._pieces = [attributes["href"]] if "href" in attributes else []
            self._chars = 0

    def _text(self, text: str) -> None:
        if self._entry_depth and self._depth == self._entry_depth + 1:
            self._chars += len(text)
            if self._chars <= FIELD_CHARS_MAX:
                self._pieces.append(text)

    def _end(self, name: str) -> None:
        space, _, local = name.rpartition(" ")
        if self._entry_depth and self._depth == self._entry_depth + 1:
            self._keep(self._google if space == GOOGLE else self._plain, local)
        elif self._depth == self._entry_depth:
            # Google's own names come before RSS's and Atom's.
            self._done.append(Entry(self._line, self._plain | self._google, self._fault))
            self._entry_depth = 0
        self._depth -= 1

    def _keep(self, fields: Fields, local: str) -> None:
        text = "".join(self._pieces).strip()
        if self._chars > FIELD_CHARS_MAX:
            self._fault = f"{local} has more than {FIELD_CHARS_MAX} characters"
        elif len(fields) >= FIELDS_MAX or len(fields.get(local, ())) >= FIELDS_MAX:
            self._fault = f"it has more than {FIELDS_MAX} fields"
        elif text:
            fields.setdefault(local, []).append(text)
