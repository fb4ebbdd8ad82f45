"""Raw JSON → items, or rejections that say what would be right."""

from typing import Any

import msgspec
import pytest

from eachwise.catalog import parse_item, parse_items, values_of_item
from eachwise.contracts.catalog import Item, RejectedItem
from eachwise.contracts.errors import InvalidInput

FULL: dict[str, Any] = {
    "item_id": "cod-1",
    "title": "Cod",
    "attributes": {"category": "fish", "style": ["light", "quick"]},
    "price": 4,
    "currency": "EUR",
    "available": True,
    "published_at": "2026-01-01",
    "available_from": "2026-01-02T08:00:00+01:00",
    "expires_at": "2026-03-01T00:00:00.123456789Z",
    "url": "https://shop.example/cod",
    "image_url": "/images/cod.jpg",
    "description": "From the north.",
    "extra": {"ean": 12},
}


def test_a_whole_item_is_taken() -> None:
    item = parse_item(FULL, 1)
    assert isinstance(item, Item)
    assert msgspec.to_builtins(item) | {"available": True} == {**FULL, "price": 4.0}
    assert values_of_item(item) == ("category=fish", "style=light", "style=quick")


def test_null_is_absence_and_a_number_is_an_id() -> None:
    assert parse_item({"item_id": 12, "price": None, "url": None}, 1) == Item(item_id="12")


REFUSED = [
    ("not an object", "", "an object"),
    ({}, "item_id", "required"),
    ({"item_id": ""}, "item_id", "empty"),
    ({"item_id": " a"}, "item_id", "blank"),
    ({"item_id": "a\x1fb"}, "item_id", "control"),
    ({"item_id": "a" * 257}, "item_id", "256"),
    ({"item_id": True}, "item_id", "a string"),
    ({"item_id": "a", "avaliable": False}, "avaliable", "did you mean available"),
    ({"item_id": "a", "title": 3}, "title", "a string"),
    ({"item_id": "a", "attributes": "fish"}, "attributes", "an object"),
    ({"item_id": "a", "attributes": {"size": 3}}, "attributes.size", 'write "3"'),
    ({"item_id": "a", "attributes": {"vegan": True}}, "attributes.vegan", 'write "true"'),
    ({"item_id": "a", "attributes": {"a=b": "c"}}, "attributes.a=b", '"="'),
    ({"item_id": "a", "attributes": {"": "c"}}, "attributes.", "empty"),
    ({"item_id": "a", "attributes": {"c": [{}]}}, "attributes.c.0", "not an object"),
    ({"item_id": "a", "attributes": {"c": ["x"] * 65}}, "attributes.c", "at most 64"),
    ({"item_id": "a", "attributes": {str(n): "x" for n in range(65)}}, "attributes", "at most 64"),
    ({"item_id": "a", "price": "4.95"}, "price", "a number"),
    ({"item_id": "a", "price": -1}, "price", "at least 0"),
    ({"item_id": "a", "price": float("nan")}, "price", "at least 0"),
    ({"item_id": "a", "price": True}, "price", "a number"),
    ({"item_id": "a", "currency": "euro"}, "currency", "EUR"),
    ({"item_id": "a", "available": "yes"}, "available", "true or false"),
    ({"item_id": "a", "expires_at": "tomorrow"}, "expires_at", "ISO 8601"),
    ({"item_id": "a", "expires_at": 1700000000}, "expires_at", "a string"),
    (
        {"item_id": "a", "available_from": "2026-02-01", "expires_at": "2026-01-31T23:00:00Z"},
        "expires_at",
        "after available_from",
    ),
    ({"item_id": "a", "url": "javascript:alert(1)"}, "url", "https://"),
    ({"item_id": "a", "extra": []}, "extra", "an object"),
]


@pytest.mark.parametrize(("raw", "field", "words"), REFUSED)
def test_a_refusal_names_the_field_and_the_fix(raw: object, field: str, words: str) -> None:
    refused = parse_item(raw, 7)
    assert isinstance(refused, RejectedItem)
    assert (refused.line, refused.field) == (7, field)
    assert words in refused.reason


def test_json_lines_keep_the_good_ones() -> None:
    body = b'\xef\xbb\xbf{"item_id": "a"}\r\n\n{oops\n\xff\n{"item_id": "b", "price": "x"}\n{"item_id": "c"}'
    items, rejected = parse_items(body)
    assert [item.item_id for item in items] == ["a", "c"]
    assert [(one.line, one.field) for one in rejected] == [(3, ""), (4, ""), (5, "price")]


def test_a_line_has_a_limit() -> None:
    items, rejected = parse_items(b'{"item_id": "a", "title": "' + b"x" * 70_000 + b'"}')
    assert not items
    assert "at most 65536" in rejected[0].reason


def test_a_deep_line_is_refused() -> None:
    items, rejected = parse_items(b"{" + b'"a":{' * 9000)
    assert not items
    assert rejected[0].line == 1


def test_a_json_list_is_taken_too() -> None:
    items, rejected = parse_items(b' [{"item_id": "a"}, 3]')
    assert [item.item_id for item in items] == ["a"]
    assert rejected[0].line == 2


def test_a_broken_list_is_refused_as_a_whole() -> None:
    with pytest.raises(InvalidInput, match="not valid JSON"):
        parse_items(b'[{"item_id": "a"}')
