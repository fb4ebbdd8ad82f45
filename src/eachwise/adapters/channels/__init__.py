"""Ways to people: one file and one line of ``CHANNELS`` each. What is not configured is not built."""

from __future__ import annotations

from collections.abc import Callable

from eachwise.adapters.channels.nowhere import Nowhere
from eachwise.adapters.channels.webhook import Webhook
from eachwise.contracts.delivery import CALL, Channel
from eachwise.settings import DeliverySettings

Build = Callable[[DeliverySettings], Channel | None]


def _email(settings: DeliverySettings) -> Channel | None:
    if not settings.smtp.host:
        return None
    # Python's mail libraries take 0.1 s to import: only who sends mail waits for them.
    from eachwise.adapters.channels.smtp import Smtp  # noqa: PLC0415

    return Smtp(settings)


def _posting(name: str, url: str, settings: DeliverySettings) -> Channel:
    return Webhook(name, url, settings)


def _webhook(settings: DeliverySettings) -> Channel | None:
    url = settings.webhook.url
    return _posting("webhook", url, settings) if url else None


def _sms(settings: DeliverySettings) -> Channel | None:
    url = settings.webhook.sms_url
    return _posting("sms", url, settings) if url else None


def _push(settings: DeliverySettings) -> Channel | None:
    if not settings.vapid.private_key_file:
        return None
    from eachwise.adapters.channels.push import WebPush  # noqa: PLC0415 (imports http.client)

    return WebPush(settings)


__all__ = ["CHANNELS", "Nowhere", "build_channels"]

# By the channel's name: what makes it, or None where the settings do not configure it.
CHANNELS: dict[str, Build] = {
    "email": _email,
    "push": _push,
    "webhook": _webhook,
    "sms": _sms,
    CALL: lambda settings: _posting(CALL, "", settings),
}


def build_channels(settings: DeliverySettings) -> dict[str, Channel]:
    """The channels that are configured. Raises ``InvalidInput`` naming the setting that is at fault."""
    built = {name: build(settings) for name, build in CHANNELS.items()}
    return {name: channel for name, channel in built.items() if channel is not None}
