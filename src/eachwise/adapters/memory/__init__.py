"""A store in memory: the log, states and decisions; journeys; the outbox."""

from eachwise.adapters.memory.store import MemoryStore

__all__ = ["MemoryStore"]
