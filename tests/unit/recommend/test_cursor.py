"""Cursors: what goes in comes out, nothing else does, and a bad one is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.recommend import cursor

IDS = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1, max_size=40)


def walked(*pages: list[str]) -> cursor.Cursor:
    """The cursor after these pages."""
    at = cursor.first(77, 3, 4)
    for page in pages:
        at = cursor.advanced(at, page, 3, 5)
    return at


@given(st.lists(IDS, unique=True, max_size=12), st.lists(IDS, unique=True, max_size=12))
def test_a_token_brings_back_what_was_delivered(first: list[str], second: list[str]) -> None:
    at = walked(first, second)
    read = cursor.decode(cursor.encode(at, "shop"), "shop", 3, 5)
    assert read == at
    assert (read.page, read.seed, read.taste_version) == (2, 77, 5)
    shelf = [*first, *second, "other item"]
    found = cursor.delivered(read, cursor.item_hashes(shelf))
    assert found.tolist() == [each in {*first, *second} for each in shelf]


def test_hashes_do_not_depend_on_their_neighbours() -> None:
    ids = ["a", "b" * 256, "käse", "a b", "1", "01"]
    together = cursor.item_hashes(ids)
    assert together.tolist() == [int(cursor.item_hashes([one])[0]) for one in ids]
    assert len(set(together.tolist())) == len(ids)
    assert len(cursor.item_hashes([])) == 0


def test_hashes_stay_what_they_were() -> None:
    # Tokens out there hold them: a change would repeat items on their next page.
    assert cursor.item_hashes(["salmon", "käse"]).tolist() == [231675936888, 1058604296959]


def test_hashes_rarely_meet() -> None:
    found = cursor.item_hashes([f"product-{number}" for number in range(50_000)])
    assert len(np.unique(found)) >= 49_998
    # Every bit is used alike.
    bits = (found[:, None] >> np.arange(40, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.02


TOKEN = cursor.encode(walked(["salmon", "beef"]), "shop")


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz019_-"))
def test_a_changed_token_is_refused(place: int, letter: str) -> None:
    changed = TOKEN[:place] + letter + TOKEN[place + 1 :]
    # The last letter may hold bits that mean nothing.
    if changed[:-1] == TOKEN[:-1]:
        return
    with pytest.raises(InvalidInput, match="cursor") as refused:
        cursor.decode(changed, "shop", 9, 9)
    assert refused.value.field == "cursor"


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        cursor.decode(text, "shop", 9, 9)


def test_a_token_of_elsewhere_is_refused() -> None:
    assert cursor.decode(TOKEN, "shop", 3, 5).page == 1
    for project, catalog, taste in (("other", 9, 9), ("shop", 2, 9), ("shop", 9, 4)):
        with pytest.raises(InvalidInput):
            cursor.decode(TOKEN, project, catalog, taste)


def test_a_token_is_small() -> None:
    at = walked([f"item-{number}" for number in range(100)])
    assert len(cursor.encode(at, "shop")) < 720
