"""ISO 8601 → whole microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_time_us(text: str) -> int:
    """Microseconds of an ISO 8601 time; without an offset it is UTC, a date is its midnight.

    Digits beyond the microsecond are cut off. Raises ``ValueError`` where the text is no such time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND
