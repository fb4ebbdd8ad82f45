"""Individuals' states in memory, numbered as they come: what a scan goes by."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from eachwise.contracts.ports import StoredIndividual


class NumberedStates:
    """States by id; who is new gets the next number, who goes loses it."""

    def __init__(self) -> None:
        # In the order of their numbers, which is the dictionary's own.
        self._states: dict[str, tuple[int, bytes]] = {}
        self._last = 0

    def put(self, changes: Mapping[str, bytes | None]) -> None:
        """Put states; None deletes."""
        for key, state in changes.items():
            if state is None:
                self._states.pop(key, None)
                continue
            known = self._states.get(key)
            if known is None:
                self._last += 1
            self._states[key] = (known[0] if known else self._last, state)

    def get(self, key: str) -> bytes | None:
        """The state, or None."""
        found = self._states.get(key)
        return None if found is None else found[1]

    def ids(self, after: str, limit: int) -> list[str]:
        """Ids in ascending order, after one."""
        return sorted(key for key in self._states if key > after)[:limit]

    def scan(self, after: int, limit: int) -> list[StoredIndividual]:
        """Individuals in the order of their numbers, after one."""
        entries = self._states.items()
        later = (
            StoredIndividual(number, key, state)
            for key, (number, state) in entries
            if number > after
        )
        return list(islice(later, limit))

    def __len__(self) -> int:
        return len(self._states)
