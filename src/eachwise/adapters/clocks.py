"""Clocks: the machine's own, and one that tests and simulated worlds set."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1000


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC, as last set."""
        return self._now_us

    def set(self, now_us: int) -> None:
        """Stand at this time; it may lie before the last one."""
        self._now_us = now_us

    def advance(self, *, seconds: float = 0.0, us: int = 0) -> None:
        """Move forward by the sum of both."""
        self._now_us += round(seconds * 1_000_000) + us
