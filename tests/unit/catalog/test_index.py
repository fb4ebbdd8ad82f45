"""The catalogue as arrays, and the masks over it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import build_index, select, showable, values_of_item
from eachwise.contracts.catalog import Item, ItemQuery
from eachwise.maths.times import parse_time_us

NAMES = st.sampled_from(["category", "diet", "style"])
VALUES = st.sampled_from(["fish", "vegan", "quick", "light"])
ATTRIBUTES = st.dictionaries(NAMES, st.one_of(VALUES, st.lists(VALUES, max_size=3)), max_size=3)
ITEMS = st.lists(
    st.builds(Item, item_id=st.sampled_from("abcdefgh"), attributes=ATTRIBUTES), max_size=10
)
QUERIES = st.builds(
    ItemQuery,
    where=st.dictionaries(NAMES, st.one_of(VALUES, st.lists(VALUES, min_size=1)), max_size=2),
    exclude=st.dictionaries(NAMES, st.one_of(VALUES, st.lists(VALUES, min_size=1)), max_size=2),
)


@given(ITEMS)
def test_the_index_holds_every_item_once_with_its_values(items: list[Item]) -> None:
    index = build_index(items, version=3)
    last = {item.item_id: item for item in items}
    assert index.version == 3
    assert list(index.item_ids) == sorted(last)
    assert index.row_of == {item_id: row for row, item_id in enumerate(index.item_ids)}
    assert index.value_of == {value: column for column, value in enumerate(index.values)}
    for row, item in enumerate(index.items):
        assert item == last[item.item_id]
        columns = index.indices[index.indptr[row] : index.indptr[row + 1]]
        assert tuple(index.values[column] for column in columns) == values_of_item(item)


@given(ITEMS, QUERIES)
def test_select_means_what_the_query_says(items: list[Item], query: ItemQuery) -> None:
    index = build_index(items, version=1)

    def carries(item: Item, name: str, wanted: str | list[str]) -> bool:
        given_, asked = item.attributes.get(name, []), wanted
        have = {given_} if isinstance(given_, str) else set(given_)
        return bool(have & ({asked} if isinstance(asked, str) else set(asked)))

    wanted = [
        all(carries(item, *one) for one in query.where.items())
        and not any(carries(item, *one) for one in query.exclude.items())
        for item in index.items
    ]
    assert select(index, query).tolist() == wanted


def test_only_what_is_available_and_in_its_time_is_showable() -> None:
    items = [
        Item(item_id="always"),
        Item(item_id="gone", available=False),
        Item(item_id="later", available_from="2026-01-02"),
        Item(item_id="over", expires_at="2026-01-01T12:00:00+00:00"),
        Item(item_id="within", available_from="2026-01-01", expires_at="2026-01-02"),
    ]
    index = build_index(items, version=1)

    def shown(at: str) -> list[str]:
        mask = showable(index, parse_time_us(at))
        return [index.item_ids[row] for row in np.flatnonzero(mask)]

    assert shown("2026-01-01T11:59:59.999999Z") == ["always", "over", "within"]
    assert shown("2026-01-01T12:00:00Z") == ["always", "within"]
    assert shown("2026-01-02") == ["always", "later"]


def test_an_empty_catalogue_is_one() -> None:
    index = build_index([], version=0)
    assert select(index, ItemQuery(where={"a": "b"})).shape == (0,)
    assert showable(index, 0).shape == (0,)


def test_times_are_microseconds_and_utc_where_they_do_not_say() -> None:
    assert parse_time_us("1970-01-01") == 0
    assert parse_time_us("1970-01-01T00:00:01.5") == 1_500_000
    assert parse_time_us("1970-01-01T01:00:00.123456789+01:00") == 123_456
    assert parse_time_us("9999-12-31T23:59:59Z") < 2**62
