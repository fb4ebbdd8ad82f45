"""Durations, times and shares as people write them: ``1d12h``, ``mon,tue 09:00``, ``10%``; and written so again."""

from __future__ import annotations

import math
import re

from eachwise.rules import WEEKDAYS

DURATION_MAX_S = 3650 * 86_400
MIDNIGHT: tuple[int, tuple[int, ...]] = (0, ())
_UNITS_S = {"w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(
    r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?"
)
_TIME = re.compile(r"(?:(?P<days>[a-z]{3}(?: *, *[a-z]{3})*) +)?(?P<hour>\d\d?):(?P<minute>\d\d)")
_HOUR_MINUTES, _DAY_HOURS = 60, 24


def parse_duration(text: str) -> int:
    """Seconds of ``90s``, ``30m``, ``1h``, ``2d``, ``1w`` or several of them from the longest to the shortest.

    Raises ``ValueError`` where it is none, or not between a second and ten years.
    """
    match = _DURATION.fullmatch(text.strip())
    if not text.strip() or match is None:
        raise ValueError(f"must be a duration such as 90s, 30m, 1h, 2d, 1w or 1d12h, not {text!r}")
    amounts = zip(match.groups(), _UNITS_S.values(), strict=True)
    seconds = sum(int(amount) * unit_s for amount, unit_s in amounts if amount)
    if not 1 <= seconds <= DURATION_MAX_S:
        raise ValueError(f"must be between 1s and {duration_text(DURATION_MAX_S)}, not {text!r}")
    return seconds


def duration_text(seconds: int) -> str:
    """A duration as ``parse_duration`` reads it: ``1d12h``. Weeks are written as days."""
    text = ""
    for unit in ("d", "h", "m", "s"):
        amount, seconds = divmod(seconds, _UNITS_S[unit])
        text += f"{amount}{unit}" if amount else ""
    return text or "0s"


def parse_moment(text: str) -> tuple[int, tuple[int, ...]]:
    """Minutes after midnight and weekdays (0 = Monday; none: every day) of ``09:00`` or ``mon,tue 09:00``.

    Raises ``ValueError`` where it is none.
    """
    match = _TIME.fullmatch(text.strip().lower())
    wrong = ValueError(f'must be a time such as "09:00" or "mon,tue 09:00", not {text!r}')
    if match is None:
        raise wrong
    hour, minute = int(match["hour"]), int(match["minute"])
    days = [day.strip() for day in match["days"].split(",")] if match["days"] else []
    if hour >= _DAY_HOURS or minute >= _HOUR_MINUTES or not set(days) <= set(WEEKDAYS):
        raise wrong
    return hour * _HOUR_MINUTES + minute, tuple(sorted({WEEKDAYS.index(day) for day in days}))


def moment_text(at: int, weekdays: tuple[int, ...]) -> str:
    """A time as ``parse_moment`` reads it."""
    days = ",".join(WEEKDAYS[day] for day in weekdays)
    time = f"{at // _HOUR_MINUTES:02}:{at % _HOUR_MINUTES:02}"
    return f"{days} {time}" if days else time


def parse_share(value: object) -> float:
    """A share, 0 to 1, of a number in that range or of ``10%``. Raises ``ValueError`` where it is none."""
    wrong = ValueError(f"must be a share such as 10% or 0.1, not {value!r}")
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            # Rounded, so that 10% is exactly what 0.1 is.
            share = round(float(value.strip()[:-1]) / 100.0, 12)
        except ValueError:
            raise wrong from None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        share = float(value)
    else:
        raise wrong
    if not (math.isfinite(share) and 0.0 <= share <= 1.0):
        raise wrong
    return share
