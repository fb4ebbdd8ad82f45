"""The embedded store: one SQLite file, one writing thread with group commit, many readers."""

from eachwise.adapters.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
