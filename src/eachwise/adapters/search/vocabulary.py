"""Every spelling that the catalogue's texts hold: which begin like this, which are nearly that."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Ints
from eachwise.maths.spelling import SPELLED_CHARS_MAX, distances
from eachwise.maths.text import stem

# Letters that a word must have before one, or two, mistakes in it are forgiven.
ONE_MISTAKE_CHARS_MIN = 4
TWO_MISTAKES_CHARS_MIN = 8
LAST_SIGN = "\U0010ffff"  # stands behind every text
_PLAIN = re.compile(r"[a-z0-9]+")
_BITS = np.array([bin(pattern).count("1") for pattern in range(1 << 16)], dtype=np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A spelling close to the one that was asked for."""

    spelling: int
    mistakes: int


class Vocabulary:
    """Spellings by number, in order of appearance; none is ever taken out. S = spellings.

    ``stems[s]`` is the plural-free form of spelling ``s``, ``terms[s]`` the same as FTS5 knows it; ``documents`` (S,)
    says how many live documents hold each.
    """

    def __init__(self) -> None:
        self.number_of: dict[str, int] = {}
        self.spellings: list[str] = []
        self.stems: list[str] = []
        self.terms: list[str] = []
        self.documents: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._same_stem: dict[str, list[int]] = {}
        self._sorted: list[str] = []
        self._letters: NDArray[np.uint32] = np.zeros(0, dtype=np.uint32)
        self._lengths: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.spellings)

    def add(self, spelling: str) -> int:
        """The number of a folded word, given now where it is new."""
        number = self.number_of.get(spelling)
        if number is None:
            number = self.number_of[spelling] = len(self.spellings)
            stemmed = stem(spelling)
            self.spellings.append(spelling)
            self.stems.append(stemmed)
            self.terms.append(coded(stemmed))
            self._same_stem.setdefault(stemmed, []).append(number)
        return number

    def count(self, entries: Ints, change: int) -> None:
        """Documents with these spellings (each once a document) came (+1) or went (−1)."""
        counted = change * np.bincount(entries, minlength=len(self.spellings))
        counted[: len(self.documents)] += self.documents
        self.documents = counted

    def of_stem(self, stemmed: str) -> list[int]:
        """The spellings that are indexed under a stem."""
        return self._same_stem.get(stemmed, [])

    def beginning(self, prefix: str) -> list[int]:
        """The spellings that begin so."""
        if len(self._sorted) < len(self.spellings):
            # Nearly sorted already: Python's sort only merges what is new.
            self._sorted += self.spellings[len(self._sorted) :]
            self._sorted.sort()
        start = bisect_left(self._sorted, prefix)
        end = bisect_left(self._sorted, prefix + LAST_SIGN)
        return [self.number_of[spelling] for spelling in self._sorted[start:end]]

    def near(self, word: str, *, begun: bool) -> list[Near]:
        """The spellings of live documents with the fewest mistakes to this word, the commonest first; none at 0.

        ``begun``: the word may go on; then spellings that begin nearly so count where no whole one is near. Words of 4
        letters may have one mistake, of 8 two; a mistake in the first letter counts twice, because few are made there
        (as Algolia has it).
        """
        limit = (len(word) >= ONE_MISTAKE_CHARS_MIN) + (len(word) >= TWO_MISTAKES_CHARS_MIN)
        if not limit or len(word) > SPELLED_CHARS_MAX:
            return []
        found = self._near(word, limit, to_beginning=False)
        return found or (self._near(word, limit, to_beginning=True) if begun else [])

    def _near(self, word: str, limit: int, *, to_beginning: bool) -> list[Near]:
        candidates = self._similar(word, limit, to_beginning)
        others = [self.spellings[number] for number in candidates.tolist()]
        mistakes = distances(word, others, limit, to_beginning=to_beginning)
        mistakes += np.array([other[:1] != word[:1] for other in others], dtype=np.int64)
        if not len(mistakes) or mistakes.min() > limit:
            return []
        best = candidates[mistakes == mistakes.min()].tolist()
        best.sort(key=lambda each: (-int(self.documents[each]), self.spellings[each]))
        return [Near(spelling=each, mistakes=int(mistakes.min())) for each in best]

    def _similar(self, word: str, limit: int, to_beginning: bool) -> Ints:
        """Spellings that may be within ``limit`` edits: by length, and by which letters they hold at all.

        An edit adds at most one letter that the other word lacks, and takes at most one away.
        """
        self._describe()
        longer = self._lengths.astype(np.int16) - len(word)
        close = (longer >= -limit) & (self.documents > 0)
        if not to_beginning:
            close &= longer <= limit
        numbers = np.flatnonzero(close)
        letters, mine = self._letters[numbers], np.uint32(_letters(word))
        fits = _bits(mine & ~letters) <= limit
        if not to_beginning:
            fits &= _bits(letters & ~mine) <= limit
        found: Ints = numbers[fits]
        return found

    def _describe(self) -> None:
        """Bring lengths and letters up to the spellings there are."""
        new = self.spellings[len(self._lengths) :]
        if new:
            lengths = np.array([min(len(each), 255) for each in new], dtype=np.uint8)
            letters = np.array([_letters(each) for each in new], dtype=np.uint32)
            self._lengths = np.concatenate([self._lengths, lengths])
            self._letters = np.concatenate([self._letters, letters])


def coded(word: str) -> str:
    """A folded word in a to z and digits only, sign by sign, so that a beginning stays one: ``é`` is ``u0000e9``.

    What FTS5's tokenizer takes for a letter then does not matter.
    """
    if _PLAIN.fullmatch(word):
        return word
    return "".join(sign if _PLAIN.fullmatch(sign) else f"u{ord(sign):06x}" for sign in word)


def _bits(patterns: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """How many bits are set in each."""
    counted: NDArray[np.uint8] = (
        _BITS[patterns & np.uint32(0xFFFF)] + _BITS[patterns >> np.uint32(16)]
    )
    return counted


def _letters(word: str) -> int:
    """Which letters a word holds, as 32 bits; several letters of large alphabets share one."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 31)
    return bits
