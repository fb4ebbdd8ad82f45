"""What a server is asked about messages on their way."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from eachwise.adapters.http_client import HttpClient
from eachwise.contracts.delivery import MessageState, MessageView, Preview, PreviewRequest


class RemoteDelivery(HttpClient):
    """The outbox's verbs of ``RemoteEngine``."""

    def outbox(
        self,
        state: MessageState | None = None,
        *,
        individual_id: str = "",
        after: str = "",
        limit: int = 100,
    ) -> list[MessageView]:
        """Messages by id, after one; of a person the newest first."""
        asked = {"state": state, "individual": individual_id, "after": after, "limit": limit}
        query = urlencode({name: value for name, value in asked.items() if value})
        return self._call("GET", f"/v1/outbox?{query}", list[MessageView])

    def message(self, message_id: str) -> MessageView:
        """One message of the outbox."""
        return self._call("GET", f"/v1/outbox/{quote(message_id, safe='')}", MessageView)

    def resend(self, message_id: str) -> MessageView:
        """Have a message sent after all: what is held, dead, discarded, or unknown."""
        path = f"/v1/outbox/{quote(message_id, safe='')}/resend"
        return self._call("POST", path, MessageView)

    def discard(self, message_id: str) -> MessageView:
        """Take a message out that is not in a channel's hands."""
        path = f"/v1/outbox/{quote(message_id, safe='')}/discard"
        return self._call("POST", path, MessageView)

    def preview(self, experience_id: str, placement_id: str, individual: str) -> Preview:
        """What a real person would get of an experience now; nothing is sent."""
        request = PreviewRequest(
            experience_id=experience_id, placement_id=placement_id, individual=individual
        )
        return self._call("POST", "/v1/preview", Preview, request)
