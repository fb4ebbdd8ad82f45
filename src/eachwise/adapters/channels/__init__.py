"""Ways to people: one file and one line of ``CHANNELS`` each. What is not configured is not built."""

from __future__ import annotations

from collections.abc import Callable

from eachwise.adapters.channels.smtp import Smtp
from eachwise.adapters.channels.webhook import Webhook
from eachwise.contracts.delivery import CALL, Channel
from eachwise.settings import DeliverySettings

Build = Callable[[DeliverySettings], Channel | None]

# By the channel's name: makes it, or None where the settings do not configure it.
CHANNELS: dict[str, Build] = {
    "email": lambda settings: Smtp(settings) if settings.smtp.host else None,
    "webhook": lambda settings: (
        Webhook("webhook", settings.webhook.url, settings) if settings.webhook.url else None
    ),
    "sms": lambda settings: (
        Webhook("sms", settings.webhook.sms_url, settings) if settings.webhook.sms_url else None
    ),
    CALL: lambda settings: Webhook(CALL, "", settings),
}


def build_channels(settings: DeliverySettings) -> dict[str, Channel]:
    """The channels that are configured. Raises ``InvalidInput`` naming the setting that is at fault."""
    built = {name: build(settings) for name, build in CHANNELS.items()}
    return {name: channel for name, channel in built.items() if channel is not None}
