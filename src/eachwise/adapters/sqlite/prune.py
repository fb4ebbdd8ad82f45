"""Letting go of what is old: decisions, the model versions that nothing kept refers to, instances, messages."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from eachwise.adapters.outbox import SETTLED
from eachwise.adapters.retention import droppable_versions
from eachwise.adapters.sqlite.queries import load_queries

# Small enough that a commit behind one slice waits some ten milliseconds.
SLICE_ROWS = 500

_QUERIES = load_queries()

# Rows of a statement of the project, by its name.
Read = Callable[..., list[Any]]


class Delete(Protocol):
    """Drops rows by their ids, inside a transaction."""

    def __call__(self, connection: sqlite3.Connection, *, project: str, ids: list[str]) -> None:
        """Drop those that may go still."""
        ...


def prune_decisions(connection: sqlite3.Connection, project: str, decided_before_us: int) -> int:
    """Drop up to a slice of decisions made before a time; returns how many."""
    values = (project, decided_before_us, SLICE_ROWS)
    return connection.execute(_QUERIES["decisions_prune"].text, values).rowcount


def prune_models(
    connection: sqlite3.Connection,
    project: str,
    decided_before_us: int,
    spare: Mapping[str, int],
) -> int:
    """Drop versions that no decision since a time has used and no kept version is built on.

    The newest stays, and of a model in ``spare`` so many of the newest.
    """
    bases: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for model, version, base in connection.execute(_QUERIES["model_bases"].text, (project,)):
        bases[model][version] = base
    used: defaultdict[str, list[int]] = defaultdict(list)
    since = (project, decided_before_us)
    for model, version in connection.execute(_QUERIES["model_uses_since"].text, since):
        used[model].append(version)
    dropped = 0
    for model, versions in bases.items():
        gone = droppable_versions(versions, used[model], spare.get(model, 1))
        for sql, part in _QUERIES["models_delete"].slices(gone, 1):
            dropped += connection.execute(sql, (project, model, *part)).rowcount
    connection.execute(_QUERIES["model_uses_prune"].text, since)
    return dropped


def old_instances(read: Read, before_us: int) -> Iterator[list[str]]:
    """Ended instances that moved last before a time, a slice at a time, as they are found by a reader.

    The newest ended one of a person, journey and key stays: re-entry asks for it. So does a person's first of a
    journey: its effect counts from there.
    """
    after = ""
    while rows := read("instances_outlived", after, before_us, SLICE_ROWS):
        after = rows[-1][0]
        yield [row[0] for row in rows]


def old_messages(read: Read, before_us: int) -> Iterator[list[str]]:
    """Messages made before a time that are no longer open, a slice at a time, as they are found by a reader."""
    for state in SETTLED:
        after = ""
        while rows := read("messages_done", state, after, before_us, SLICE_ROWS):
            after = rows[-1][0]
            yield [row[0] for row in rows]


def delete_instances(connection: sqlite3.Connection, *, project: str, ids: list[str]) -> None:
    """Drop instances that were found old, unless one is live again."""
    # One at a time: for a list beside another condition SQLite goes through all of the project's rows.
    connection.executemany(_QUERIES["instances_drop"].text, [(project, one) for one in ids])


def delete_messages(connection: sqlite3.Connection, *, project: str, ids: list[str]) -> None:
    """Drop messages that were found old, unless one is open again."""
    connection.executemany(_QUERIES["messages_drop"].text, [(project, one) for one in ids])
