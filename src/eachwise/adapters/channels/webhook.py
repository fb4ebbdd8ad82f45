"""Messages posted as signed JSON: the channels ``webhook`` and ``sms``, and the calls of journeys.

``Eachwise-Signature: t=SECONDS,v1=HEX`` with HEX = HMAC-SHA256(secret, "SECONDS." + body); ``Idempotency-Key`` is the
message's id, so that a receiver that keeps it takes everything once.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from eachwise.adapters.channels.secret import read_secret
from eachwise.contracts.delivery import Letter, Receipt
from eachwise.settings import DeliverySettings

_MICROSECONDS = 1_000_000


class Webhook:
    """A channel that posts. ``url``: where to, unless the letter's address says (a journey's call)."""

    deduplicates = True

    def __init__(self, name: str, url: str, settings: DeliverySettings) -> None:
        """Raises ``InvalidInput`` where the secret cannot be read."""
        self.name = name
        self._url = url
        self._timeout_s = settings.webhook.timeout_s
        self._secret = read_secret(
            "delivery.webhook.secret", settings.webhook.secret_file, settings.webhook.secret_env
        )

    def send(self, letter: Letter) -> Receipt:
        """Post one message."""
        try:
            body = msgspec.json.encode(self._body(letter))
        except ValueError as error:  # half a surrogate pair
            return Receipt(outcome="refused", reason=f"no JSON can be made of it: {error}")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "eachwise",
            "Idempotency-Key": letter.message_id,
        }
        if self._secret:
            at_s = letter.made_at_us // _MICROSECONDS
            headers["Eachwise-Signature"] = signature(self._secret, at_s, body)
        # Python's HTTP client takes a while to import: who posts nothing does not wait for it.
        from eachwise.adapters.channels.posting import post  # noqa: PLC0415

        return post(self._url or letter.address, body, headers, self._timeout_s)

    def _body(self, letter: Letter) -> dict[str, Any]:
        if self._url:
            parts = {"to": letter.address, **letter.parts}
            return {"message_id": letter.message_id, **parts, **letter.payload}
        return letter.payload

    def close(self) -> None:
        """Nothing is kept open."""


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The signature header of a body sent at a time (seconds since 1970)."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"
