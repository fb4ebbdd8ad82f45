"""Facets: what found items have in common."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import build_index, values_of_item
from eachwise.catalog.facets import (
    ATTRIBUTES_MAX,
    VALUES_MAX,
    attribute_spans,
    filters_of,
    narrowed,
)
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput

VALUES = st.lists(st.sampled_from(["fish", "beef", "soup"]), unique=True, max_size=2)
SHOPS = st.lists(
    st.dictionaries(st.sampled_from(["a", "a b", "category", "diet"]), VALUES, max_size=3),
    min_size=1,
    max_size=12,
)
WHERE = st.dictionaries(
    st.sampled_from(["category", "diet", "none"]),
    st.lists(st.sampled_from(["fish", "beef", "soup", "nothing"]), min_size=1, max_size=2),
    max_size=2,
)


def shop(attributes: list[dict[str, list[str]]]) -> CatalogIndex:
    """A catalogue of items with these attributes."""
    items = [
        Item(item_id=f"i{number:02d}", attributes={**each})
        for number, each in enumerate(attributes)
    ]
    return build_index(items, 1)


@given(SHOPS, WHERE, st.data())
def test_it_counts_what_one_would_count(
    attributes: list[dict[str, list[str]]], where: dict[str, list[str]], data: st.DataObject
) -> None:
    index = shop(attributes)
    rows = np.array(
        sorted(data.draw(st.sets(st.sampled_from(range(len(attributes)))))), dtype=np.int64
    )

    def fits(row: int, conditions: dict[str, list[str]]) -> bool:
        carried = values_of_item(index.items[row])
        return all(
            any(f"{name}={value}" in carried for value in values)
            for name, values in conditions.items()
        )

    kept, facets = narrowed(index, rows, where, attribute_spans(index))

    assert kept.tolist() == [fits(row, where) for row in rows.tolist()]
    wanted: dict[str, dict[str, int]] = {}
    for row in rows.tolist():
        for value in values_of_item(index.items[row]):
            name, _, one = value.partition("=")
            others = {each: values for each, values in where.items() if each != name}
            if fits(row, others):
                wanted.setdefault(name, {}).setdefault(one, 0)
                wanted[name][one] += 1
    assert facets == wanted
    for values in facets.values():
        assert all(one >= other for one, other in pairwise(values.values()))


def test_an_answer_is_bounded() -> None:
    index = shop(
        [
            {f"attribute-{number}": [f"value-{each}"] for number in range(30)}
            for each in range(VALUES_MAX + 20)
        ]
    )
    _, facets = narrowed(index, np.arange(len(index.items)), {}, attribute_spans(index))
    assert len(facets) == ATTRIBUTES_MAX
    assert {len(values) for values in facets.values()} == {VALUES_MAX}


def test_filters_are_alternatives_within_an_attribute() -> None:
    assert filters_of(["category:fish", "diet:vegan", "category:a:b"]) == {
        "category": ["fish", "a:b"],
        "diet": ["vegan"],
    }


@pytest.mark.parametrize("text", ["", "fish", ":fish", "category:"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="like category:fish") as raised:
        filters_of([text])
    assert raised.value.field == "where"
