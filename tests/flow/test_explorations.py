"""How often a person was lately shown something for the sake of learning: read from the log once, then counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from eachwise.flow.explorations import DAY_US, Explorations

NOW_US = 100 * DAY_US


def record(at_us: int, *, explored: bool = True) -> Any:
    return SimpleNamespace(
        individual_id="user:1",
        decision_id=f"d-{at_us}",
        explored=explored,
        inputs=SimpleNamespace(now_us=at_us),
    )


class Log:
    """The newest decisions of one person, and how many were asked for."""

    def __init__(self, records: list[Any]) -> None:
        self.records = sorted(records, key=lambda each: -each.inputs.now_us)
        self.asked: list[int] = []

    def decisions_of(
        self, individual_id: str, limit: int = 50, before: str | None = None
    ) -> list[Any]:
        self.asked.append(limit)
        ids = [each.decision_id for each in self.records]
        start = 0 if before is None else ids.index(before) + 1
        return self.records[start : start + limit]


def within_day(log: Log) -> int:
    explorations = Explorations(log, 10)  # type: ignore[arg-type]
    return explorations.within_day("user:1", NOW_US)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 30])
def test_all_of_the_day_are_found(count: int) -> None:
    today = [record(NOW_US - number - 1) for number in range(count)]
    old = [record(NOW_US - DAY_US - number) for number in range(6)]
    plain = [record(NOW_US - DAY_US // 2 - number, explored=False) for number in range(3)]
    assert within_day(Log([*today, *old, *plain])) == count


def test_what_reaches_beyond_the_day_is_not_read_on() -> None:
    log = Log([record(NOW_US - DAY_US - number) for number in range(40)])
    assert within_day(log) == 0
    assert log.asked == [4]


def test_a_decision_is_counted_once_whether_its_person_is_kept_or_not() -> None:
    log = Log([])
    explorations = Explorations(log, 10)  # type: ignore[arg-type]
    made = record(NOW_US - 1)
    log.records.append(made)
    explorations.note(made)
    assert explorations.within_day("user:1", NOW_US) == 1
    later = record(NOW_US)
    log.records.insert(0, later)
    explorations.note(later)
    assert explorations.within_day("user:1", NOW_US) == 2
