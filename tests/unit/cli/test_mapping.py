"""The mapping file: every fault has its line, its key and its fix."""

from __future__ import annotations

import pytest

from eachwise.cli.feeds.mapping import Column, Mapping, parse_mapping
from eachwise.contracts.errors import InvalidInput

GOOD = """\
event: Product Viewed
columns:
  user: userId
  item: {field: properties.product_id, type: text}
"""


def test_a_column_is_a_field_or_says_more() -> None:
    mapping = parse_mapping(GOOD.encode())
    assert mapping == Mapping(
        event="Product Viewed",
        columns={
            "user": Column(field="userId"),
            "item": Column(field="properties.product_id", type="text"),
        },
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("columns: {user: userId}", 1, "event: is missing"),
        ("event: x\ncolumns: {item: properties.id}", 2, "whose are the events"),
        ("event: x\ncolumns:\n  user: user_id", 3, "'user_id' is no field of an event"),
        ("event: x\ncolumns:\n  user: properties.", 3, "is no field of an event"),
        ("event: x\ncolumns:\n  user: userId\n  also: userId", 4, "userId is filled twice"),
        ("event: x\ncolumns:\n  user: userId\nconstants: {userId: u}", 3, "is filled twice"),
        ("event: x\ncolumns:\n  user: userId\n  what: event", 1, "is filled twice"),
        (
            "event: x\ncolumns:\n  user: userId\n  a: properties.a\n  b: properties.a.b",
            2,
            "properties.a cannot hold a value and properties.a.b too",
        ),
        ("event: x\ncolumns:\n  user: userId\nconstants: {product.id: 1}", 4, "come from columns"),
        ("event: x\ncolumns:\n  user: {field: userId, type: word}", 3, "type"),
        ("event: x\ncolumns:\n  user: {field: userId, typ: text}", 3, "did you mean type"),
        ("event: x\ncolumns:\n  user: userId\ntime: {zone: Mars/Base}", 4, "no time zone"),
        ("event: x\ncolumns:\n  user: userId\ntime: {format: german}", 4, "%d.%m.%Y"),
        ("event: x\ncolumns:\n  user: userId\ncsv: {delimiter: '||'}", 4, "must be one sign"),
        ("event: x\ncolumns:\n  user: userId\ncsv: {encoding: klingon}", 4, "no encoding"),
        ("event: x\ncolumns:\n  user: userId\ncsv: {decimal: ';'}", 4, "decimal"),
        (
            "event: x\ncolumns:\n  user: userId\n  tags: {field: traits.tags, type: list, separator: ''}",
            4,
            "must not be empty",
        ),
        ("type: click\ncolumns:\n  user: userId", 1, "type"),
        ("- a\n- b", 1, "columns: is missing"),
        ("event: x\ncolumns: {user: 7}", 2, "must be a field such as userId"),
        ("event: x\ncolumns: [", 3, "not valid YAML"),
        ("event: x", 1, "columns"),
    ],
)
def test_every_fault_has_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_mapping(text.encode())
    assert words in raised.value.message
    assert f"line {line}" in raised.value.message
