"""What was decided for a person lately: read from the log once, as far as it must be, then counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from eachwise.flow.explorations import DAY_US, Explorations
from eachwise.flow.lately import LOOKED_AT_MAX, Visits

NOW_US = 100 * DAY_US


def record(at_us: int, *, explored: bool = True, person: str = "user:1", place: str = "p") -> Any:
    return SimpleNamespace(
        individual_id=person,
        decision_id=f"d-{at_us}",
        explored=explored,
        inputs=SimpleNamespace(now_us=at_us, placement_id=place),
    )


class Log:
    """Decisions, newest first, and how many were asked for."""

    def __init__(self, records: list[Any]) -> None:
        self.records = sorted(records, key=lambda each: -each.inputs.now_us)
        self.asked: list[int] = []

    def decisions_of(
        self, individual_id: str, limit: int = 50, before: str | None = None
    ) -> list[Any]:
        self.asked.append(limit)
        mine = [each for each in self.records if each.individual_id == individual_id]
        ids = [each.decision_id for each in mine]
        start = 0 if before is None else ids.index(before) + 1
        return mine[start : start + limit]

    def decision(self, decision_id: str) -> Any:
        return next((each for each in self.records if each.decision_id == decision_id), None)


def explorations_in(log: Log, bound: int = 1_000) -> Explorations:
    return Explorations(log, 10, bound)  # type: ignore[arg-type]


def within_day(log: Log, bound: int = 1_000) -> int:
    return explorations_in(log, bound).within_day(["user:1"], NOW_US)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 30, 120])
def test_all_of_the_day_are_found(count: int) -> None:
    today = [record(NOW_US - number - 1) for number in range(count)]
    old = [record(NOW_US - DAY_US - number) for number in range(6)]
    plain = [record(NOW_US - DAY_US // 2 - number, explored=False) for number in range(3)]
    assert within_day(Log([*today, *old, *plain])) == count


def test_what_reaches_beyond_the_day_is_not_read_on() -> None:
    log = Log([record(NOW_US - DAY_US - number) for number in range(40)])
    assert within_day(log) == 0
    assert log.asked == [4]


def test_what_reaches_the_bound_is_not_read_on_and_no_bound_reads_nothing() -> None:
    log = Log([record(NOW_US - number) for number in range(40)])
    assert within_day(log, bound=3) == 3
    assert log.asked == [4]
    assert within_day(log, bound=0) == 0
    assert log.asked == [4]


def test_what_is_not_looked_at_counts_as_exploration_until_it_is_a_day_old() -> None:
    """Somebody with more decisions in a day than are read is not experimented with."""
    newer = [record(NOW_US - number, explored=False) for number in range(LOOKED_AT_MAX)]
    older = [record(NOW_US - LOOKED_AT_MAX - number) for number in range(100)]
    log = Log([*newer, *older])
    explorations = explorations_in(log, bound=20)
    assert explorations.within_day(["user:1"], NOW_US) == 20
    assert sum(log.asked) == LOOKED_AT_MAX
    assert explorations.within_day(["user:1"], NOW_US - LOOKED_AT_MAX + DAY_US) == 20
    assert explorations.within_day(["user:1"], NOW_US - LOOKED_AT_MAX + DAY_US + 1) == 0


def test_a_decision_is_counted_once_whether_its_person_is_kept_or_not() -> None:
    log = Log([])
    explorations = explorations_in(log)
    made = record(NOW_US - 1)
    log.records.append(made)
    explorations.note(made)
    assert explorations.within_day(["user:1"], NOW_US) == 1
    later = record(NOW_US)
    log.records.insert(0, later)
    explorations.note(later)
    assert explorations.within_day(["user:1"], NOW_US) == 2


def test_the_ids_of_one_person_are_counted_together() -> None:
    log = Log([record(NOW_US - 1), record(NOW_US - 2, person="anon:a")])
    explorations = explorations_in(log)
    assert explorations.within_day(["user:1", "anon:a"], NOW_US) == 2
    explorations.note(record(NOW_US, person="anon:a"))
    assert explorations.within_day(["user:1", "anon:a"], NOW_US) == 3
    assert explorations.within_day(["user:1"], NOW_US) == 1


def test_the_newest_of_a_placement_is_read_once_then_kept() -> None:
    made = [record(NOW_US - number - 1, place=f"p{number % 2}") for number in range(200)]
    log = Log([*made, record(NOW_US - 10, person="anon:a", place="p0")])
    visits = Visits(log, 10)  # type: ignore[arg-type]

    def newest(place: str, since_us: int = NOW_US - 1_000) -> list[int]:
        found = visits.newest(["anon:a", "user:1"], place, since_us)
        return [NOW_US - each.inputs.now_us for each in found]

    assert newest("p0") == [1, 10]
    read = len(log.asked)
    assert newest("p1") == [2]
    assert newest("p0", NOW_US - 5) == [1]
    assert newest("p2") == []
    assert len(log.asked) == read
    later = record(NOW_US, place="p2")
    log.records.insert(0, later)
    visits.note(later)
    assert newest("p2") == [0]
    assert len(log.asked) == read
    assert newest("p3", NOW_US - 2_000) == []
    assert len(log.asked) > read
