"""Times in words: ISO 8601 in and out of whole microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(time_us: int) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-11-22T12:15:00.123Z``."""
    text = (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def microseconds(moment: datetime) -> int:
    """A datetime as microseconds since 1970; one without a zone is read as UTC. Exact (no float on the way)."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
