"""Keys in the order of their times."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

# Long enough that few are looked through for the right one, short enough that its tail is moved at once.
_BUCKET_MAX = 1_000


class Timetable:
    """Keys by (time, key), in buckets: putting or dropping one moves the tail of its bucket only."""

    def __init__(self) -> None:
        self._at_us: dict[str, int] = {}
        # Each ascending and never empty, and so are the last entries of all.
        self._buckets: list[list[tuple[int, str]]] = []
        self._lasts: list[tuple[int, str]] = []

    def put(self, key: str, at_us: int) -> None:
        """Set the time of a key."""
        if self._at_us.get(key) == at_us:
            return
        self.drop(key)
        self._at_us[key] = at_us
        entry = (at_us, key)
        if not self._buckets:
            self._buckets.append([entry])
            self._lasts.append(entry)
            return
        place = min(bisect_left(self._lasts, entry), len(self._buckets) - 1)
        bucket = self._buckets[place]
        insort(bucket, entry)
        if len(bucket) > _BUCKET_MAX:
            half = len(bucket) // 2
            self._buckets[place : place + 1] = [bucket[:half], bucket[half:]]
            self._lasts.insert(place, bucket[half - 1])
            place += 1
        self._lasts[place] = self._buckets[place][-1]

    def drop(self, key: str) -> None:
        """Forget a key, if it is there."""
        at_us = self._at_us.pop(key, None)
        if at_us is None:
            return
        entry = (at_us, key)
        place = bisect_left(self._lasts, entry)
        bucket = self._buckets[place]
        del bucket[bisect_left(bucket, entry)]
        if bucket:
            self._lasts[place] = bucket[-1]
        else:
            del self._buckets[place], self._lasts[place]

    def until(self, now_us: int) -> Iterator[str]:
        """Keys whose time has come. The table must not change meanwhile."""
        for bucket in self._buckets:
            for at_us, key in bucket:
                if at_us > now_us:
                    return
                yield key

    def next_us(self) -> int | None:
        """The earliest time, or None."""
        return self._buckets[0][0][0] if self._buckets else None
