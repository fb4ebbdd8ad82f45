"""A store in memory that shows each commit, once it is made, to whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from eachwise.adapters.memory.store import MemoryStore
from eachwise.contracts.ports import Commit, Committed


class WatchedStore(MemoryStore):
    """``watch`` is called after every commit that was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.watch: Callable[[Commit], None] = _nobody

    def commit(self, commit: Commit) -> Future[Committed]:
        """Apply one unit of work, then show it."""
        future = super().commit(commit)
        if future.exception() is None:
            self.watch(commit)
        return future


def _nobody(_: Commit) -> None:
    """Nobody watches."""
