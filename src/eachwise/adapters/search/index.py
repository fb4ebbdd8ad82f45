"""The index over one catalogue, in memory, worked on in a thread of its own.

FTS5 (a contentless table of stems, some 100 bytes an item) says which documents hold the words; ``Documents`` says how
well. FTS5's own ``bm25()`` reads each match again and counts every phrase anew for each query: it costs several times
as much (docs/how-to/search.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import numpy as np

from eachwise.adapters.search.documents import Documents, same_text, title_key
from eachwise.adapters.search.reading import Wanted, expression, importance, read
from eachwise.adapters.search.suggesting import spoken, suggestions
from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import MissingExtra, Unavailable
from eachwise.contracts.search import Found, Suggestion
from eachwise.maths.text import shown_words, stem, words

P = ParamSpec("P")
R = TypeVar("R")

# Dead documents, as a share of all, at which everything is read anew.
DEAD_SHARE_MAX = 0.3
DEAD_MIN = 1000
# How often a long run of new documents looks whether it should end.
STOP_CHECK_DOCUMENTS = 256
# Where only some words are answered, items below this share of the best relevance answer too little.
PARTIAL_SHARE_MIN = 0.5
# The relevance of an item whose title, or id, is the query: one more than any other can have.
EXACT = 2.0

_CREATE = (
    "CREATE VIRTUAL TABLE items USING fts5(stems, content='', columnsize=0, detail=none, "
    "tokenize='ascii', prefix='2 3')"
)
_ADD = "INSERT INTO items (rowid, stems) VALUES (?, ?)"
# One row of text is read several times as fast as one row a match.
_MATCH = "SELECT group_concat(rowid) FROM items WHERE items MATCH ?"
_COUNT = "SELECT count(*) FROM items WHERE items MATCH ?"


class Fts5Index:
    """A ``SearchIndex``. Nothing is built before it is first asked to follow a catalogue."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="eachwise-search")
        self._closing = False
        self._wanted: CatalogIndex | None = None
        self._shelf: _Shelf | None = None

    def follow(self, catalog: CatalogIndex) -> None:
        """See ``SearchIndex``; what this takes is spent in the background."""
        if catalog is not self._wanted:
            self._wanted = catalog
            self._submit(self._catch_up, catalog)

    def find(self, text: str) -> Future[Found]:
        """See ``SearchIndex``. Raises ``MissingExtra`` where Python's SQLite lacks FTS5."""
        return self._submit(self._find, text, self._wanted)

    def suggest(self, text: str, past: Mapping[str, float], count: int) -> Future[list[Suggestion]]:
        """See ``SearchIndex``; raises as ``find`` does."""
        return self._submit(self._suggest, text, past, count, self._wanted)

    def close(self) -> None:
        """Stop what is under way and wait for it."""
        self._closing = True
        self._executor.shutdown(wait=True, cancel_futures=True)
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None

    def _submit(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        if self._closing:
            raise Unavailable("the search index is closed")
        return self._executor.submit(call, *args, **kwargs)

    # -- in the index's thread -----------------------------------------------------------------------------

    def _find(self, text: str, catalog: CatalogIndex | None) -> Found:
        return self._catch_up(catalog).find(text)

    def _suggest(
        self, text: str, past: Mapping[str, float], count: int, catalog: CatalogIndex | None
    ) -> list[Suggestion]:
        return suggestions(text, past, count, self._catch_up(catalog))

    def _catch_up(self, catalog: CatalogIndex | None) -> _Shelf:
        """The shelf as this catalogue has it. One that failed on the way is thrown away, and built again when asked."""
        shelf, self._shelf = self._shelf, None
        if shelf is not None and catalog is not None and shelf.worn(catalog):
            shelf.close()
            shelf = None
        if shelf is None:
            shelf = _Shelf()
        if catalog is not None and shelf.catalog is not catalog:
            try:
                shelf.take(catalog, lambda: self._closing)
            except BaseException:
                shelf.close()
                raise
        self._shelf = shelf
        return shelf


class _Shelf:
    """Documents and the FTS5 table, in step with one catalogue. Used by one thread at a time."""

    def __init__(self) -> None:
        self.documents = Documents()
        self.catalog: CatalogIndex | None = None
        self._items: list[Item] = []
        self._number_of: dict[str, int] = {}
        self._row_of: Ints = np.zeros(0, dtype=np.int64)
        self._live = 0
        self._spoken: list[tuple[str, str]] | None = None
        self._database = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, cached_statements=8
        )
        try:
            self._database.execute(_CREATE)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise MissingExtra(
                f"search needs a Python whose SQLite has FTS5; python.org's and Debian's have it ({error})"
            ) from None

    def close(self) -> None:
        """Give the memory back."""
        self._database.close()

    # -- following the catalogue ---------------------------------------------------------------------------

    def worn(self, catalog: CatalogIndex) -> bool:
        """Whether so many documents are dead that building anew costs less."""
        dead = len(self.documents) - self._live
        return dead > max(DEAD_MIN, DEAD_SHARE_MAX * len(catalog.items))

    def take(self, catalog: CatalogIndex, stop: Callable[[], bool]) -> None:
        """Read what is new or reads differently; forget what is gone. Raises ``Unavailable`` when told to stop."""
        gone = [item_id for item_id in self._number_of if item_id not in catalog.row_of]
        for item_id in gone:
            number = self._number_of.pop(item_id)
            self.documents.drop(number, self._items[number])
        self._database.execute("BEGIN")
        self._database.executemany(_ADD, self._read(catalog.items, stop))
        self._database.execute("COMMIT")
        self.documents.settle()
        self._row_of = np.full(len(self.documents), -1, dtype=np.int64)
        numbers = [self._number_of[item_id] for item_id in catalog.item_ids]
        self._row_of[np.array(numbers, dtype=np.int64)] = np.arange(len(numbers))
        self._live = len(numbers)
        self.catalog, self._spoken = catalog, None

    def _read(self, items: Sequence[Item], stop: Callable[[], bool]) -> Iterator[tuple[int, str]]:
        """The rows of the FTS5 table that are missing: a document's number and its stems, each once."""
        known, terms = self._number_of, self.documents.vocabulary.terms
        for item in items:
            number = known.get(item.item_id)
            if number is not None:
                before = self._items[number]
                if before is item or same_text(before, item):
                    self._items[number] = item
                    continue
                self.documents.drop(number, before)
            number = known[item.item_id] = len(self._items)
            if number % STOP_CHECK_DOCUMENTS == 0 and stop():
                raise Unavailable("the search index is closed")
            self._items.append(item)
            spellings = self.documents.add(item)
            yield number, " ".join({terms[each] for each in spellings})

    # -- answering -----------------------------------------------------------------------------------------

    def find(self, text: str) -> Found:
        """The items that hold every word; where none does, those that hold enough of them."""
        wanted = read(text, self.documents.vocabulary)
        documents = self._matching(wanted, all_words=True)
        named = self._number_of.get(text.strip())
        if named is not None and named not in documents:
            documents = np.append(documents, named)
        complete = bool(len(documents))
        if not complete and len(wanted) > 1:
            documents = self._matching(wanted, all_words=False)
        relevance = self._relevance(documents, wanted)
        if not complete and len(documents):
            enough = relevance >= PARTIAL_SHARE_MIN * relevance.max()
            documents, relevance = documents[enough], relevance[enough]
        exact = self.documents.titled(documents, title_key(stem(word) for word in words(text)))
        if named is not None:
            exact |= documents == named
        rows = self._row_of[documents]
        order = np.argsort(rows, kind="stable")
        return Found(
            rows=rows[order],
            relevance=np.where(exact, EXACT, relevance)[order],
            complete=complete,
            corrections={one.word: one.correction for one in wanted if one.correction},
        )

    @property
    def spoken(self) -> list[tuple[str, str]]:
        """The ends of the values' words; made by the first who asks after a change."""
        if self._spoken is None:
            self._spoken = [] if self.catalog is None else spoken(self.catalog)
        return self._spoken

    def shown(self, spelling: int) -> str:
        """A word as the first title that has it writes it, in lower case."""
        vocabulary = self.documents.vocabulary
        title = self._items[self.documents.title_of[spelling]].title
        written = dict(shown_words(title))
        return written.get(vocabulary.spellings[spelling], vocabulary.spellings[spelling]).lower()

    def count(self, wanted: Sequence[Wanted]) -> int:
        """How many items hold every word."""
        if self._live < len(self.documents):
            return len(self._matching(wanted, all_words=True))
        if not wanted:
            return 0
        counted = self._database.execute(_COUNT, (expression(wanted, all_words=True),))
        found: int = counted.fetchone()[0]
        return found

    def _relevance(self, documents: Ints, wanted: Sequence[Wanted]) -> Floats:
        vocabulary = self.documents.vocabulary
        weights = np.array([importance(one, vocabulary, self._live) for one in wanted])
        return self.documents.relevance(documents, [one.qualities for one in wanted], weights)

    def _matching(self, wanted: Sequence[Wanted], *, all_words: bool) -> Ints:
        """The live documents that hold every word, or any; ascending."""
        if not wanted:
            return np.zeros(0, dtype=np.int64)
        matched = self._database.execute(_MATCH, (expression(wanted, all_words=all_words),))
        numbers = matched.fetchone()[0]
        if numbers is None:
            return np.zeros(0, dtype=np.int64)
        documents = np.fromstring(numbers, dtype=np.int64, sep=",")
        live: Ints = documents[self._row_of[documents] >= 0]
        return live
