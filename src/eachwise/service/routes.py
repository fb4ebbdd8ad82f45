"""Every route in one table: what it takes, what it answers, which key opens it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eachwise.contracts.catalog import CatalogReceipt, Item
from eachwise.contracts.decision import (
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Explanation,
    Replay,
)
from eachwise.contracts.events import BatchResult, StoredRejection
from eachwise.contracts.experience import Definitions, Experience, Placement
from eachwise.contracts.individual import Profile
from eachwise.contracts.ports import ImportProgress
from eachwise.events import SentBatch, SentEvent
from eachwise.service import handlers
from eachwise.service.access import KeyKind
from eachwise.service.handlers import Handler, Health, UnmergeRequest

Method = Literal["GET", "PUT", "POST", "DELETE"]

JSON = "application/json"
LINES = "application/x-ndjson"
YAML = "application/yaml"


class Query(msgspec.Struct, frozen=True):
    """A parameter behind the question mark."""

    name: str
    schema: dict[str, Any]
    words: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route. ``cors``: browsers on other sites may call it. ``media`` are the body's content types."""

    method: Method
    path: str
    handler: Handler
    key: KeyKind
    summary: str
    request: Any = None
    response: Any = None
    media: tuple[str, ...] = (JSON,)
    query: tuple[Query, ...] = ()
    cors: bool = False


def _event(name: str, handler: Handler, words: str, request: Any = SentEvent) -> Route:
    return Route(
        method="POST",
        path=f"/v1/{name}",
        handler=handler,
        key="write",
        summary=words,
        request=request,
        response=BatchResult,
        cors=True,
    )


def _read(path: str, handler: Handler, response: Any, words: str, *query: Query) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        key="secret",
        summary=words,
        response=response,
        query=query,
    )


def _define(path: str, handler: Handler, request: Any, words: str) -> Route:
    return Route(
        method="PUT",
        path=path,
        handler=handler,
        key="secret",
        summary=words,
        request=request,
        response=Definitions,
        media=(JSON, YAML),
    )


_INTEGER = {"type": "integer", "minimum": 0}
_IMPORT_QUERY = (
    Query("source", {"type": "string"}, "Name under which the file's rejected rows are listed"),
    Query("first_row", _INTEGER, "Number of the first row sent, counted from 0"),
    Query("finished", {"type": "boolean"}, "Whether these are the file's last rows"),
)
_PAGE_QUERY = (
    Query("after", _INTEGER, "List only rejections after this number"),
    Query("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, "List at most so many"),
)

ROUTES: tuple[Route, ...] = (
    _event("batch", handlers.batch, "Take a batch of events of any kind", SentBatch),
    Route(
        method="POST",
        path="/v1/decide",
        handler=handlers.decide,
        key="write",
        summary="Decide the next best experience for one individual",
        request=DecideRequest,
        response=DecideResponse,
        cors=True,
    ),
    _event("track", handlers.single("track"), "Take one event: something a person did"),
    _event("identify", handlers.single("identify"), "Take who a person is, and their traits"),
    _event("page", handlers.single("page"), "Take one view of a web page"),
    _event("screen", handlers.single("screen"), "Take one view of an app's screen"),
    _event("group", handlers.single("group"), "Take which group a person belongs to"),
    _event("alias", handlers.single("alias"), "Take that two ids are one person"),
    _event("import", handlers.batch, "Take a batch of events; the same as /v1/batch", SentBatch),
    Route(
        method="POST",
        path="/v1/individuals/unmerge",
        handler=handlers.unmerge,
        key="secret",
        summary="Declare two identifiers to be two people, for good",
        request=UnmergeRequest,
        response=dict[str, str],
    ),
    _read(
        "/v1/individuals/{id:path}",
        handlers.individual,
        Profile,
        "Read one individual: tastes in words with their evidence, stage, orders, consent",
    ),
    Route(
        method="POST",
        path="/v1/items",
        handler=handlers.post_items,
        key="secret",
        summary="Add or replace items of the catalogue",
        request=list[Item],
        response=CatalogReceipt,
        media=(LINES, JSON),
    ),
    _read("/v1/items/{id:path}", handlers.get_item, Item, "Read one item"),
    Route(
        method="DELETE",
        path="/v1/items/{id:path}",
        handler=handlers.delete_item,
        key="secret",
        summary="Remove one item from the catalogue",
        response=CatalogReceipt,
    ),
    _read("/v1/experiences", handlers.get_experiences, list[Experience], "Read all experiences"),
    _define(
        "/v1/experiences", handlers.put_experiences, list[Experience], "Replace all experiences"
    ),
    _read("/v1/placements", handlers.get_placements, list[Placement], "Read all placements"),
    _define("/v1/placements", handlers.put_placements, list[Placement], "Replace all placements"),
    _read(
        "/v1/definitions",
        handlers.get_definitions,
        Definitions,
        "Read experiences and placements with their version",
    ),
    _define(
        "/v1/definitions",
        handlers.put_definitions,
        dict[str, list[Any]],
        "Replace experiences and placements together",
    ),
    _read("/v1/decisions/{id}", handlers.decision, DecisionRecord, "Read one decision's record"),
    _read(
        "/v1/decisions/{id}/explain",
        handlers.explain,
        Explanation,
        "Explain one decision in words, with what came back",
    ),
    _read("/v1/decisions/{id}/replay", handlers.replay, Replay, "Recompute one decision"),
    _read(
        "/v1/rejections",
        handlers.rejections,
        list[StoredRejection],
        "List rejected events with their reasons",
        *_PAGE_QUERY,
    ),
    Route(
        method="PUT",
        path="/v1/imports/{digest}",
        handler=handlers.put_import,
        key="secret",
        summary="Take consecutive rows of a file of events",
        request=str,
        response=ImportProgress,
        media=(LINES,),
        query=_IMPORT_QUERY,
    ),
    _read(
        "/v1/imports/{digest}", handlers.get_import, ImportProgress, "Read how far a file was taken"
    ),
    _read("/v1/status", handlers.status, dict[str, Any], "Read counts and versions"),
    Route(
        method="GET",
        path="/healthz",
        handler=handlers.health,
        key="open",
        summary="Say that the service answers",
        response=Health,
    ),
)
