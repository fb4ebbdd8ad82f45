"""What the page has already, budgets, and quiet hours on the person's own clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.decide import Choice, decide
from eachwise.maths.zones import Quiet, local_time, quiet_hours, zone_named
from eachwise.settings import DecideSettings
from tests.unit.decide.making import HERO, NOW_US, experiences_of, plan_of, shop, situation_of

SHOP = shop()
# NOW_US is 2025-06-15 15:06:40 UTC.
NEW_YORK, BERLIN, TOKYO = "America/New_York", "Europe/Berlin", "Asia/Tokyo"


def decided(group: str = "", groups: dict[str, str] | None = None, **changes: Any) -> Choice:
    """The choice between fish (of this group) and fruit."""
    fish, fruit = experiences_of("fish", "fruit")
    made = plan_of([msgspec.structs.replace(fish, group=group), fruit], SHOP)
    if groups is not None:
        made = replace(made, layout=replace(made.layout, group_of=groups))
    return decide(situation_of(made, **changes))


def reasons(choice: Choice, name: str) -> dict[str, str]:
    return {each.experience_id: each.reason for each in choice.filtered if each.filter == name}


def test_an_experience_is_never_twice_on_a_page() -> None:
    found = decided(taken=["fish-week", "silence", "of-another-placement"])
    assert reasons(found, "taken") == {"fish-week": "it is on the page already"}
    assert found.filters["taken"] == 1


def test_experiences_of_one_group_exclude_one_another() -> None:
    groups = {"fish-week": "sea", "shrimp-week": "sea"}
    found = decided("sea", groups, taken=["shrimp-week"])
    assert reasons(found, "taken") == {
        "fish-week": "shrimp-week of the same group sea is on the page"
    }
    assert reasons(decided("", groups, taken=["shrimp-week"]), "taken") == {}
    assert reasons(decided("sea", {}, taken=["shrimp-week"]), "taken") == {}


def test_a_budget_that_is_used_up() -> None:
    found = decided(exhausted={"fish-week": "all 100 of today are given", "else": "x"})
    assert reasons(found, "budget") == {"fish-week": "all 100 of today are given"}
    assert reasons(decided(exhausted={"fish-week": ""}), "budget") == {
        "fish-week": "its budget is used up"
    }


# -- the person's clock --------------------------------------------------------------------------


def quiet(hours: str, timezone: str = "UTC", **changes: Any) -> Choice:
    placement = msgspec.structs.replace(HERO, quiet_hours=hours)
    made = plan_of(experiences_of("fish", "fruit"), SHOP, placement=placement)
    return decide(situation_of(made, settings=DecideSettings(timezone=timezone), **changes))


@pytest.mark.parametrize(
    ("changes", "clock"),
    [
        ({}, "15:06 in UTC"),
        ({"traits": {"timezone": TOKYO}}, "00:06 in Asia/Tokyo"),
        ({"context": {"timezone": TOKYO}}, "00:06 in Asia/Tokyo"),
        (
            {"traits": {"timezone": BERLIN}, "context": {"timezone": TOKYO}},
            "17:06 in Europe/Berlin",
        ),
        ({"traits": {"timezone": "Moon"}, "context": {"timezone": TOKYO}}, "00:06 in Asia/Tokyo"),
        ({"traits": {"timezone": 3, "x": 1}}, "15:06 in UTC"),
        ({"timezone": NEW_YORK}, "11:06 in America/New_York"),
    ],
)
def test_the_clock_is_the_traits_then_the_contexts_then_the_shops(
    changes: dict[str, Any], clock: str
) -> None:
    hour = int(clock[:2])
    found = quiet(f"{hour:02d}:00-{(hour + 1) % 24:02d}:00", **changes)
    assert reasons(found, "quiet_hours")["fish-week"].endswith(f"it is {clock}")
    assert found.filters["quiet_hours"] == 2
    assert found.is_silence
    free = quiet(f"{(hour + 1) % 24:02d}:00-{hour:02d}:00", **changes)
    assert free.filters["quiet_hours"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"traits": {"timezone": "Moon"}},
        {"context": {"timezone": "../../etc/passwd"}},
        {"context": {"timezone": "Europe"}},
        {"context": {"timezone": "x" * 5000}},
        {"context": {"timezone": "a\0b"}},
        {"timezone": "Moon"},
    ],
)
def test_a_clock_that_is_not_known_fails_closed(changes: dict[str, Any]) -> None:
    found = quiet("22:00-08:00", **changes)
    assert found.is_silence
    assert "is not known" in reasons(found, "quiet_hours")["fish-week"]
    assert quiet("", **changes).filters["quiet_hours"] == 0


@pytest.mark.parametrize(
    ("hours", "quiet_at", "loud_at"),
    [
        ("22:00-08:00", ["22:00", "23:59", "00:00", "07:59"], ["08:00", "21:59"]),
        ("08:00-22:00", ["08:00", "21:59"], ["22:00", "07:59", "00:00"]),
        ("00:00-06:30", ["00:00", "06:29"], ["06:30", "23:59"]),
        (" 20:15 - 00:00 ", ["20:15", "23:59"], ["00:00", "20:14"]),
    ],
)
def test_the_first_minute_is_inside_and_the_last_is_not(
    hours: str, quiet_at: list[str], loud_at: list[str]
) -> None:
    found = quiet_hours(hours)
    assert found is not None
    for inside, times in ((True, quiet_at), (False, loud_at)):
        for time in times:
            moment = datetime.fromisoformat(f"2026-01-01T{time}:30")
            assert found.holds(moment) == inside


@pytest.mark.parametrize(
    "text", ["22:00", "22-8", "24:00-08:00", "22:60-08:00", "08:00-08:00", "x"]
)
def test_other_hours_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"two times of day|different times") as refused:
        quiet_hours(text)
    assert refused.value.field == "quiet_hours"


def at_us(text: str) -> int:
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("now", "clock"),
    [
        # Berlin goes from 02:00 to 03:00 on 2026-03-29 and from 03:00 to 02:00 on 2026-10-25, both at 01:00 UTC.
        ("2026-03-29T00:59:59+00:00", "01:59"),
        ("2026-03-29T01:00:00+00:00", "03:00"),
        ("2026-10-25T00:30:00+00:00", "02:30"),
        ("2026-10-25T01:30:00+00:00", "02:30"),
        ("2026-10-25T02:00:00+00:00", "03:00"),
    ],
)
def test_summer_time_begins_and_ends(now: str, clock: str) -> None:
    local = local_time(at_us(now), {"timezone": BERLIN}, {}, "UTC")
    assert local.moment is not None
    assert f"{local.moment:%H:%M}" == clock
    night = Quiet(2 * 60, 3 * 60)
    assert night.holds(local.moment) == clock.startswith("02")


@given(
    st.integers(946_684_800, 2_114_380_800).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.sampled_from([BERLIN, NEW_YORK, TOKYO, "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 1439),
    st.integers(0, 1439),
)
def test_quiet_hours_are_what_the_wall_clock_shows(
    moment: datetime, name: str, start: int, end: int
) -> None:
    """Counted minute by minute from the start, around midnight."""
    if start == end:
        return
    text = f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    hours = quiet_hours(text)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    local = local_time(since // timedelta(microseconds=1), {"timezone": name}, {}, "UTC").moment
    zone = zone_named(name)
    assert hours is not None
    assert local is not None
    assert local == moment
    wall = moment.astimezone(zone)
    inside = (wall.hour * 60 + wall.minute - start) % 1440 < (end - start) % 1440
    assert hours.holds(local) == inside


def test_microseconds_make_no_difference() -> None:
    local = local_time(NOW_US + 999_999, {}, {}, "UTC")
    assert str(local.moment) == "2025-06-15 15:06:40.999999+00:00"


def test_a_contact_costs_what_its_placement_says() -> None:
    dear = msgspec.structs.replace(HERO, cost=0.02)
    free, paid = (
        decide(situation_of(plan_of(experiences_of("fish"), SHOP, placement=placement)))
        for placement in (HERO, dear)
    )
    of_fish = [
        next(c for c in each.candidates if c.experience_id != "silence") for each in (free, paid)
    ]
    assert of_fish[1].factors.cost == of_fish[0].factors.cost + 0.02
    assert of_fish[1].priority == pytest.approx(of_fish[0].priority - 0.02)
