"""When an event happened, by our clock and not by the sender's."""

from __future__ import annotations

from eachwise.events.checks import Refused
from eachwise.events.sent import Sent, SentEvent
from eachwise.maths.times import parse_time_us


def occurred_at_us(
    sent: SentEvent, *, received_at_us: int, sent_at_us: int | None, live: bool
) -> int:
    """Segment's rule: timestamp + (receipt − sentAt); without a timestamp, the receipt.

    An upstream server's ``receivedAt`` stands in for our receipt. Where ``originalTimestamp``
    stands beside a ``timestamp`` that differs, that server has corrected ``timestamp`` already.
    ``sent_at_us`` is the batch's.
    """
    time_us = stamped = _time_of("timestamp", sent.timestamp)
    receipt_us = received_at_us if live else None
    if sent.original_timestamp is not None or sent.received_at is not None:
        original_us = _time_of("originalTimestamp", sent.original_timestamp)
        upstream_us = time_or_none(sent.received_at)
        if stamped is not None and (
            upstream_us is not None if original_us is None else original_us != stamped
        ):
            return _not_before_1970(stamped)
        time_us = stamped if original_us is None else original_us
        receipt_us = receipt_us if upstream_us is None else upstream_us
    if time_us is None:
        return received_at_us
    if sent.sent_at is not None:
        own_us = time_or_none(sent.sent_at)
        sent_at_us = sent_at_us if own_us is None else own_us
    if receipt_us is not None and sent_at_us is not None:
        time_us += receipt_us - sent_at_us
    return _not_before_1970(time_us)


def time_or_none(value: object) -> int | None:
    """A server's or a sender's own clock: what cannot be read corrects nothing."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        return parse_time_us(value)
    except (ValueError, OverflowError):
        return None


def _time_of(field: str, value: Sent) -> int | None:
    if value is None or value == "":
        return None
    try:
        return parse_time_us(value)
    except (ValueError, OverflowError) as error:
        raise Refused(
            "invalid_timestamp",
            f"`{field}` is {str(value)[:50]!r}: {error}; send it like 2024-05-01T12:30:00.000Z",
        ) from None


def _not_before_1970(time_us: int) -> int:
    if time_us < 0:
        raise Refused("invalid_timestamp", "`timestamp` lies before 1970; check the sender's clock")
    return time_us
