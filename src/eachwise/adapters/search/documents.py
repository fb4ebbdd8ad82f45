"""The texts of the items as numbers: which spellings each holds, and how strongly. D = documents, E = entries."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from eachwise.adapters.search.vocabulary import Vocabulary
from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.catalog import Item
from eachwise.maths.hashing import stable_hash
from eachwise.maths.text import words

# BM25F (Robertson, Zaragoza & Taylor 2004) with its usual constants.
SATURATION = 1.2  # k1
LENGTH_SHARE = 0.75  # b


class Field(NamedTuple):
    """What a word counts in a field, b, and how many words the field usually has.

    The usual length is fixed, so that what one item is worth does not change with the others.
    """

    weight: float
    length_share: float
    usual: float


TITLE, DESCRIPTION = Field(8.0, LENGTH_SHARE, 6.0), Field(1.0, LENGTH_SHARE, 40.0)
# An item with many values is not less of each.
VALUES = Field(4.0, 0.0, 1.0)

_N = TypeVar("_N", bound=np.generic)


class Grown(Generic[_N]):
    """An array that grows at its end."""

    def __init__(self, kind: type[_N]) -> None:
        self._room: NDArray[_N] = np.zeros(1024, dtype=kind)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    @property
    def values(self) -> NDArray[_N]:
        """What it holds; a view."""
        return self._room[: self._used]

    def extend(self, values: Sequence[Any] | NDArray[Any]) -> None:
        """Add at the end."""
        end = self._used + len(values)
        if end > len(self._room):
            larger = np.zeros(max(end, 2 * len(self._room)), dtype=self._room.dtype)
            larger[: self._used] = self.values
            self._room = larger
        self._room[self._used : end] = values
        self._used = end


def title_key(stems: Iterable[str]) -> int:
    """What two titles share that are made of the same stems."""
    return stable_hash(" ".join(stems))


class _New:
    """Documents that were added and not yet settled, in Python's arrays: they grow by the entry."""

    def __init__(self) -> None:
        self.spellings = array("i")
        self.counts = array("f")
        self.lengths = array("i")
        self.titles = array("q")


class Documents:
    """Documents by number, in order of arrival. A changed item is a new document; the old one stays, dead.

    strength of a spelling in a document: x / (k1 + x), x = Σ over fields of weight · tf / (1 − b + b · length / usual),
    from 0 to 1, so that BM25F over a query is Σ idf · strength and its upper bound Σ idf.
    """

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.in_titles: Counter[int] = (
            Counter()
        )  # spelling → live documents with it in their titles
        self.title_of: dict[int, int] = {}  # spelling → the first document that had it in its title
        self._starts = Grown(np.int64)
        self._starts.extend([0])
        self._spellings = Grown(np.int32)
        self._strengths = Grown(np.float32)
        self._titles = Grown(np.int64)
        self._new = _New()

    def __len__(self) -> int:
        return len(self._titles) + len(self._new.titles)

    def add(self, item: Item) -> list[int]:
        """Take an item as the next document; returns the spellings that it holds, each once. ``settle`` must follow."""
        counts: dict[int, float] = {}
        title = words(item.title)
        self._take(counts, title, TITLE)
        number = len(self)
        self.in_titles.update(counts.keys())
        for spelling in counts:
            self.title_of.setdefault(spelling, number)
        self._take(counts, words(_values_text(item.attributes)), VALUES)
        if item.description:
            self._take(counts, words(item.description), DESCRIPTION)
        new = self._new
        new.spellings.extend(counts)
        new.counts.extend(counts.values())
        new.lengths.append(len(counts))
        stems, number_of = self.vocabulary.stems, self.vocabulary.number_of
        new.titles.append(title_key(stems[number_of[word]] for word in title))
        return list(counts)

    def settle(self) -> None:
        """What was added can be asked for."""
        new, self._new = self._new, _New()
        counts = np.array(new.counts)
        self._starts.extend(len(self._spellings) + np.cumsum(new.lengths, dtype=np.int64))
        self._spellings.extend(new.spellings)
        self._strengths.extend(counts / (SATURATION + counts))
        self._titles.extend(new.titles)
        self.vocabulary.count(np.array(new.spellings, dtype=np.int64), 1)

    def drop(self, document: int, item: Item) -> None:
        """A settled document, which was added for this item, is dead."""
        number_of = self.vocabulary.number_of
        self.in_titles.subtract({number_of[word] for word in words(item.title)})
        start, end = self._starts.values[document : document + 2].tolist()
        self.vocabulary.count(self._spellings.values[start:end].astype(np.int64), -1)

    def titled(self, documents: Ints, key: int) -> NDArray[np.bool_]:
        """Which of these documents have this title; (M,)."""
        same: NDArray[np.bool_] = self._titles.values[documents] == key
        return same

    def relevance(
        self, documents: Ints, wanted: Sequence[Mapping[int, float]], importance: Floats
    ) -> Floats:
        """Σ_w importance_w · max over spellings of (quality · strength), over Σ importance; in [0, 1), shape (M,).

        ``wanted``: for each word of the query, spelling → quality; ``importance`` (W,) is the words' idf.
        """
        found = np.zeros(len(documents))
        lengths = self._lengths(documents)
        worded = np.flatnonzero(lengths)
        if not len(worded) or not len(wanted):
            return found
        entries, begins = self._entries(documents[worded], lengths[worded])
        spellings = self._spellings.values[entries]
        strengths = self._strengths.values[entries].astype(np.float64)
        for qualities, weight in zip(wanted, importance.tolist(), strict=True):
            quality = np.zeros(len(self.vocabulary))
            quality[list(qualities)] = list(qualities.values())
            found[worded] += weight * np.maximum.reduceat(quality[spellings] * strengths, begins)
        relevance: Floats = found / importance.sum()
        return relevance

    def _lengths(self, documents: Ints) -> Ints:
        """How many spellings each holds; (M,)."""
        starts = self._starts.values
        lengths: Ints = starts[documents + 1] - starts[documents]
        return lengths

    def _entries(self, documents: Ints, lengths: Ints) -> tuple[Ints, Ints]:
        """The places of these documents' entries, one after another, and where each document's begin."""
        begins = np.cumsum(lengths) - lengths
        shift = np.repeat(self._starts.values[documents] - begins, lengths)
        return shift + np.arange(len(shift)), begins

    def _take(self, counts: dict[int, float], found: list[str], field: Field) -> None:
        """Add a field's words to the counts x, in place."""
        share = field.length_share
        each = field.weight / (1.0 - share + share * len(found) / field.usual)
        number_of, add = self.vocabulary.number_of, self.vocabulary.add
        for word in found:
            spelling = number_of.get(word)
            if spelling is None:
                spelling = add(word)
            counts[spelling] = counts.get(spelling, 0.0) + each


def _values_text(attributes: Mapping[str, str | list[str]]) -> str:
    """All values of an item's attributes, without their names, in one text."""
    return " ".join(
        value if isinstance(value, str) else " ".join(value) for value in attributes.values()
    )


def same_text(one: Item, other: Item) -> bool:
    """Whether two items read the same; their prices and dates may differ."""
    return (
        one.title == other.title
        and one.attributes == other.attributes
        and one.description == other.description
    )
