"""Rows into tables, inside a transaction that someone else began."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain

from eachwise.adapters.sqlite.prepare import EVENT_WIDTH, INSTANCE_WIDTH, MESSAGE_WIDTH, Rows
from eachwise.adapters.sqlite.queries import load_queries
from eachwise.contracts.errors import StoreError
from eachwise.contracts.ports import Committed

_QUERIES = load_queries()
_KEYED = ("individuals", "identities", "statistics")


def write(connection: sqlite3.Connection, project: str, group: Sequence[Rows]) -> list[Committed]:
    """Write units of work as if one after another, and say what became of each.

    Rows of one table are taken together over the whole group, because few large steps are cheaper
    than many small ones. Raises what SQLite raises, or ``StoreError``; the caller rolls back.
    """
    sequences = _append_events(connection, project, group)
    for name in _KEYED:
        _put_keyed(connection, project, name, group)
    _insert(connection, "rejections_append", 7, chain.from_iterable(r.rejections for r in group))
    _insert(connection, "decisions_append", 6, chain.from_iterable(r.decisions for r in group))
    _each_of(connection, "decisions_mark_learnt", (project,), [d for r in group for d in r.learnt])
    _insert(connection, "models_publish", 6, chain.from_iterable(r.models for r in group))
    _put_model_uses(connection, project, group)
    _insert(connection, "definitions_put", 3, chain.from_iterable(r.definitions for r in group))
    _insert(connection, "imports_put", 6, chain.from_iterable(r.imports for r in group))
    for rows in group:
        _put_items(connection, project, rows)
    _insert(connection, "journeys_put", 4, chain.from_iterable(r.journeys for r in group))
    _put_instances(connection, project, group)
    settled = _put_messages(connection, group)
    watermarks = [rows.watermark for rows in group if rows.watermark is not None]
    if watermarks:
        connection.execute(_QUERIES["meta_set"].text, (project, "watermark", watermarks[-1]))
    return [Committed(*each) for each in zip(sequences, settled, strict=True)]


def _append_events(
    connection: sqlite3.Connection, project: str, group: Sequence[Rows]
) -> list[list[int | None]]:
    messages = list(chain.from_iterable(rows.messages for rows in group))
    if not messages:
        return [[] for _ in group]
    # Asked anew each time, so that a transaction rolled back leaves no trace here.
    (last,) = connection.execute(_QUERIES["events_last"].text).fetchone()
    values = list(chain.from_iterable(rows.events for rows in group))
    appended = _insert(connection, "events_append", EVENT_WIDTH, values)
    given: Iterable[int | None]
    if appended == len(messages):
        given = range(last + 1, last + 1 + appended)
    else:
        given = _find_appended(connection, project, messages, last)
    if appended:
        connection.execute(_QUERIES["meta_add"].text, (project, "events", appended))
    each = iter(given)
    return [[next(each) for _ in rows.messages] for rows in group]


def _find_appended(
    connection: sqlite3.Connection, project: str, messages: list[str], last: int
) -> list[int | None]:
    """The sequence of each message at its first place, if it was appended after ``last``."""
    rows = connection.execute(_QUERIES["events_appended"].text, (last,))
    new: dict[str, int] = dict(rows.fetchall())
    given = [new.pop(message_id, None) for message_id in messages]
    passed_over = {m for m, sequence in zip(messages, given, strict=True) if sequence is None}
    # OR IGNORE also passes over a row that breaks another constraint: that one would be lost.
    there: set[str] = set()
    for sql, part in _QUERIES["events_known"].slices(list(passed_over), 1):
        there.update(row[0] for row in connection.execute(sql, (project, *part)))
    if there != passed_over:
        raise StoreError("an event lacks what the log needs: message id, time or body")
    return given


def _put_keyed(
    connection: sqlite3.Connection, project: str, name: str, group: Sequence[Rows]
) -> None:
    last_word: dict[str, bytes | None] = {}
    for rows in group:
        last_word.update(getattr(rows, name))
    puts: list[object] = []
    for key, value in last_word.items():
        if value is not None:
            puts += (project, key, value)
    _insert(connection, f"{name}_put", 3, puts)
    gone = [key for key, value in last_word.items() if value is None]
    _each_of(connection, f"{name}_delete", (project,), gone)


def _put_model_uses(connection: sqlite3.Connection, project: str, group: Sequence[Rows]) -> None:
    uses: dict[tuple[str, int], int] = {}
    for rows in group:
        for use, at_us in rows.model_uses.items():
            uses[use] = max(uses.get(use, at_us), at_us)
    values: list[object] = []
    for (model, version), at_us in uses.items():
        values += (project, model, version, at_us)
    _insert(connection, "model_uses_put", 4, values)


def _put_items(connection: sqlite3.Connection, project: str, rows: Rows) -> None:
    """One unit's items: a row is compared with what stood before its own statement."""
    version = rows.catalog_version
    if version is None:
        return
    newest = _QUERIES["catalog_version"].text
    (current,) = connection.execute(newest, (project, 2**63 - 1)).fetchone()
    if version < current:
        raise StoreError(f"catalogue version {version} is before the newest, {current}")
    connection.execute(_QUERIES["catalogs_put"].text, (project, version))
    _insert(connection, "items_put", 4, rows.items)


def _put_instances(connection: sqlite3.Connection, project: str, group: Sequence[Rows]) -> None:
    last_word: dict[str, tuple[object, ...] | None] = {}
    for rows in group:
        last_word.update(rows.instances)
    puts: list[object] = []
    for instance_id, values in last_word.items():
        if values is not None:
            puts += (project, instance_id, *values)
    _insert(connection, "instances_put", INSTANCE_WIDTH, puts)
    gone = [instance_id for instance_id, values in last_word.items() if values is None]
    _each_of(connection, "instances_delete", (project,), gone)


def _put_messages(connection: sqlite3.Connection, group: Sequence[Rows]) -> list[list[bool]]:
    """New messages, and what became of others, in the order of the units; which of the latter were taken."""
    settled: list[list[bool]] = []
    new: list[object] = []
    for rows in group:
        new += rows.outbox
        if rows.settled:
            # What it settles may be new in a unit before.
            _insert(connection, "messages_append", MESSAGE_WIDTH, new)
            new = []
        settle = _QUERIES["messages_settle"].text
        settled.append([connection.execute(settle, one).rowcount == 1 for one in rows.settled])
    _insert(connection, "messages_append", MESSAGE_WIDTH, new)
    return settled


def _insert(connection: sqlite3.Connection, name: str, width: int, values: Iterable[object]) -> int:
    """Run a statement over a flat list of rows; returns how many rows it changed."""
    flat = values if isinstance(values, list) else list(values)
    return sum(
        connection.execute(sql, part).rowcount for sql, part in _QUERIES[name].slices(flat, width)
    )


def _each_of(
    connection: sqlite3.Connection, name: str, before: tuple[object, ...], keys: Sequence[object]
) -> None:
    for sql, part in _QUERIES[name].slices(keys, 1):
        connection.execute(sql, (*before, *part))
