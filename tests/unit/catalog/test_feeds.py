"""Google Merchant feeds: products become items, and nothing in a feed can hurt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import parse_item
from eachwise.catalog.feeds import Entry, FeedReader, Unusable, raw_item, tsv_entries
from eachwise.catalog.feeds.xml import DEPTH_MAX, FIELD_CHARS_MAX, FIELDS_MAX
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput

EXAMPLE = Path(__file__).parents[3] / "examples" / "tables" / "merchant.xml"
G = 'xmlns:g="http://base.google.com/ns/1.0"'


def entries(feed: bytes | str, pieces: int = 1) -> list[Entry]:
    """The products of a feed that comes in pieces."""
    body = feed.encode() if isinstance(feed, str) else feed
    reader = FeedReader()
    size = -(-len(body) // pieces) or 1
    found = [each for at in range(0, len(body), size) for each in reader.feed(body[at : at + size])]
    return [*found, *reader.feed(b"", last=True)]


def rss(*items: str) -> str:
    """A feed of these items' contents."""
    inside = "".join(f"<item>{item}</item>" for item in items)
    return f"<rss {G}><channel><title>Shop</title>{inside}</channel></rss>"


def taken(fields: dict[str, list[str]]) -> Item:
    """The item of a product's fields, as the engine takes it."""
    item = parse_item(raw_item(fields), 1)
    assert isinstance(item, Item), item
    return item


# -- from a product to an item -------------------------------------------------------------------


def test_the_example_is_read_as_it_is_meant() -> None:
    salmon, apron, mystery = entries(EXAMPLE.read_bytes())
    assert (salmon.line, apron.line, mystery.line) == (7, 24, 39)
    assert taken(salmon.fields) == Item(
        item_id="salmon-fillet",
        title="Salmon fillet",
        description="Wild salmon, skinless & boneless",
        url="https://shop.example/salmon-fillet",
        image_url="https://shop.example/salmon-fillet.jpg",
        price=9.95,
        currency="EUR",
        attributes={
            "brand": "Northsea",
            "google_category": ["Food, Beverages & Tobacco", "Food Items", "Seafood"],
            "category": ["Frozen", "Fish"],
            "custom_label_0": "everyday",
        },
    )
    item = taken(apron.fields)
    assert (item.available, item.price, item.expires_at) == (False, 18.0, "2027-07-11T11:07+0100")
    assert item.attributes["color"] == ["Red", "White"]
    assert item.attributes["category"] == ["Kitchen", "Aprons"]
    assert item.extra == {"item_group_id": "apron", "price": "24.00 EUR", "sale_price": "18.00 EUR"}
    with pytest.raises(Unusable, match=r"price: 'ask us' .* like 12\.34 EUR"):
        raw_item(mystery.fields)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"price": ["5 USD"]}, {"price": 5.0, "currency": "USD"}),
        ({"price": ["5.50eur"]}, {"price": 5.5, "currency": "EUR"}),
        ({"sale_price": ["5 EUR"]}, {"price": 5.0, "currency": "EUR"}),
        (
            {"price": ["9 EUR"], "sale_price": ["5 EUR"], "sale_price_effective_date": ["a/b"]},
            {"price": 9.0, "currency": "EUR"},
        ),
        ({"availability": ["Out Of Stock"]}, {"available": False}),
        ({"availability": ["backorder"]}, {"available": True}),
        ({"size": ["M", "L", "M"]}, {"attributes": {"size": ["M", "L"]}}),
        ({"product_type": ["A > B", "A > C"]}, {"attributes": {"category": ["A", "B", "C"]}}),
        ({"google_product_category": ["2271"]}, {"attributes": {"google_category": "2271"}}),
        ({"color": [" / "]}, {}),
        ({"gtin": ["4"], "feature": ["a", "b"]}, {"extra": {"gtin": "4", "feature": ["a", "b"]}}),
    ],
)
def test_fields(fields: dict[str, list[str]], wanted: dict[str, Any]) -> None:
    item = taken({"id": ["x"], **fields})
    for name, value in wanted.items():
        assert getattr(item, name) == value
    if "extra" not in wanted and "sale_price" not in fields:
        assert item.extra == {}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "id: is required"),
        ({"id": ["x"], "price": ["12,34 EUR"]}, "price"),
        ({"id": ["x"], "sale_price": ["EUR 5"]}, "sale_price"),
        ({"id": ["x"], "availability": ["maybe"]}, "availability"),
    ],
)
def test_what_is_no_item_says_why(fields: dict[str, list[str]], field: str) -> None:
    with pytest.raises(Unusable, match=field):
        raw_item(fields)


# -- XML -----------------------------------------------------------------------------------------


@given(st.integers(1, 400))
def test_pieces_make_no_difference(pieces: int) -> None:
    feed = EXAMPLE.read_bytes()
    assert entries(feed, pieces) == entries(feed)


def test_atom_and_rss_1_are_feeds_too() -> None:
    atom = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {G}><title>Shop</title><entry><title>Plain</title>'
        '<g:id>a</g:id><link href="https://shop.example/a"/></entry></feed>'
    )
    assert entries(atom) == [
        Entry(1, {"title": ["Plain"], "link": ["https://shop.example/a"], "id": ["a"]})
    ]
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        f'xmlns="http://purl.org/rss/1.0/" {G}><item><g:id>a</g:id></item></rdf:RDF>'
    )
    assert [each.fields for each in entries(rdf)] == [{"id": ["a"]}]


def test_googles_names_come_first_and_what_is_nested_is_not_the_products() -> None:
    feed = rss(
        "<title>Plain</title><g:title><![CDATA[Big & <b>]]></g:title><g:id> a </g:id><g:size/>"
        "<g:shipping><g:price>4 EUR</g:price></g:shipping><g:price>9 EUR</g:price>"
    )
    assert entries(feed)[0].fields == {
        "title": ["Big & <b>"],
        "id": ["a"],
        "price": ["9 EUR"],
    }


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declared", [BOMB, OUTSIDE, '<!DOCTYPE x SYSTEM "http://x.example/x">'])
def test_a_document_type_is_refused_so_nothing_expands(declared: str) -> None:
    feed = f"<?xml version='1.0'?>\n{declared}\n" + rss("<g:id>&a;</g:id>")
    with pytest.raises(InvalidInput, match=r"line 2: the feed declares a document type"):
        entries(feed)


@pytest.mark.parametrize(
    ("feed", "words"),
    [
        (rss("<g:id>&undeclared;</g:id>"), "not well-formed XML: undefined entity"),
        ("<rss><channel>\n<item></channel></rss>", "line 2, column .*mismatched tag"),
        ("<rss><channel>", "no element found"),
        ("", "no element found"),
        ("<html><body/></html>", "begins with <html>"),
        ("id\ttitle\n", "not well-formed"),
        (b"<?xml version='1.0' encoding='klingon'?><rss/>", "line 1"),
        (b"<rss>\xff</rss>", "not well-formed"),
        (rss("<a>" * DEPTH_MAX + "</a>" * DEPTH_MAX), "nested deeper"),
    ],
)
def test_what_is_no_feed_says_where(feed: str | bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        entries(feed)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_declared_encoding_holds(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    feed = f"<?xml version='1.0' encoding='{name}'?>" + rss("<g:id>Käse</g:id>")
    assert entries(feed.encode(encoding))[0].fields == {"id": ["Käse"]}


def test_a_product_without_end_is_refused_and_the_next_one_is_taken() -> None:
    long = f"<g:id>a</g:id><g:description>{'x' * (FIELD_CHARS_MAX + 1)}</g:description>"
    many = "<g:id>b</g:id>" + "<g:size>x</g:size>" * (FIELDS_MAX + 5)
    first, second, third = entries(rss(long, many, "<g:id>c</g:id>"))
    assert first.fault.startswith("description has more than")
    assert second.fault.startswith("it has more than")
    assert (third.fault, third.fields) == ("", {"id": ["c"]})


# -- text ----------------------------------------------------------------------------------------


def test_a_text_feed_is_read_by_its_header() -> None:
    lines = [
        "ID\tGoogle Product Category\tg:price\t\n",
        "a\tFood > Fish\t5 EUR\t\n",
        "\n",
        '"b"\t"two\n',
        'lines"\n',
        "c\tx\t1 EUR\ty\tz\n",
    ]
    found = list(tsv_entries(lines))
    assert found[0] == Entry(
        2, {"id": ["a"], "google_product_category": ["Food > Fish"], "price": ["5 EUR"]}
    )
    assert found[1] == Entry(4, {"id": ["b"], "google_product_category": ["two\nlines"]})
    assert (found[2].line, found[2].fault) == (6, "has 5 cells where the header has 4")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no column id"),
        (["title,id\n"], "no column id"),
        (["id\ttitle\n", 'a\t"never closed\n'], "line 2: unexpected end of data"),
    ],
)
def test_what_is_no_text_feed_says_where(lines: Sequence[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        list(tsv_entries(lines))
