"""Keys in the order of their times."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator


class Timetable:
    """Keys by (time, key). Putting and dropping one moves the list's tail: microseconds at 100,000 keys."""

    def __init__(self) -> None:
        self._at_us: dict[str, int] = {}
        self._order: list[tuple[int, str]] = []

    def put(self, key: str, at_us: int) -> None:
        """Set the time of a key."""
        if self._at_us.get(key) == at_us:
            return
        self.drop(key)
        self._at_us[key] = at_us
        insort(self._order, (at_us, key))

    def drop(self, key: str) -> None:
        """Forget a key, if it is there."""
        at_us = self._at_us.pop(key, None)
        if at_us is not None:
            del self._order[bisect_left(self._order, (at_us, key))]

    def until(self, now_us: int) -> Iterator[str]:
        """Keys whose time has come. The table must not change meanwhile."""
        for at_us, key in self._order:
            if at_us > now_us:
                return
            yield key

    def next_us(self) -> int | None:
        """The earliest time, or None."""
        return self._order[0][0] if self._order else None
