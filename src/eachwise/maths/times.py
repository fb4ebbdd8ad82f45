"""Times as people and machines write them, and whole microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = _EPOCH.replace(tzinfo=None)
_read_iso = datetime.fromisoformat
_DAY_US = 86_400_000_000
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BASIC_DATE_DIGITS = 8  # 20240501
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)

# What `datetime.fromisoformat` refuses and clients send: "z", " UTC", second 60, hour 24, no day.
_ODD = re.compile(
    r"(?P<month>\d{4}-\d\d)"
    r"(?:-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>[.,]\d*)?)?"
    r"\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?)?",
    re.ASCII,
)
# A number is an epoch. These ranges do not overlap for any time from 1973 to 5138.
_EPOCH_UNITS_US = ((1e8, 1e11, 1e6), (1e11, 1e14, 1e3), (1e14, 1e17, 1.0), (1e17, 1e20, 1e-3))
_EPOCH_DIGITS = re.compile(r"\d{9,20}", re.ASCII)


def iso(time_us: int) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-11-22T12:15:00.123Z``."""
    text = (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def day_words(time_us: int) -> str:
    """A moment for people: ``Tuesday 2026-11-24 14:05 UTC``, with seconds where there are any."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    precise = "milliseconds" if moment.microsecond else "seconds" if moment.second else "minutes"
    return f"{_DAYS[moment.weekday()]} {moment.replace(tzinfo=None).isoformat(' ', precise)} UTC"


def parse_time_us(value: str | int | float) -> int:
    """Microseconds of an ISO 8601 text of any precision, or of an epoch in s, ms, µs or ns.

    Without an offset it is UTC; a date is its midnight; digits beyond the microsecond are cut off.
    Raises ``ValueError`` where it is neither.
    """
    if not isinstance(value, str):
        return _parse_epoch(value)
    if value.isdigit() and len(value) != _BASIC_DATE_DIGITS:
        # `fromisoformat` takes any sign between date and time, so it reads 1712011500000 as 1712-01-15.
        return _parse_odd(value)
    try:
        moment = _read_iso(value)
    except ValueError:
        return _parse_odd(value.strip())
    since = moment - (_EPOCH if moment.tzinfo is not None else _EPOCH_NAIVE)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def parse_hours(text: str) -> tuple[int, int]:
    """The minutes of the day of a span such as ``22:00-08:00``. Raises ``ValueError`` where it is none."""
    ends = [end.strip() for end in text.split("-")]
    if len(ends) != 2 or not all(map(_TIME_OF_DAY.fullmatch, ends)):
        raise ValueError(f'must be two times of day such as "22:00-08:00", not {text!r}')
    start, end = (int(each[:2]) * 60 + int(each[3:]) for each in ends)
    if start == end:
        raise ValueError(f"must begin and end at different times, not {text!r}")
    return start, end


def _parse_epoch(value: int | float) -> int:
    for low, high, unit_us in _EPOCH_UNITS_US:
        if low <= value < high:
            if isinstance(value, int):
                return value * int(unit_us) if unit_us >= 1 else value // round(1 / unit_us)
            return round(value * unit_us)
    raise ValueError("not a time: a number must be an epoch in s, ms, µs or ns, after 1973")


def _parse_odd(text: str) -> int:
    if _EPOCH_DIGITS.fullmatch(text):
        return _parse_epoch(int(text))
    found = _ODD.fullmatch(text)
    if found is None:
        raise ValueError("not an ISO 8601 time")
    part = found.groupdict()
    hour, second = part["hour"] or "00", part["second"] or "00"
    # Second 60 is a leap second, hour 24 the end of the day: the same instant as what follows.
    leap_s, day_us = (1, 0) if second == "60" else (0, 0)
    if hour == "24" and part["minute"] == "00" and second == "00":
        hour, day_us = "00", _DAY_US
    zone = (part["zone"] or "Z").upper()
    moment = _read_iso(
        f"{part['month']}-{part['day'] or '01'}T{hour}:{part['minute'] or '00'}"
        f":{'59' if leap_s else second}{(part['fraction'] or '').rstrip('.,')}"
        f"{'Z' if zone in ('UTC', 'GMT') else zone}"
    )
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds + leap_s) * 1_000_000 + since.microseconds + day_us
