"""How a text that is being typed may go on: as others have asked, as the catalogue's values and titles have it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

from eachwise.adapters.search.documents import Documents
from eachwise.adapters.search.reading import Wanted, read
from eachwise.adapters.search.vocabulary import LAST_SIGN
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.search import Suggestion, SuggestionKind
from eachwise.maths.text import words
from eachwise.maths.words import value_words

# Candidates of each kind that are looked at for one suggestion wanted.
LOOKED_AT = 3


class Shelf(Protocol):
    """What suggestions are made from."""

    documents: Documents

    @property
    def spoken(self) -> list[tuple[str, str]]:
        """See ``spoken``."""
        ...

    def shown(self, spelling: int) -> str:
        """A word of a title as people read it."""
        ...

    def count(self, wanted: Sequence[Wanted]) -> int:
        """How many items hold every word."""
        ...


def suggestions(text: str, past: Mapping[str, float], count: int, shelf: Shelf) -> list[Suggestion]:
    """At most ``count`` ways to go on, each of which finds something: past queries, values, then words.

    Past queries may fill half of it while there are values or words; no text comes twice, whatever its plurals.
    """
    typed = words(text)
    if not typed:
        return []
    queries = _found(_past(past), "query", LOOKED_AT * count, shelf)
    rest = _found(_values(typed, shelf), "value", LOOKED_AT * count, shelf)
    rest += _found(_words(text, typed, shelf), "word", LOOKED_AT * count, shelf)
    half = max(count - len(rest), (count + 1) // 2)
    chosen: dict[tuple[str, ...], Suggestion] = {}
    for each in [*queries[:half], *rest, *queries[half:]]:
        key = tuple(one.stems[0] for one in _read(each.text, shelf))
        if key not in chosen and len(chosen) < count:
            chosen[key] = each
    return list(chosen.values())


def _found(
    texts: Iterator[str], kind: SuggestionKind, looked_at: int, shelf: Shelf
) -> list[Suggestion]:
    """Those of the first texts that find something as they are written."""
    found = []
    for text in islice(texts, looked_at):
        wanted = _read(text, shelf)
        items = 0 if any(one.correction for one in wanted) else shelf.count(wanted)
        if items:
            found.append(Suggestion(text=text, kind=kind, items=items))
    return found


def _read(text: str, shelf: Shelf) -> list[Wanted]:
    """A whole text, whose last word is finished."""
    return read(text + " ", shelf.documents.vocabulary)


def _past(past: Mapping[str, float]) -> Iterator[str]:
    """Queries, the most frequent first."""
    yield from sorted(past, key=lambda query: (-past[query], query))


def spoken(catalog: CatalogIndex) -> list[tuple[str, str]]:
    """Every end of every value's folded words, beside the value as it is said; sorted, for ``_values``."""
    found: set[tuple[str, str]] = set()
    for value in catalog.values:
        said = value_words(value)
        folded = words(said)
        found.update((" ".join(folded[at:]), said) for at in range(len(folded)))
    return sorted(found)


def _values(typed: Sequence[str], shelf: Shelf) -> Iterator[str]:
    """Values with the typed words in a row, the last of them perhaps unfinished; the commonest first."""
    begun = " ".join(typed)
    start = bisect_left(shelf.spoken, (begun,))
    end = bisect_left(shelf.spoken, (begun + LAST_SIGN,))
    vocabulary = shelf.documents.vocabulary
    found = {}
    for _, said in shelf.spoken[start:end]:
        numbers = [vocabulary.number_of.get(word) for word in words(said)]
        found[said] = min(
            (int(vocabulary.documents[each]) for each in numbers if each is not None), default=0
        )
    yield from sorted(found, key=lambda said: (-found[said], said))


def _words(text: str, typed: Sequence[str], shelf: Shelf) -> Iterator[str]:
    """The typed text with its last word finished as titles have it; the commonest first."""
    if text[-1:].isspace():
        return
    vocabulary, in_titles = shelf.documents.vocabulary, shelf.documents.in_titles
    finished = [each for each in vocabulary.beginning(typed[-1]) if in_titles[each] > 0]
    finished.sort(key=lambda each: (-int(vocabulary.documents[each]), vocabulary.spellings[each]))
    for each in finished:
        yield " ".join([*typed[:-1], shelf.shown(each)])
