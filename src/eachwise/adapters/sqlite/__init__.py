"""The embedded store: one SQLite file, one writing thread with group commit, many readers."""

from eachwise.adapters.sqlite.copying import copy_store
from eachwise.adapters.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "copy_store"]
