"""What a route is: what it takes, what it answers, which key opens it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eachwise.service.access import KeyKind
from eachwise.service.handlers import Handler

Method = Literal["GET", "PUT", "POST", "DELETE"]

JSON = "application/json"
LINES = "application/x-ndjson"
YAML = "application/yaml"
BINARY = "application/octet-stream"


class Query(msgspec.Struct, frozen=True):
    """A parameter behind the question mark."""

    name: str
    schema: dict[str, Any]
    words: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route. ``cors``: browsers on other sites may call it. ``media`` are the body's content types;
    ``other_response``: what it answers too, as the query asks; ``key_in_query``: the key may stand in the query as
    ``writeKey``, for what browsers call without headers."""

    method: Method
    path: str
    handler: Handler
    key: KeyKind
    summary: str
    request: Any = None
    response: Any = None
    other_response: Any = None
    media: tuple[str, ...] = (JSON,)
    query: tuple[Query, ...] = ()
    cors: bool = False
    key_in_query: bool = False
