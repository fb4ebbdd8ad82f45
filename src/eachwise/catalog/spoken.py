"""Values as people say them: which attribute values a typed text names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eachwise.maths.text import stem, words
from eachwise.maths.words import value_words

# A value of more words is a sentence, and nobody types it.
WORDS_MAX = 4

Spoken = Mapping[tuple[str, ...], tuple[str, ...]]


def spoken_values(values: Iterable[str]) -> Spoken:
    """The stems of a value's words → the ``name=value`` strings that are said so. To be kept for a catalogue version.

    ``category=ice-cream`` is said as ``ice cream``. A single letter, or a number, names no value.
    """
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for value in values:
        stems = _stems(value_words(value))
        if 1 <= len(stems) <= WORDS_MAX and _telling(stems):
            found[stems] = (*found.get(stems, ()), value)
    return found


def said_in(text: str, spoken: Spoken) -> tuple[str, ...]:
    """The ``name=value`` strings that a text names, from the left, the longest first; a word counts once."""
    stems = _stems(text)
    found: list[str] = []
    at = 0
    while at < len(stems):
        for length in range(min(WORDS_MAX, len(stems) - at), 0, -1):
            values = spoken.get(stems[at : at + length])
            if values:
                found += values
                at += length
                break
        else:
            at += 1
    return tuple(dict.fromkeys(found))


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in words(text))


def _telling(stems: tuple[str, ...]) -> bool:
    said = "".join(stems)
    return len(said) > 1 and not said.isdigit()
