"""The person's own clock: which time zone, and what time it is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from eachwise.contracts.errors import InvalidInput
from eachwise.maths.times import parse_hours

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "GMT", "Z"})
_NAME_CHARS_MAX = 64
_HOUR_MINUTES = 60


class Local(NamedTuple):
    """The time on the person's clock, and the zone's name; None where a zone was given that is not known."""

    moment: datetime | None
    zone: str


class Quiet(NamedTuple):
    """The minutes of a day, [start, end), in which nothing is shown; past midnight where the end comes first."""

    start: int
    end: int

    def holds(self, moment: datetime) -> bool:
        """Whether a clock that shows this is inside."""
        minute = moment.hour * _HOUR_MINUTES + moment.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    @property
    def words(self) -> str:
        """As it is written: ``22:00-08:00``."""
        times = [divmod(each, _HOUR_MINUTES) for each in self]
        return "-".join(f"{hour:02}:{minute:02}" for hour, minute in times)


def quiet_hours(text: str) -> Quiet | None:
    """``22:00-08:00`` as minutes; None for an empty text. Raises ``InvalidInput`` for anything else."""
    if not text:
        return None
    try:
        return Quiet(*parse_hours(text))
    except ValueError as error:
        raise InvalidInput(f"quiet_hours: {error}", field="quiet_hours") from None


def local_time(
    now_us: int, traits: Mapping[str, Any], context: Mapping[str, Any], otherwise: str
) -> Local:
    """What the person's clock shows: in the trait ``timezone``, else the context's, else the one given.

    A zone that is not known leaves it to the next; where some were given and none is known, the time is not known.
    """
    given = [each.get("timezone") for each in (traits, context)]
    names = [name for name in given if isinstance(name, str) and name] or [otherwise]
    for name in names:
        zone = zone_named(name)
        if zone is not None:
            moment = _EPOCH + timedelta(microseconds=now_us)
            return Local(moment.astimezone(zone), name)
    return Local(None, names[0])


@lru_cache(maxsize=1024)
def zone_named(name: str) -> tzinfo | None:
    """A time zone by its IANA name (``Europe/Berlin``); None where there is none."""
    if name in _UTC_NAMES:
        return UTC
    if len(name) > _NAME_CHARS_MAX:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no plain name; a folder of names
        return None
