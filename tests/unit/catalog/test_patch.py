"""A patched index is the index that the same items would build."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import build_index, patch_index
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.catalog import Item

IDS = st.sampled_from([f"i{number:02}" for number in range(40)] + ["", "ä", "z"])
VALUES = st.lists(st.sampled_from(["a", "b", "c", "d", "e=f", "ü"]), max_size=3)


@st.composite
def an_item(draw: st.DrawFn) -> Item:
    """An item with up to two attributes, some of them rare."""
    return Item(
        item_id=draw(IDS),
        attributes={name: draw(VALUES) for name in draw(st.sets(st.sampled_from("xyz")))},
        available=draw(st.booleans()),
        available_from=draw(st.sampled_from([None, "2026-01-01T00:00:00Z"])),
        published_at=draw(st.sampled_from([None, "2025-01-01T00:00:00Z"])),
        expires_at=draw(st.sampled_from([None, "2027-01-01T00:00:00Z"])),
    )


def assert_equal(one: CatalogIndex, other: CatalogIndex) -> None:
    """In every field, arrays with their types."""
    for field in fields(CatalogIndex):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            assert np.array_equal(left, right), field.name
        else:
            assert left == right, field.name


@given(
    st.lists(an_item(), max_size=60),
    st.lists(st.tuples(IDS, an_item(), st.booleans()), max_size=12),
)
def test_a_patched_index_is_the_one_built_anew(
    items: list[Item], changes: list[tuple[str, Item, bool]]
) -> None:
    held = {item.item_id: item for item in items}
    changed: dict[str, Item | None] = {}
    for item_id, item, gone in changes:
        changed[item_id if gone else item.item_id] = None if gone else item
    after = {item_id: item for item_id, item in (held | changed).items() if item is not None}
    patched = patch_index(build_index(items, 1), changed, 2)
    assert_equal(patched, build_index(after.values(), 2))


def test_many_patches_one_after_another() -> None:
    generator = np.random.default_rng(1)
    held: dict[str, Item] = {
        f"i{number:04}": Item(item_id=f"i{number:04}", attributes={"n": str(number % 50)})
        for number in range(400)
    }
    index = build_index(held.values(), 0)
    for version in range(1, 30):
        changed: dict[str, Item | None] = {}
        for number in generator.integers(0, 600, 20).tolist():
            item_id = f"i{number:04}"
            value = str(generator.integers(80))
            keep = generator.random() < 0.7
            changed[item_id] = Item(item_id=item_id, attributes={"n": value}) if keep else None
        held = {k: item for k, item in (held | changed).items() if item is not None}
        index = patch_index(index, changed, version)
        assert_equal(index, build_index(held.values(), version))
