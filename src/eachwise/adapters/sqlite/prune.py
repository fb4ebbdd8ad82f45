"""Letting go of old decisions, and of the model versions that nothing kept refers to."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping

from eachwise.adapters.retention import droppable_versions
from eachwise.adapters.sqlite.queries import load_queries

# Small enough that a commit behind one slice waits some ten milliseconds.
SLICE_ROWS = 500

_QUERIES = load_queries()


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
