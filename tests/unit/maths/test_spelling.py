"""The edit distance of many words at once, beside the textbook's table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eachwise.maths.spelling import SPELLED_CHARS_MAX, distances

WORDS = st.text(alphabet="abc", max_size=9)


def table(one: str, other: str) -> list[list[int]]:
    """The optimal string alignment distance of every beginning of one to every beginning of the other."""
    d = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            d[i][j] = min(
                d[i - 1][j] + 1,
                d[i][j - 1] + 1,
                d[i - 1][j - 1] + (one[i - 1] != other[j - 1]),
            )
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1)
    return d


@given(WORDS, st.lists(WORDS, max_size=8), st.integers(1, 3))
def test_it_is_the_textbooks_up_to_the_limit(word: str, others: list[str], limit: int) -> None:
    wanted = [min(table(word, other)[-1][-1], limit + 1) for other in others]
    assert distances(word, others, limit).tolist() == wanted


@given(WORDS, st.lists(WORDS, max_size=8), st.integers(1, 3))
def test_to_the_nearest_beginning(word: str, others: list[str], limit: int) -> None:
    wanted = [min(*table(word, other)[-1], limit + 1) for other in others]
    assert distances(word, others, limit, to_beginning=True).tolist() == wanted


def test_a_swap_is_one_mistake() -> None:
    assert distances("slamon", ["salmon", "lemon", "salmons"], 2).tolist() == [1, 2, 2]


def test_longer_words_than_are_compared_are_far() -> None:
    assert distances("salmon", ["salmon" * 10], 2).tolist() == [3]
    whole = "a" * SPELLED_CHARS_MAX
    assert distances(whole, [whole, whole[1:]], 1).tolist() == [0, 1]
