"""How far apart two spellings are, for many words at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eachwise.contracts.arrays import Ints

# Words beyond this are compared with nothing: no typing mistake is looked for in them.
SPELLED_CHARS_MAX = 24


def distances(word: str, others: Sequence[str], limit: int, *, to_beginning: bool = False) -> Ints:
    """The edit distance of a word to each other word, shape (n,); ``limit`` + 1 stands for everything beyond.

    Insertions, deletions, substitutions and swaps of neighbours count 1 each (the optimal string alignment, Damerau
    1964); a pair that was swapped is not edited again. ``to_beginning``: to the nearest beginning of the other word,
    whatever comes after it. Words have at most 24 characters.

    d[i, j] = min(d[i−1, j] + 1, d[i, j−1] + 1, d[i−1, j−1] + (a_i ≠ b_j), and d[i−2, j−2] + 1 where a_i a_{i−1} =
    b_{j−1} b_j), filled in a band of 2·limit + 1 diagonals for all others at once.
    """
    count, length = len(others), len(word)
    far = limit + 1
    if not count:
        return np.zeros(0, dtype=np.int64)
    letters = np.array(others, dtype=f"<U{SPELLED_CHARS_MAX}").view(np.uint32)
    letters = np.ascontiguousarray(letters.reshape(count, SPELLED_CHARS_MAX).T)
    lengths = np.array([min(len(other), SPELLED_CHARS_MAX) for other in others])
    mine = [ord(letter) for letter in word]
    # last[j]: of the letters of the word so far and the first j of each other; before: one letter earlier.
    before, last, row = (
        np.full((SPELLED_CHARS_MAX + 1, count), far, dtype=np.int8) for _ in range(3)
    )
    last[:far] = np.arange(far, dtype=np.int8)[:, None]
    for i in range(1, length + 1):
        row.fill(far)
        if i <= limit:
            row[0] = i
        for j in range(max(1, i - limit), min(SPELLED_CHARS_MAX, i + limit) + 1):
            best = last[j - 1] + (letters[j - 1] != mine[i - 1])
            np.minimum(best, np.minimum(last[j], row[j - 1]) + 1, out=best)
            if i > 1 and j > 1:
                swapped = (letters[j - 2] == mine[i - 1]) & (letters[j - 1] == mine[i - 2])
                np.minimum(best, before[j - 2] + 1, out=best, where=swapped)
            np.minimum(best, far, out=row[j])
        before, last, row = last, row, before
    if to_beginning:
        beyond = np.arange(SPELLED_CHARS_MAX + 1)[:, None] > lengths
        nearest: Ints = np.where(beyond, far, last).min(axis=0).astype(np.int64)
        return nearest
    found: Ints = last[lengths, np.arange(count)].astype(np.int64)
    return found
