"""What the API needs of deliveries: the outbox, previews, what comes back through links, what waits for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from eachwise.contracts.decision import Decided
from eachwise.contracts.delivery import MessageState, MessageView, Preview, PreviewRequest
from eachwise.deliver import Token, TokenKind
from eachwise.flow.drive import Flow


class Outbox(Protocol):
    """Messages on their way."""

    def list(
        self,
        state: MessageState | None = None,
        individual_id: str = "",
        after: str = "",
        limit: int = 100,
    ) -> list[MessageView]:
        """Messages by id; of a person the newest first."""
        ...

    def show(self, message_id: str) -> MessageView:
        """One message."""
        ...

    def resend(self, message_id: str) -> Flow[MessageView]:
        """Have it sent after all."""
        ...

    def discard(self, message_id: str) -> Flow[MessageView]:
        """Take it out."""
        ...


class Letters(Protocol):
    """What goes out."""

    def preview(self, request: PreviewRequest) -> Preview:
        """What a real person would get now."""
        ...


class Returns(Protocol):
    """What comes back through links."""

    def opened(self, text: str) -> Flow[None]:
        """A mail's picture was fetched."""
        ...

    def clicked(self, text: str) -> Flow[str]:
        """A link was followed; where it leads."""
        ...

    def token(self, text: str, kind: TokenKind = "u") -> Token:
        """What a link stands for."""
        ...

    def unsubscribe(self, text: str) -> Flow[Token]:
        """The person leaves a purpose on a channel."""
        ...

    def preferences(self, text: str) -> dict[tuple[str, str], bool]:
        """What the link's person gets, by channel and purpose."""
        ...

    def prefer(self, text: str, wanted: Mapping[tuple[str, str], bool]) -> Flow[int]:
        """What the person changed."""
        ...


class Streams(Protocol):
    """Who listens for what waits for them."""

    @property
    def open(self) -> int:
        """How many listen."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the service stops."""
        ...

    def person(
        self, user_id: str | None, anonymous_id: str | None, individual_id: str | None
    ) -> str:
        """Whom the ids name."""
        ...

    def listen(self, individual_id: str, heard: Callable[[], object]) -> Callable[[], None]:
        """Hear when something new waits for a person; returns what stops it."""
        ...

    def mark(self) -> str:
        """An id that stands for now."""
        ...

    def take(self, individual_id: str, after: str = "") -> Flow[list[tuple[str, Decided]]]:
        """What waits for a person, taken up."""
        ...

    def end(self) -> None:
        """Tell every listener that the service stops."""
        ...


class Delivery(Protocol):
    """The outbox's flows."""

    def on_answered(self, wake: Callable[[], object]) -> None:
        """Call ``wake``, from whatever thread, when the next tick has more to send or settle."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Messages on their way."""
        ...

    @property
    def letters(self) -> Letters:
        """What goes out."""
        ...

    @property
    def streams(self) -> Streams:
        """Who listens."""
        ...

    @property
    def returns(self) -> Returns:
        """What comes back."""
        ...


class Delivering(Protocol):
    """An engine that delivers."""

    @property
    def delivery(self) -> Delivery:
        """The outbox's flows."""
        ...
