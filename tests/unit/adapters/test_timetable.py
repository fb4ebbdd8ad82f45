"""The timetable of the store in memory: keys by their times, whatever was put and dropped before."""

from __future__ import annotations

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
