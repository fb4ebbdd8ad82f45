"""Clocks."""

import time

from eachwise.adapters.clocks import SettableClock, SystemClock


def test_the_system_clock_tells_microseconds() -> None:
    before = time.time_ns() // 1000
    assert before <= SystemClock().now_us() <= time.time_ns() // 1000


def test_a_settable_clock_stands_until_it_is_moved() -> None:
    clock = SettableClock(1_000)
    assert clock.now_us() == clock.now_us() == 1_000
    clock.advance(seconds=1.5, us=7)
    assert clock.now_us() == 1_501_007
    clock.set(5)
    assert clock.now_us() == 5
