"""Every route in one table: what it takes, what it answers, which key opens it."""

from __future__ import annotations

from typing import Any

from eachwise.contracts.audience import Audience, AudienceRequest
from eachwise.contracts.batch import Batch, BatchPage, BatchRequest
from eachwise.contracts.catalog import CatalogReceipt, Item
from eachwise.contracts.decision import (
    BudgetView,
    DecideRequest,
    DecideResponse,
    DecisionPage,
    DecisionRecord,
    Explanation,
    PersonalExplanation,
    Replay,
)
from eachwise.contracts.events import BatchResult, StoredRejection
from eachwise.contracts.experience import Definitions, Experience, Placement
from eachwise.contracts.individual import Profile
from eachwise.contracts.ports import ImportProgress
from eachwise.contracts.recommendation import RecommendRequest, RecommendResponse
from eachwise.contracts.search import SearchResponse, SuggestResponse
from eachwise.contracts.training import (
    PAGE_EVENTS_MAX,
    ModelView,
    OwnersRequest,
    RollbackRequest,
    Tenure,
    Upload,
)
from eachwise.events import SentBatch, SentEvent
from eachwise.flow.disown import NotMe
from eachwise.service import (
    audience,
    batching,
    consenting,
    decisions,
    handlers,
    models,
    recommending,
    routes_delivery,
    routes_journeys,
    routes_measure,
    routes_relations,
    searching,
)
from eachwise.service.handlers import Handler, Health, UnmergeRequest
from eachwise.service.route import BINARY, JSON, LINES, YAML, Query, Route


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
    Query("kind", {"type": "string", "enum": ["events", "items", "exposures"]}, "What each row is"),
)
_PAGE_QUERY = (
    Query("after", _INTEGER, "List only rejections after this number"),
    Query("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, "List at most so many"),
)

_TEXT = {"type": "string"}
_SEARCH_QUERY = (Query("q", _TEXT, "What was typed"),)

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
    Route(
        method="POST",
        path="/v1/recommend",
        handler=recommending.recommend,
        key="write",
        summary="Choose items for one individual, page by page",
        request=RecommendRequest,
        response=RecommendResponse,
        cors=True,
    ),
    Route(
        method="GET",
        path="/v1/search",
        handler=searching.search,
        key="write",
        summary="Find items by a text, in one individual's order, page by page",
        response=SearchResponse,
        query=(
            *_SEARCH_QUERY,
            Query("userId", _TEXT, "In whose order"),
            Query("anonymousId", _TEXT, "In whose order"),
            Query("individual_id", _TEXT, "In whose order; typed, like user:42"),
            Query("count", {"type": "integer", "minimum": 1, "maximum": 100}, "Results of a page"),
            Query(
                "where",
                {"type": "array", "items": _TEXT},
                "attribute:value; values of one attribute are alternatives",
            ),
            Query("cursor", _TEXT, "That of the page before"),
        ),
        cors=True,
    ),
    Route(
        method="GET",
        path="/v1/search/suggest",
        handler=searching.suggest,
        key="write",
        summary="Suggest how a query may go on",
        response=SuggestResponse,
        query=(
            *_SEARCH_QUERY,
            Query("count", {"type": "integer", "minimum": 1, "maximum": 20}, "At most so many"),
        ),
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
    Route(
        method="POST",
        path="/v1/individuals/{id:path}/not-me",
        handler=handlers.not_me,
        key="secret",
        summary="Take what somebody else did out of a person's taste",
        request=NotMe,
        response=Profile,
    ),
    *routes_journeys.ROUTES,
    routes_relations.OF_A_PERSON,
    consenting.OF_A_PERSON,
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
    _read(
        "/v1/items",
        models.list_items,
        list[Item],
        "List the catalogue's items in order of their ids",
        Query("after", {"type": "string"}, "List only items after this id"),
        Query("limit", {"type": "integer", "minimum": 1, "maximum": 2000}, "List at most so many"),
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
    _read(
        "/v1/decisions",
        decisions.why,
        DecisionPage,
        "List a person's decisions, and what became of an experience in each",
        Query("individual", _TEXT, "The person: typed, like user:42, or an id as it was sent"),
        Query("experience", _TEXT, "Tell what became of this one: why did it not show?"),
        Query("placement", _TEXT, "List only decisions for this placement"),
        Query("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "List at most so many"),
        Query("before", _TEXT, "A decision: list only older ones"),
    ),
    _read("/v1/decisions/{id}", handlers.decision, DecisionRecord, "Read one decision's record"),
    Route(
        method="GET",
        path="/v1/decisions/{id}/explain",
        handler=decisions.explain,
        key="secret",
        summary="Explain one decision in words, with what came back",
        response=Explanation,
        other_response=PersonalExplanation,
        query=(
            Query(
                "for",
                {"type": "string", "enum": ["operator", "person"]},
                "For whom: the operator (default), or the person",
            ),
        ),
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
        summary="Take consecutive rows of a file of events, or of items",
        request=str,
        response=ImportProgress,
        media=(LINES,),
        query=_IMPORT_QUERY,
    ),
    _read(
        "/v1/imports/{digest}", handlers.get_import, ImportProgress, "Read how far a file was taken"
    ),
    Route(
        method="POST",
        path="/v1/audience",
        handler=audience.audience,
        key="secret",
        summary="Find the individuals for whom an item matters",
        request=AudienceRequest,
        response=Audience,
    ),
    _read(
        "/v1/interactions",
        models.interactions,
        None,
        "Read the log's engagements, packed, for training",
        Query("after", _INTEGER, "Read only events after this sequence"),
        Query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": PAGE_EVENTS_MAX},
            "Look at no more than so many events",
        ),
    ),
    Route(
        method="POST",
        path="/v1/interactions/owners",
        handler=models.owners,
        key="secret",
        summary="Tell whose the events of some senders are",
        request=OwnersRequest,
        response=list[list[Tenure]],
    ),
    _read(
        "/v1/models",
        models.list_models,
        list[ModelView],
        "List the newest versions of every model",
        Query("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, "Versions of each"),
    ),
    Route(
        method="PUT",
        path="/v1/models/trained",
        handler=models.put_trained,
        key="secret",
        summary="Take a part of a trained model; the last part publishes it",
        request=str,
        response=Upload,
        media=(BINARY,),
        query=(
            Query("digest", {"type": "string"}, "SHA-256 of the whole model"),
            Query("total", _INTEGER, "Bytes of the whole model"),
            Query("offset", _INTEGER, "Place of the first byte sent, counted from 0"),
        ),
    ),
    # Before the versions, whose path it would match.
    Route(
        method="POST",
        path="/v1/models/{name}/rollback",
        handler=models.rollback,
        key="secret",
        summary="Publish an older version of a model once more, as the newest",
        request=RollbackRequest,
        response=ModelView,
    ),
    _read("/v1/models/{name}/{version}", models.get_model, ModelView, "Read a version's report"),
    _read("/v1/models/{name}/{version}/body", models.get_body, None, "Read a trained model itself"),
    Route(
        method="POST",
        path="/v1/batches",
        handler=batching.begin,
        key="secret",
        summary="Begin decisions for everybody",
        request=BatchRequest,
        response=Batch,
    ),
    Route(
        method="POST",
        path="/v1/batches/{batch_id}/page",
        handler=batching.page,
        key="secret",
        summary="Decide for the next people of a batch",
        response=BatchPage,
        query=(
            Query("after", _INTEGER, "The number to go on after (default 0)"),
            Query("limit", _INTEGER, "How many people, at most 500 (default 100)"),
        ),
    ),
    *routes_delivery.ROUTES,
    *routes_measure.ROUTES,
    *routes_relations.ROUTES,
    _read("/v1/budgets", handlers.budgets, list[BudgetView], "Read the budgets and their prices"),
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
