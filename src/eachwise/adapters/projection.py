"""What every store looks events up by, beside the ids that stand in the event itself."""

from __future__ import annotations

from eachwise.contracts.events import Event
from eachwise.contracts.ports import Login


def device_of(event: Event) -> str | None:
    """``context.device.id``, where it is a text that is not empty."""
    device = event.context.get("device")
    return _text(device.get("id")) if isinstance(device, dict) else None


def decision_of(event: Event) -> str | None:
    """``properties.decision_id``, where it is a text that is not empty."""
    return _text(event.properties.get("decision_id"))


def email_of(event: Event) -> str | None:
    """The address an identify without user id logs in with: ``traits.email``, lower-cased."""
    if event.kind != "identify" or event.user_id:
        return None
    address = _text(event.traits.get("email"))
    return address.strip().lower() or None if address else None


def login_of(
    occurred_at_us: int, message_id: str, user_id: str | None, email: str | None
) -> Login | None:
    """The login that an event is: by user id, else by e-mail; None where it names neither."""
    if user_id:
        return Login(occurred_at_us, message_id, f"user:{user_id}")
    return Login(occurred_at_us, message_id, f"email:{email}") if email else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
