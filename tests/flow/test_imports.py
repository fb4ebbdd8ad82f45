"""Files in: tables and feeds resume exactly, and what is not taken says why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.cli import main
from eachwise.cli.feeds import TableEvents, items_source, read_mapping
from eachwise.cli.importing import sending
from eachwise.cli.importing.sending import Rejects, Sending
from eachwise.contracts.errors import Busy, InvalidInput
from eachwise.contracts.ports import ImportKind, ImportProgress
from tests.flow.shop import START_US

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = EXAMPLES / "tables"
MAPPING = """\
event: Order Completed
group_by: order
columns:
  user: userId
  order: properties.order_id
  item: product.product_id
  quantity: {field: product.quantity, type: integer}
  at: timestamp
"""


class Killed(Exception):
    """The process is gone."""


class Dying:
    """An engine whose importer is killed after some requests, before or after the engine has taken the last one."""

    def __init__(self, engine: Engine, after: int, *, taken: bool) -> None:
        self._engine, self._left, self._taken = engine, after, taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def import_rows(
        self,
        digest: str,
        source: str,
        first_row: int,
        rows: Sequence[bytes],
        finished: bool,
        kind: ImportKind = "events",
    ) -> ImportProgress:
        """As the engine does, until it is over."""
        self._left -= 1
        if self._left < 0 and not self._taken:
            raise Killed
        progress = self._engine.import_rows(digest, source, first_row, rows, finished, kind)
        if self._left < 0:
            raise Killed
        return progress


def orders(file: Path, count: int) -> Path:
    """Orders of one to three rows; every seventh has a quantity that is none, every ninth nobody."""
    lines = ["user,order,item,quantity,at"]
    for number in range(count):
        user = "" if number % 9 == 8 else f"u{number % 5}"
        for place in range(1 + number % 3):
            quantity = "many" if number % 7 == 6 and place == 0 else place + 1
            lines.append(f"{user},o{number},fish-{place},{quantity},2026-01-0{1 + number % 9}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    file.with_name("mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return file


def table(file: Path) -> TableEvents:
    """The events of the orders."""
    return TableEvents(file, *read_mapping(file.with_name("mapping.yaml")))


def rejected(target: Path) -> list[tuple[int, int, str]]:
    """Row, line and code of each reject, in order of their rows."""
    read = [json.loads(line) for line in target.read_bytes().splitlines()]
    assert all(each["reason"] and each["body"] for each in read)
    return sorted((each["row"], each["line"], each["code"]) for each in read)


def sent(engine: Any, file: Path, source: Any, kind: ImportKind, target: Path) -> ImportProgress:
    """Import a file."""
    return Sending(engine=engine, file=file, source=source, kind=kind, quiet=True).take(
        Rejects(target)
    )


def state(engine: Engine) -> dict[str, Any]:
    """What the engine holds of the people, and how many events and rejections."""
    counts = engine.status()["counts"]
    held = {name: counts[name] for name in ("events", "rejections")}
    return held | {user: engine.individual(user).orders for user in ("u0", "u1", "u2", "u3", "u4")}


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_table_resumes_after_a_kill_and_adds_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, taken: bool
) -> None:
    monkeypatch.setitem(sending.ROWS_A_REQUEST, "events", 7)
    file = orders(tmp_path / "orders.csv", 40)
    with Engine.open(clock=SettableClock(START_US)) as whole:
        progress = sent(whole, file, table(file), "events", tmp_path / "whole")
        expected = state(whole)
    with (
        Engine.open(tmp_path / "store", clock=SettableClock(START_US)) as engine,
        pytest.raises(Killed),
    ):
        sent(Dying(engine, after, taken=taken), file, table(file), "events", tmp_path / "some")
    with Engine.open(tmp_path / "store", clock=SettableClock(START_US)) as engine:
        assert sent(engine, file, table(file), "events", tmp_path / "rest") == progress
        assert state(engine) == expected
        # Once more: nothing is taken, and the rejects are told again.
        assert sent(engine, file, table(file), "events", tmp_path / "again") == progress
        assert state(engine) == expected
    assert rejected(tmp_path / "rest") == rejected(tmp_path / "whole")
    assert rejected(tmp_path / "again") == rejected(tmp_path / "whole")
    codes = [code for _, _, code in rejected(tmp_path / "whole")]
    assert set(codes) == {"unmappable", "missing_identity"}
    assert all(line == row + 2 for row, line, _ in rejected(tmp_path / "whole"))


def test_a_better_mapping_adds_only_what_was_missing(tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 20)
    with Engine.open(clock=SettableClock(START_US)) as engine:
        before = sent(engine, file, table(file), "events", tmp_path / "1")
        mapping = file.with_name("mapping.yaml")
        mapping.write_text(MAPPING.replace(", type: integer", ""), encoding="utf-8")
        sent(engine, file, table(file), "events", tmp_path / "2")
        events = engine.status()["counts"]["events"]
        assert before.accepted < events
        assert [code for _, _, code in rejected(tmp_path / "2")] == ["missing_identity"] * 2
        assert events == 20 - 2
        assert {engine.individual("u0").orders.count} == {4}


def feed(file: Path, count: int) -> Path:
    """A feed of products; every fifth cannot be read, every seventh is refused by the engine."""
    products = "\n".join(
        f"<item><g:id>p{number}</g:id><title>Product {number}</title>"
        f"<g:price>{'dear' if number % 5 == 4 else '1.50 EUR'}</g:price>"
        f"<link>{'javascript:x' if number % 7 == 6 else 'https://shop.example'}</link></item>"
        for number in range(count)
    )
    file.write_text(
        f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>\n{products}\n</channel></rss>',
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("after", [0, 2])
def test_a_feed_resumes_after_a_kill_and_may_be_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setitem(sending.ROWS_A_REQUEST, "items", 6)
    file = feed(tmp_path / "feed.xml", 40)
    wanted = [n for n in range(40) if n % 5 != 4 and n % 7 != 6]
    with Engine.open(tmp_path / "store") as engine, pytest.raises(Killed):
        sent(
            Dying(engine, after, taken=True),
            file,
            items_source(file, None),
            "items",
            tmp_path / "a",
        )
    with Engine.open(tmp_path / "store") as engine:
        version = engine.status()["catalog_version"]
        progress = sent(engine, file, items_source(file, None), "items", tmp_path / "b")
        assert (progress.accepted, progress.finished) == (len(wanted), True)
        assert {item.item_id for item in engine.items(limit=100)} == {f"p{n}" for n in wanted}
        # Six rows a request, those of the first ones not again.
        assert engine.status()["catalog_version"] - version == 7 - (after + 1)
        found = rejected(tmp_path / "b")
        assert [row for row, _, _ in found] == [n for n in range(40) if n not in wanted]
        assert all(line == row + 2 for row, line, _ in found)
        assert {code for _, _, code in found} == {"unmappable", "invalid_item"}
        # What came after the feed may be taken back by it.
        engine.remove_items(["p0"])
        engine.put_items([{"item_id": "p1", "title": "Changed"}])
        again = sent(engine, file, items_source(file, None), "items", tmp_path / "c")
        assert again == progress
        assert engine.core.item("p0").title == "Product 0"
        assert engine.core.item("p1").title == "Product 1"
        assert rejected(tmp_path / "c") == found


def test_a_feed_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    file = feed(tmp_path / "feed.xml", 9)
    file.write_text(file.read_text("utf-8").replace("</channel></rss>", "<item>"), encoding="utf-8")
    with Engine.open() as engine, pytest.raises(InvalidInput, match=r"feed\.xml: line 11"):
        sent(engine, file, items_source(file, None), "items", tmp_path / "r")


def test_two_imports_of_one_feed_do_not_disturb_each_other(tmp_path: Path) -> None:
    with Engine.open() as engine:
        core = engine.core
        rows = [b'{"item_id": "a"}', b'{"item_id": "b"}']
        one = core.import_rows("0" * 64, "f", 0, rows, False, "items")
        two = core.import_rows("0" * 64, "f", 0, rows, False, "items")
        parsed = [next(each).result() for each in (one, two)]
        durable = one.send(parsed[0]).result()
        with pytest.raises(Busy, match="another import"):
            two.send(parsed[1])
        assert durable is not None
        one.close()


@pytest.mark.parametrize("kind", ["events", "items"])
def test_a_gap_is_refused(kind: ImportKind) -> None:
    with Engine.open() as engine, pytest.raises(InvalidInput, match="send from there"):
        engine.import_rows("0" * 64, "f", 5, [], False, kind)


# -- the commands --------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """A command's exit status and what it says."""
    status = main([str(each) for each in arguments])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty store."""
    path = tmp_path / "store"
    with Engine.open(path):
        return path


def test_the_examples_can_be_imported(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--store", store)
    status, said = run(
        capsys, "import", "catalog", TABLES / "merchant.xml", *at, "--rejects", tmp_path / "m"
    )
    assert (status, "2 items taken" in said) == (1, True)
    assert rejected(tmp_path / "m") == [(2, 39, "unmappable")]
    assert run(capsys, "import", "catalog", EXAMPLES / "items.jsonl", *at)[0] == 0
    for name, rejects in (("orders", 2), ("clicks", 1)):
        file, mapping = TABLES / f"{name}.csv", TABLES / f"{name}.yaml"
        arguments = (
            "import",
            "events",
            file,
            "--mapping",
            mapping,
            *at,
            "--rejects",
            tmp_path / "e",
        )
        status, said = run(capsys, *arguments)
        assert (status, f"{rejects} rejected" in said) == (1, True)
        assert len(rejected(tmp_path / "e")) == rejects
        assert "already imported" in run(capsys, *arguments)[1]
    with Engine.open(store) as engine:
        orders_of_vera = engine.individual("vera").orders
        assert orders_of_vera.count == 1
        assert orders_of_vera.revenue == pytest.approx(15.15)
        assert engine.individual("257597").orders.count == 1
        assert engine.search("apron").withheld == {"unavailable": 1}


def test_text_feeds_and_lists_are_catalogues_too(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, listed = tmp_path / "feed.txt", tmp_path / "items.json"
    text.write_text("id\ttitle\tprice\na\tApron\t5 EUR\nb\tBib\tfree\n", encoding="utf-16")
    listed.write_text('\ufeff[{"item_id": "c", "title": "Cup"}]', encoding="utf-8")
    status, said = run(capsys, "import", "catalog", text, listed, "--store", store, "--quiet")
    assert status == 1
    assert f"{text}: 1 rows rejected; reasons in {text}.rejects.jsonl" in said
    assert rejected(tmp_path / "feed.txt.rejects.jsonl") == [(1, 3, "unmappable")]
    with Engine.open(store) as engine:
        assert [item.item_id for item in engine.items()] == ["a", "c"]


def test_wrong_files_are_told_in_one_line(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latin, plain, mapping = tmp_path / "f.tsv", tmp_path / "t.csv", tmp_path / "no.yaml"
    latin.write_bytes("id\ttitle\na\tKäse\n".encode("latin-1"))
    plain.write_text("a,b\n", encoding="utf-8")
    at = ("--store", store)
    for arguments, words in (
        (
            ("import", "catalog", latin),
            "after line 0: byte 0xE4 is not utf-8; save the feed as UTF-8",
        ),
        (("import", "catalog", tmp_path / "none.xml"), "cannot read"),
        (("import", "events", plain), "--mapping:"),
        (("import", "events", plain, "--mapping", mapping), "cannot read"),
        (("import", "catalog", latin, plain, "--rejects", tmp_path / "r"), "works with one file"),
    ):
        status, said = run(capsys, *arguments, *at)
        assert (status, said.count("\n")) == (1, 1)
        assert words in said
