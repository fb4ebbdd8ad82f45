"""The embedded store's files: every query named, purposeful and used; the schema and its migrations."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from eachwise.adapters import sqlite as package
from eachwise.adapters.sqlite.queries import ROWS_MAX, load_queries, parse_queries
from eachwise.adapters.sqlite.schema import Migration, load_migrations, migrate
from eachwise.contracts.errors import StoreError

FOLDER = Path(package.__file__).parent


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def schema_of(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Type, name and statement of everything but the list of migrations, blanks and comments aside."""
    rows = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE tbl_name <> 'migrations'"
    )
    return {(kind, name, re.sub(r"\s+", " ", sql)) for kind, name, sql in rows}


def test_the_schema_is_the_sum_of_its_migrations(database: sqlite3.Connection) -> None:
    migrate(database, load_migrations())
    with closing(sqlite3.connect(":memory:")) as whole:
        whole.executescript((FOLDER / "schema.sql").read_text(encoding="utf-8"))
        assert schema_of(database) == schema_of(whole)


def test_every_table_has_the_project(database: sqlite3.Connection) -> None:
    migrate(database, load_migrations())
    tables = {name for kind, name, _ in schema_of(database) if kind == "table"}
    assert len(tables) > 10
    for table in tables:
        columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
        assert "project_id" in columns, table


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [migration.number for migration in load_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(list(files(package).joinpath("migrations").iterdir())) == len(numbers)


def test_migrations_apply_once(database: sqlite3.Connection) -> None:
    assert migrate(database, load_migrations()) == [m.number for m in load_migrations()]
    assert migrate(database, load_migrations()) == []


def test_a_later_migration_is_applied_to_what_is_there(database: sqlite3.Connection) -> None:
    first = load_migrations()
    migrate(database, first)
    more = Migration(len(first) + 1, "more", "ALTER TABLE meta ADD COLUMN note TEXT;")
    assert migrate(database, [*first, more]) == [more.number]
    database.execute("SELECT note FROM meta")
    with pytest.raises(StoreError, match="newer Eachwise"):
        migrate(database, first)


def test_a_migration_that_fails_leaves_nothing(database: sqlite3.Connection) -> None:
    bad = Migration(1, "bad", "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(StoreError, match="0001_bad failed"):
        migrate(database, [bad])
    assert schema_of(database) == set()
    assert migrate(database, [Migration(1, "bad", "CREATE TABLE half (x);")]) == [1]


def parameters_of(text: str) -> int:
    """How many values a query takes: one for each ?, or as many as the highest ?N says."""
    numbered = [int(number) for number in re.findall(r"\?(\d+)", text)]
    return max(numbered) if numbered else text.count("?")


def test_every_query_prepares(database: sqlite3.Connection) -> None:
    migrate(database, load_migrations())
    for query in load_queries().values():
        named = {"project_id": ""}
        values = named if ":project_id" in query.text else [None] * parameters_of(query.text)
        database.execute(f"EXPLAIN {query.text}", values)


def test_every_query_has_a_purpose_and_a_use() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    keyed = {
        f"{name}_{verb}"
        for name in ("individuals", "identities", "statistics")
        for verb in ("put", "delete")
    }
    assert len(load_queries()) > 40
    for name, query in load_queries().items():
        assert len(query.purpose) > 10, name
        assert f'"{name}"' in source or name in keyed, f"{name} is not used"


def test_reads_use_an_index(database: sqlite3.Connection) -> None:
    migrate(database, load_migrations())
    for name, query in load_queries().items():
        if not query.text.startswith("SELECT") or name in {"events_last", "catalog", "count_items"}:
            continue
        named = {"project_id": ""}
        values = named if ":project_id" in query.text else [None] * parameters_of(query.text)
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query.text}", values)]
        scans = [step for step in plan if re.match(r"SCAN (?!CONSTANT|\(subquery|[23] )", step)]
        assert scans == [], f"{name}: {plan}"


def test_changes_go_straight_to_their_rows(database: sqlite3.Connection) -> None:
    """By the whole key of each row: never over all of a project's rows while others wait to write."""
    migrate(database, load_migrations())
    changes = [
        query
        for query in load_queries().values()
        if query.text.startswith(("DELETE", "UPDATE")) and "_id = ?" in query.text
    ]
    by_key = [query for query in changes if not query.name.endswith("_prune")]
    assert len(by_key) > 8
    for query in by_key:
        text = query.of_rows(ROWS_MAX) if "VALUES (?)" in query.text else query.text
        plan = database.execute(f"EXPLAIN QUERY PLAN {text}", [None] * parameters_of(text))
        step = plan.fetchone()[3]
        assert re.search(r" AND \w+=\?\)$", step), f"{query.name}: {step}"


def test_rows_are_cut_into_powers_of_two() -> None:
    query = parse_queries("-- name: q\n-- Why.\nINSERT INTO t (a, b) VALUES (?, ?);")["q"]
    assert query.purpose == "Why."
    assert query.of_rows(2) == "INSERT INTO t (a, b) VALUES (?, ?), (?, ?)"
    values = list(range(2 * (2 * ROWS_MAX + 5)))
    cut = list(query.slices(values, 2))
    assert [len(part) // 2 for _, part in cut] == [ROWS_MAX, ROWS_MAX, 4, 1]
    assert [one for _, part in cut for one in part] == values
    assert all(sql.count("(?, ?)") == len(part) // 2 for sql, part in cut)
    assert list(query.slices([], 2)) == []


def test_a_query_without_a_row_has_none_to_repeat() -> None:
    query = parse_queries("-- name: q\n-- Why.\nSELECT 1;")["q"]
    with pytest.raises(ValueError, match="no VALUES row"):
        query.of_rows(2)
    with pytest.raises(ValueError, match="two queries"):
        parse_queries("-- name: q\nSELECT 1;\n-- name: q\nSELECT 2;")
