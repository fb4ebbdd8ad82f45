"""Times as clients write them."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.maths.times import parse_time_us

NOON_US = 1_714_566_896_000_000  # 2024-05-01T12:34:56Z
# The times whose epoch in microseconds cannot be taken for another unit.
FIRST = dt.datetime.fromisoformat("1974-01-01")
LAST = dt.datetime.fromisoformat("5138-01-01")
FIRST_OF_MAY_US = NOON_US - (12 * 3600 + 34 * 60 + 56) * 1_000_000

GOLDEN: list[tuple[str | int | float, int]] = [
    ("2024-05-01T12:34:56Z", NOON_US),
    ("2024-05-01T12:34:56z", NOON_US),
    ("2024-05-01t12:34:56Z", NOON_US),
    ("2024-05-01 12:34:56Z", NOON_US),
    ("2024-05-01T12:34:56", NOON_US),
    ("2024-05-01 12:34:56+00", NOON_US),
    ("2024-05-01 12:34:56 +0000", NOON_US),
    ("2024-05-01 12:34:56 UTC", NOON_US),
    ("  2024-05-01T12:34:56Z ", NOON_US),
    ("2024-05-01T14:34:56+02:00", NOON_US),
    ("2024-05-01T07:04:56-0530", NOON_US),
    ("2024-05-01T12:34:56.7Z", NOON_US + 700_000),
    ("2024-05-01T12:34:56,789Z", NOON_US + 789_000),
    ("2024-05-01T12:34:56.789Z", NOON_US + 789_000),
    ("2024-05-01T12:34:56.789123+00:00", NOON_US + 789_123),
    ("2024-05-01T12:34:56.789123999Z", NOON_US + 789_123),
    ("2024-05-01T12:34:56.123456789123+02:00", NOON_US + 123_456 - 7_200_000_000),
    ("2024-05-01T12:34Z", NOON_US - 56_000_000),
    ("2024-05-01T12", FIRST_OF_MAY_US + 12 * 3_600_000_000),
    ("2024-05-01", FIRST_OF_MAY_US),
    ("20240501", FIRST_OF_MAY_US),
    ("2024-05", FIRST_OF_MAY_US),
    ("2024-04-30T24:00:00Z", FIRST_OF_MAY_US),
    ("2024-04-30T23:59:60Z", FIRST_OF_MAY_US),
    ("1970-01-01T00:00:00Z", 0),
    (1_714_566_896, NOON_US),
    (1_714_566_896.789, NOON_US + 789_000),
    (1_714_566_896_789, NOON_US + 789_000),
    (1_714_566_896_789_123, NOON_US + 789_123),
    (1_714_566_896_789_123_999, NOON_US + 789_123),
    ("1714566896789", NOON_US + 789_000),
    ("1712011500000", 1_712_011_500_000_000),  # all digits, and nearly 1712-01-15 in ISO 8601
]


@pytest.mark.parametrize(("written", "time_us"), GOLDEN)
def test_golden(written: str | int | float, time_us: int) -> None:
    assert parse_time_us(written) == time_us


@pytest.mark.parametrize(
    "written",
    [
        *("", "yesterday", "2024-13-01", "2024-02-30T00:00:00Z", "12:34:56", "2024-05-01T25:00Z"),
        *("2024-05-01T12:34:56+25:00", "２０24-05-01", "2024-05-01T24:30:00Z", "17145"),
        *(0, -1, 17, 1e30, float("nan"), float("inf"), -float("inf")),
    ],
)
def test_what_is_no_time_is_refused(written: str | int | float) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time_us(written)


@given(st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(dt.UTC)))
def test_iso_and_epoch_agree(moment: dt.datetime) -> None:
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    time_us = since // dt.timedelta(microseconds=1)
    assert parse_time_us(moment.isoformat()) == time_us
    assert parse_time_us(time_us) == time_us
    assert parse_time_us(str(time_us)) == time_us


@given(st.text() | st.integers() | st.floats())
def test_nothing_but_a_value_error(written: str | int | float) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_time_us(written), int)
