"""Tables of events: CSV and Parquet by a mapping."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.cli.feeds import Read, TableEvents, read_mapping
from eachwise.cli.feeds.mapping import Column, Time
from eachwise.cli.feeds.values import Unfit, field_value, time_value
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.contracts.events import Event
from eachwise.events import parse_event
from eachwise.settings import Settings

EXAMPLES = Path(__file__).parents[3] / "examples" / "tables"
VIEWS = """\
event: Product Viewed
columns:
  user: userId
  item: properties.product_id
"""


def events(file: Path, mapping: str | Path) -> list[Read]:
    """The rows of a table."""
    if isinstance(mapping, str):
        path = file.with_name("mapping.yaml")
        path.write_text(mapping, encoding="utf-8")
        mapping = path
    return list(TableEvents(file, *read_mapping(mapping)).rows())


def bodies(reads: list[Read]) -> list[dict[str, Any]]:
    """The events that are sent, without their ids; each is one that the engine takes."""
    found = []
    for read in reads:
        if read.body:
            parsed = parse_event(
                read.body,
                index=0,
                received_at_us=2**51,
                settings=Settings(),
                new_id=str,
                live=False,
            )
            assert isinstance(parsed, Event), parsed
            event = json.loads(read.body)
            assert event.pop("messageId") == parsed.message_id
            found.append(event)
    return found


def csv_of(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    """A file with this content."""
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


# -- CSV -----------------------------------------------------------------------------------------


def test_rows_of_one_order_are_one_event() -> None:
    reads = events(EXAMPLES / "orders.csv", EXAMPLES / "orders.yaml")
    first, second = bodies(reads[:3])
    assert first == {
        "type": "track",
        "event": "Order Completed",
        "userId": "vera",
        "timestamp": "2026-10-02T16:40:00.000Z",
        "properties": {
            "currency": "EUR",
            "order_id": "A-1001",
            "products": [
                {"product_id": "lentil-curry", "quantity": 2, "price": 5.45},
                {"product_id": "falafel", "quantity": 1, "price": 4.25},
            ],
        },
    }
    assert second["properties"]["order_id"] == "A-1002"
    assert [(read.row, read.line) for read in reads] == [(0, 2), (1, 3), (2, 4), (3, 5), (4, 6)]
    assert reads[1].body == b""
    # Whose order it was, the engine will miss.
    assert "userId" not in json.loads(reads[3].body)
    assert reads[4].reason == "column 'Quantity': 'three' is not a number"
    assert json.loads(reads[4].raw)["Article"] == "fish-fingers"


def test_what_was_done_may_stand_in_a_column() -> None:
    reads = events(EXAMPLES / "clicks.csv", EXAMPLES / "clicks.yaml")
    found = bodies(reads)
    assert [event["event"] for event in found] == [
        *("Product Viewed", "Product Added", "Product Viewed", "Order Completed"),
    ]
    assert found[0]["timestamp"] == "2026-10-01T08:19:00.000Z"
    assert found[3]["properties"] == {"product_id": "salmon-fillet", "order_id": "4000"}
    assert "none of the values that the mapping names: view, addtocart" in reads[4].reason


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("user,item\nu,Käse\n", ""),
        ("\ufeffuser,item\r\nu,Käse\r\n", ""),
        ("user;item\nu;Käse", "csv: {delimiter: ;}"),
        ('user,item\n"u","Käse"\n\n', ""),
        ("item, user ,more\nKäse,u,x\n", ""),
    ],
)
def test_ways_to_write_it(tmp_path: Path, text: str, options: str) -> None:
    (event,) = bodies(events(csv_of(tmp_path, text), VIEWS + options))
    assert (event["userId"], event["properties"]) == ("u", {"product_id": "Käse"})


def test_other_encodings_and_signs_are_said_in_the_mapping(tmp_path: Path) -> None:
    latin = csv_of(tmp_path, "user,item\nu,Käse\n".encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"0xE4 is not utf-8-sig.*csv: \{encoding: latin-1\}"):
        events(latin, VIEWS)
    (event,) = bodies(events(latin, VIEWS + "csv: {encoding: latin-1}"))
    assert event["properties"]["product_id"] == "Käse"
    tabs = csv_of(tmp_path, 'user\titem\nu\t5" pizza\n', "table.tsv")
    with pytest.raises(InvalidInput, match=r"table\.tsv:"):
        events(csv_of(tmp_path, 'user\titem\nu\t"5" pizza\n', "table.tsv"), VIEWS)
    tabs = csv_of(tmp_path, 'user\titem\nu\t"5" pizza\n', "table.tsv")
    (event,) = bodies(events(tabs, VIEWS + "csv: {quote: ''}"))
    assert event["properties"]["product_id"] == '"5" pizza'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its first line must name the columns"),
        ("user,items\nu,x\n", r"has no column 'item' \(did you mean items\?\)"),
        ("user,item,item\nu,x,y\n", "two columns 'item'"),
        ('user,item\nu,x\nu,"x\n', "table.csv:3: unexpected end of data"),
        ("user,item\nu," + "x" * 200_000, "table.csv:2: field larger"),
    ],
)
def test_what_is_no_such_table_is_refused_before_anything_is_sent(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        TableEvents(csv_of(tmp_path, text), *read_mapping(csv_of(tmp_path, VIEWS, "m.yaml")))


def test_a_crooked_row_costs_no_other(tmp_path: Path) -> None:
    text = "user,item\nu,x\nu\nu,x,y\nu,z\n"
    reads = events(csv_of(tmp_path, text), VIEWS + "group_by: user")
    assert [read.reason for read in reads] == [
        *("", "has 1 cells where the header has 2", "has 3 cells where the header has 2", ""),
    ]
    assert json.loads(reads[2].raw) == {"user": "u", "item": "x", "": ["y"]}
    assert len(bodies(reads)) == 2


GROUPS = st.lists(st.sampled_from(["a", "b", ""]), max_size=12)


@given(GROUPS)
def test_every_row_has_its_place_however_rows_belong_together(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("groups")
    text = "user,order,item\n" + "".join(f"u,{key},i{n}\n" for n, key in enumerate(keys))
    mapping = (
        "event: Order Completed\ngroup_by: order\n"
        "columns: {user: userId, order: properties.order_id, item: product.product_id}"
    )
    reads = events(csv_of(folder, text), mapping)
    assert [read.row for read in reads] == list(range(len(keys)))
    assert [read.line for read in reads] == list(range(2, len(keys) + 2))
    sold = [
        [product["product_id"] for product in event["properties"]["products"]]
        for event in bodies(reads)
    ]
    assert [item for items in sold for item in items] == [f"i{n}" for n in range(len(keys))]
    runs = [n for n, key in enumerate(keys) if n == 0 or key == "" or key != keys[n - 1]]
    assert [int(items[0][1:]) for items in sold] == runs


def test_a_better_mapping_is_another_import_of_the_same_events(tmp_path: Path) -> None:
    file = csv_of(tmp_path, "user,item,when\nu,x,2026-01-01\n")
    one = TableEvents(file, *read_mapping(csv_of(tmp_path, VIEWS, "1.yaml")))
    more = VIEWS + "  when: timestamp\n"
    two = TableEvents(file, *read_mapping(csv_of(tmp_path, more, "2.yaml")))
    assert one.digest != two.digest
    ids = [json.loads(next(each.rows()).body)["messageId"] for each in (one, two)]
    assert ids[0] == ids[1]


# -- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "rule", "wanted"),
    [
        (" x ", {}, "x"),
        ("", {}, None),
        (float("nan"), {}, None),
        (None, {"type": "number"}, None),
        (7, {}, 7),
        (7.0, {"type": "text"}, "7"),
        (True, {"type": "text"}, "true"),
        (Decimal("1.50"), {}, 1.5),
        ("1 234.5", {"type": "number"}, 1234.5),
        ("-1e3", {"type": "number"}, -1000.0),
        ("3.0", {"type": "integer"}, 3),
        ("YES", {"type": "boolean"}, True),
        (0, {"type": "boolean"}, False),
        ("a; b;;c", {"type": "list"}, ["a", "b", "c"]),
        ("a|b", {"type": "list", "separator": "|"}, ["a", "b"]),
        ([1, None, "x"], {"type": "list"}, ["1", "x"]),
        ({"a": [date(2026, 1, 2)]}, {}, {"a": ["2026-01-02"]}),
        ("v", {"values": {"v": "7"}, "type": "integer"}, 7),
        (datetime(2026, 1, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo")), {}, "2026-01-01T03:00:00.000Z"),
    ],
)
def test_values(cell: object, rule: dict[str, Any], wanted: object) -> None:
    found = field_value(cell, Column(field="properties.x", **rule), ".")
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        *(("1,5", "number"), ("x", "number"), (True, "number"), ("1e999", "number")),
        *(("1.5", "integer"), ("maybe", "boolean"), (b"x", "plain"), ("٣", "number")),
    ],
)
def test_what_does_not_fit_says_why(cell: object, kind: Any) -> None:
    with pytest.raises(Unfit, match=r"is not|is neither|holds bytes|too large"):
        field_value(cell, Column(field="properties.x", type=kind), ".")


def test_a_decimal_comma() -> None:
    rule = Column(field="properties.x", type="number")
    assert field_value("1.234,5", rule, ",") == 1234.5
    assert field_value("1 234,5", rule, ",") == 1234.5


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("cell", "form", "wanted"),
    [
        ("2026-07-01 12:00", "iso", "2026-07-01T10:00:00.000Z"),
        ("2026-07-01T12:00:00Z", "iso", "2026-07-01T12:00:00.000Z"),
        ("2026-07-01T12:00+05:00", "iso", "2026-07-01T07:00:00.000Z"),
        ("2026-07-01", "iso", "2026-06-30T22:00:00.000Z"),
        ("1790842740", "epoch_s", "2026-10-01T08:19:00.000Z"),
        (1790842740.5, "epoch_s", "2026-10-01T08:19:00.500Z"),
        (1790842740000, "epoch_ms", "2026-10-01T08:19:00.000Z"),
        ("1.2.2026 3:04", "%d.%m.%Y %H:%M", "2026-02-01T02:04:00.000Z"),
        ("2026-02-01 03:04 +0000", "%Y-%m-%d %H:%M %z", "2026-02-01T03:04:00.000Z"),
        (datetime(2026, 7, 1, 12), "iso", "2026-07-01T10:00:00.000Z"),  # noqa: DTZ001
        (datetime(2026, 7, 1, 12, tzinfo=UTC), "iso", "2026-07-01T12:00:00.000Z"),
        (date(2026, 7, 1), "%d.%m.%Y", "2026-06-30T22:00:00.000Z"),
        ("", "iso", None),
    ],
)
def test_times(cell: object, form: str, wanted: str | None) -> None:
    assert time_value(cell, Time(format=form), BERLIN) == wanted


@pytest.mark.parametrize(
    ("cell", "form"),
    [("yesterday", "iso"), ("31.02.2026", "%d.%m.%Y"), ("x", "epoch_s"), ([], "iso")],
)
def test_what_is_no_time_says_so(cell: object, form: str) -> None:
    with pytest.raises(Unfit, match="is not a time as"):
        time_value(cell, Time(format=form), BERLIN)


# -- Parquet -------------------------------------------------------------------------------------


def test_parquet_keeps_its_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eachwise.cli.feeds.tables.PARQUET_ROWS_A_PAGE", 2)
    file = tmp_path / "table.parquet"
    moment = datetime(2026, 7, 1, 12)  # noqa: DTZ001
    polars.DataFrame(
        {
            "user": [1, 2, None],
            "item": ["x", "y", "z"],
            "at": [moment, None, moment],
            "price": [1.5, float("nan"), None],
            "gift": [True, False, None],
            "tags": [["a", "b"], [], None],
            "unused": [b"\x00"] * 3,
        }
    ).write_parquet(file)
    mapping = """\
event: Order Completed
columns:
  user: {field: userId, type: text}
  at: timestamp
  item: product.product_id
  price: product.price
  gift: properties.gift
  tags: properties.tags
time: {zone: Europe/Berlin}
"""
    reads = events(file, mapping)
    assert [read.row for read in reads] == [0, 1, 2]
    first, second = bodies(reads[:2])
    assert (first["userId"], first["timestamp"]) == ("1", "2026-07-01T10:00:00.000Z")
    assert first["properties"] == {
        "gift": True,
        "tags": ["a", "b"],
        "products": [{"product_id": "x", "price": 1.5}],
    }
    assert "timestamp" not in second
    assert second["properties"]["products"] == [{"product_id": "y"}]
    # The engine says what is wrong with an event of nobody.
    assert "userId" not in json.loads(reads[2].body)


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1" + b"\x00" * 40 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="as Parquet"):
        events(csv_of(tmp_path, content, "table.parquet"), VIEWS)


def test_a_missing_column_of_parquet_is_named(tmp_path: Path) -> None:
    polars.DataFrame({"user": ["u"], "itm": ["x"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InvalidInput, match=r"no column 'item' \(did you mean itm\?\)"):
        events(tmp_path / "t.parquet", VIEWS)


def test_parquet_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match=r"pip install 'eachwise\[train\]'"):
        events(csv_of(tmp_path, b"x", "table.parquet"), VIEWS)
