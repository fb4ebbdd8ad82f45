"""The timetable of the store in memory: keys by their times, whatever was put and dropped before."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from eachwise.adapters.memory.timetable import Timetable


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 5)), max_size=40))
def test_keys_come_by_their_last_times(changes: list[tuple[str, int | None]]) -> None:
    table = Timetable()
    times: dict[str, int] = {}
    for key, at_us in changes:
        if at_us is None:
            table.drop(key)
            times.pop(key, None)
        else:
            table.put(key, at_us)
            times[key] = at_us
    expected = sorted((at_us, key) for key, at_us in times.items())
    assert table.next_us() == (expected[0][0] if expected else None)
    for now_us in range(-1, 7):
        assert list(table.until(now_us)) == [key for at_us, key in expected if at_us <= now_us]


def test_many_keys_keep_their_order() -> None:
    """More than a few buckets of them, moved about and dropped until none is left."""
    draw = Random(7)
    table = Timetable()
    times = {f"k{number}": draw.randrange(3_000) for number in range(6_000)}
    for _ in range(2):
        for key in sorted(times):
            times[key] = draw.randrange(3_000)
            table.put(key, times[key])
    for key in draw.sample(sorted(times), 4_000):
        table.drop(key)
        del times[key]
    expected = sorted((at_us, key) for key, at_us in times.items())
    assert list(table.until(3_000)) == [key for _, key in expected]
    assert list(table.until(1_500)) == [key for at_us, key in expected if at_us <= 1_500]
    for at_us, key in expected:
        assert table.next_us() == at_us
        table.drop(key)
    assert table.next_us() is None
