"""Texts as search compares them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.maths.text import WORD_CHARS_MAX, fold, shown_words, stem, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Crème Brûlée", "CREME BRULEE"),
        ("Straße", "strasse"),
        ("Smørrebrød", "smorrebrod"),
        ("Ærøskøbing", "aeroskobing"),
        ("Łódź", "lodz"),
        ("Ben’s", "bens"),
        ("ﬁsh", "fish"),
        ("Ελλάδα", "ελλαδα"),
    ],
)
def test_case_accents_and_apostrophes_make_no_difference(one: str, other: str) -> None:
    assert words(one) == words(other)


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words("T-shirt, 500g (ice_cream) & NEAR*") == [
        "t",
        "shirt",
        "500g",
        "ice",
        "cream",
        "near",
    ]
    assert words(" !?* ") == []


def test_a_script_without_blanks_is_cut_into_pairs() -> None:
    assert words("鮭ご飯 set") == ["鮭ご", "ご飯", "set"]
    assert words("鮭") == ["鮭"]
    assert words("abc鮭飯") == ["abc", "鮭飯"]


def test_signs_stay_with_their_letters() -> None:
    assert words("हिन्दी किताब") == ["हिन्दी", "किताब"]


def test_a_word_without_end_is_cut() -> None:
    assert words("a" * 500) == ["a" * WORD_CHARS_MAX]
    assert words("ä" * 500) == ["a" * WORD_CHARS_MAX]


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert words(" ".join(words(text))) == words(text) or not text.isascii()
    assert all(word and not word.isspace() for word in words(text))
    assert fold(fold(text).upper()) == fold(text) or not text.isascii()


@given(st.text())
def test_words_are_shown_as_they_are_written(text: str) -> None:
    for folded, shown in shown_words(text):
        assert shown in text or shown == folded
    assert [folded for folded, _ in shown_words("Ben's Crème")] == ["bens", "creme"]


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        *(("burgers", "burger"), ("cakes", "cake"), ("cherries", "cherry"), ("pies", "pie")),
        *(("cookies", "cookie"), ("movies", "movie"), ("brownies", "brownie"), ("fries", "fry")),
        *(("boxes", "box"), ("dishes", "dish"), ("glasses", "glass"), ("peaches", "peach")),
        *(("sizes", "size"), ("shoes", "shoe"), ("tomatoes", "tomato"), ("toes", "toe")),
        *(("houses", "house"), ("peas", "pea"), ("lentils", "lentil"), ("horses", "horse")),
    ],
)
def test_both_numbers_of_a_word_meet(plural: str, singular: str) -> None:
    assert stem(plural) == stem(singular)


@pytest.mark.parametrize("word", ["gas", "bus", "menus", "glass", "basis", "500s", "καφές"])
def test_what_is_no_plural_stays(word: str) -> None:
    assert stem(word) == word


@pytest.mark.parametrize(
    ("one", "other"), [("car", "care"), ("win", "wine"), ("plan", "plane"), ("bus", "buses")]
)
def test_words_that_differ_otherwise_do_not_meet(one: str, other: str) -> None:
    assert stem(one) != stem(other)
