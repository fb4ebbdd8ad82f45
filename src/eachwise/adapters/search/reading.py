"""A text that somebody typed → what is looked for: each word's stems, its beginning, the spellings that will do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.adapters.search.vocabulary import Vocabulary, coded
from eachwise.maths.text import stem, words

# More words than this say nothing new: the rest is not looked at.
WORDS_MAX = 16
# How well a spelling answers a word; 1 is the word itself. Orders, and no measurement.
PLURAL, BEGUN, PARTED, ONE_MISTAKE, TWO_MISTAKES = 0.95, 0.8, 0.7, 0.6, 0.4
# A last word of one letter stands for itself: too much begins so.
BEGINNING_CHARS_MIN = 2
CORRECTIONS_MAX = 5
# Above it are the scripts without blanks, whose single signs say as much as several letters.
_ALPHABETS = "\u0e00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One word of a query.

    stems:      any of them will do
    beginning:  a stem that begins so will do too; empty for none
    qualities:  spelling → how well it answers, in (0, 1]
    correction: how the word was read, in folded words; empty where as it was written
    """

    word: str
    stems: tuple[str, ...]
    beginning: str
    qualities: dict[int, float]
    correction: str = ""


def read(text: str, vocabulary: Vocabulary) -> list[Wanted]:
    """What a text asks for; the last word may be unfinished unless a blank follows it. Each word once, 16 at most."""
    asked = list(dict.fromkeys(words(text)))[:WORDS_MAX]
    begun = bool(asked) and not text[-1:].isspace()
    found: list[Wanted] = []
    for place, word in enumerate(asked):
        found += _read(word, vocabulary, begun=begun and place == len(asked) - 1)
    return found


def _read(word: str, vocabulary: Vocabulary, *, begun: bool) -> list[Wanted]:
    wanted = _as_written(word, vocabulary, begun=begun)
    if _known(wanted.qualities, vocabulary):
        return [wanted]
    near = vocabulary.near(word, begun=begun)[:CORRECTIONS_MAX]
    if near:
        return [
            Wanted(
                word=word,
                stems=_each_once(vocabulary.stems[one.spelling] for one in near),
                beginning="",
                qualities={
                    one.spelling: ONE_MISTAKE if one.mistakes == 1 else TWO_MISTAKES for one in near
                },
                correction=vocabulary.spellings[near[0].spelling],
            )
        ]
    return _parted(word, vocabulary) or [wanted]


def _as_written(word: str, vocabulary: Vocabulary, *, begun: bool) -> Wanted:
    """The word itself, its other number, and what begins so."""
    stemmed = stem(word)
    qualities = dict.fromkeys(vocabulary.of_stem(stemmed), PLURAL)
    if (itself := vocabulary.number_of.get(word)) is not None:
        qualities[itself] = 1.0
    if not (begun and (len(word) >= BEGINNING_CHARS_MIN or word > _ALPHABETS)):
        return Wanted(word=word, stems=(stemmed,), beginning="", qualities=qualities)
    stems = [stemmed]
    for spelling in vocabulary.beginning(word):
        qualities.setdefault(spelling, BEGUN)
        if not vocabulary.stems[spelling].startswith(word):
            stems.append(vocabulary.stems[spelling])
    return Wanted(word=word, stems=_each_once(stems), beginning=word, qualities=qualities)


def _parted(word: str, vocabulary: Vocabulary) -> list[Wanted]:
    """An unknown word as two known ones: ``icecream`` is ``ice cream``. The parts whose rarer one is commonest."""
    best: tuple[int, list[Wanted]] = (0, [])
    for at in range(2, len(word) - 1):
        parts = [_as_written(part, vocabulary, begun=False) for part in (word[:at], word[at:])]
        commonness = min(_known(part.qualities, vocabulary) for part in parts)
        if commonness > best[0]:
            read_as = f"{word[:at]} {word[at:]}"
            best = (commonness, [_part(part, word, read_as) for part in parts])
    return best[1]


def _part(part: Wanted, word: str, read_as: str) -> Wanted:
    qualities = {spelling: PARTED * quality for spelling, quality in part.qualities.items()}
    return Wanted(
        word=word, stems=part.stems, beginning="", qualities=qualities, correction=read_as
    )


def _known(spellings: Iterable[int], vocabulary: Vocabulary) -> int:
    """How many live documents hold one of these spellings, counted once a spelling."""
    return int(vocabulary.documents[np.fromiter(spellings, dtype=np.int64)].sum())


def importance(wanted: Wanted, vocabulary: Vocabulary, documents: int) -> float:
    """The word's idf = log(1 + (D − n + ½) / (n + ½)), n of D live documents holding it; always above 0."""
    holding = min(_known(wanted.qualities, vocabulary), documents)
    return float(np.log1p((documents - holding + 0.5) / (holding + 0.5)))


def expression(wanted: Sequence[Wanted], *, all_words: bool) -> str:
    """The MATCH expression of these words, for FTS5: of what was typed only letters and digits stand in it, quoted."""
    groups = []
    for one in wanted:
        terms = [f'"{coded(stemmed)}"' for stemmed in one.stems]
        if one.beginning:
            terms.append(f'"{coded(one.beginning)}"*')
        groups.append(f"({' OR '.join(terms)})")
    return (" AND " if all_words else " OR ").join(groups)


def _each_once(stems: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stems))
