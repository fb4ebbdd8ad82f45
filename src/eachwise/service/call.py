"""One request, as its handler sees it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs

from eachwise.contracts.errors import InvalidInput
from eachwise.service.bodies import Receive, read_body
from eachwise.service.ports import Core
from eachwise.settings import Settings


class Call:
    """A request with its core and settings; the body is read on first use."""

    def __init__(
        self, scope: MutableMapping[str, Any], receive: Receive, core: Core, settings: Settings
    ) -> None:
        self.core = core
        self.method: str = scope["method"]
        self.settings = settings
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self._scope = scope
        self.receive = receive
        self._body: bytes | None = None
        self._query: dict[str, list[str]] | None = None

    async def body(self) -> bytes:
        """The unpacked body. Raises ``TooLarge`` beyond the limit."""
        if self._body is None:
            self._body = await read_body(
                self.receive, self.headers, self.settings.api.body_bytes_max
            )
        return self._body

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self._scope["path_params"][name])

    def text(self, name: str, default: str = "") -> str:
        """A query parameter; of several the last."""
        return (self.texts(name) or [default])[-1]

    def texts(self, name: str) -> list[str]:
        """A query parameter that may come several times."""
        if self._query is None:
            raw: bytes = self._scope.get("query_string", b"")
            self._query = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
        return self._query.get(name, [])

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number of the query. Raises ``InvalidInput`` where it is none, or out of range."""
        sent = self.text(name, str(default))
        if not (sent.isascii() and sent.isdigit() and len(sent) <= 18 and low <= int(sent) <= high):
            raise InvalidInput(
                f"{name} must be a whole number from {low} to {high}, not {sent[:30]!r}", field=name
            )
        return int(sent)

    def flag(self, name: str) -> bool:
        """A yes or no of the query; no where it is missing."""
        sent = self.text(name, "false").lower()
        if sent not in ("true", "false", "1", "0"):
            raise InvalidInput(f"{name} must be true or false, not {sent[:30]!r}", field=name)
        return sent in ("true", "1")
