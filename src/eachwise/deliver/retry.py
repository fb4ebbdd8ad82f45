"""What becomes of a message after an attempt: sent, tried again later, given up, or not known."""

from __future__ import annotations

from msgspec.structs import replace

from eachwise.contracts.delivery import Message, Receipt
from eachwise.maths.hashing import stable_hash
from eachwise.settings import DeliverySettings

_MICROSECONDS = 1_000_000
_DOUBLINGS_MAX = 40


def after(message: Message, receipt: Receipt, now_us: int, settings: DeliverySettings) -> Message:
    """The message as it is to stand after a channel's answer; ``attempts`` counts this one already."""
    outcome, reason = receipt.outcome, receipt.reason
    if outcome == "sent":
        return replace(
            message, state="sent", sent_at_us=now_us, provider_id=receipt.provider_id, reason=""
        )
    if outcome in ("refused", "gone"):
        return replace(message, state="dead", reason=reason)
    if outcome == "unknown" and not settings.resend_unknown:
        return replace(message, state="unknown", reason=reason)
    if message.attempts >= settings.attempts_max:
        words = f"given up after {message.attempts} attempts: {reason}"
        return replace(message, state="dead", reason=words)
    wait_s = max(backoff_s(message, settings), receipt.retry_after_s)
    due_at_us = now_us + int(wait_s * _MICROSECONDS)
    return replace(message, state="pending", due_at_us=due_at_us, reason=reason)


def backoff_s(message: Message, settings: DeliverySettings) -> float:
    """Seconds until the next attempt, with w = min(maximum, base · 2ⁿ⁻¹) after n attempts: between w/2 and w.

    Where in between is drawn by a hash of message and attempt ("equal jitter"): what failed together does not come
    again together, and a replay waits as long.
    """
    doublings = min(max(message.attempts, 1) - 1, _DOUBLINGS_MAX)
    whole = min(settings.retry_max_s, settings.retry_base_s * 2.0**doublings)
    drawn = stable_hash(message.message_id, message.attempts) / 2**63
    return whole * (0.5 + 0.5 * drawn)
