"""A store in memory: the log, states and decisions; journeys; the outbox."""

from eachwise.adapters.memory.store import MemoryStore
from eachwise.adapters.memory.watched import WatchedStore

__all__ = ["MemoryStore", "WatchedStore"]
