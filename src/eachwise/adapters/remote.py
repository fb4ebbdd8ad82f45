"""A running server, spoken to over HTTP with the same verbs as the in-process engine."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from eachwise.adapters.remote_delivery import RemoteDelivery
from eachwise.adapters.remote_journeys import RemoteJourneys
from eachwise.adapters.remote_relations import RemoteRelations
from eachwise.contracts.audience import Audience, AudienceRequest, Occasion
from eachwise.contracts.batch import Batch, BatchPage, BatchRequest
from eachwise.contracts.catalog import CatalogReceipt, Item, RejectedItem, Repeats
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
from eachwise.contracts.errors import NotFound
from eachwise.contracts.events import BatchResult, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.individual import Profile
from eachwise.contracts.measurement import Estimate, EstimateRequest, LifetimeView
from eachwise.contracts.ports import ImportKind, ImportProgress
from eachwise.contracts.recommendation import (
    ITEMS_DEFAULT,
    RecommendRequest,
    RecommendResponse,
)
from eachwise.contracts.search import SearchResponse, SuggestResponse
from eachwise.contracts.training import (
    PAGE_EVENTS_MAX,
    InteractionPage,
    ModelView,
    OwnersRequest,
    RollbackRequest,
    Sender,
    Tenure,
    Upload,
)

# An audience looks at every individual there is.
LONG_TIMEOUT_S = 900.0
# Of a model on its way: well below `api.body_bytes_max`.
PART_BYTES = 2 * 1024 * 1024


class RemoteEngine(RemoteDelivery, RemoteJourneys, RemoteRelations):
    """One keep-alive connection to a server. Not thread-safe; each thread wants its own."""

    # -- verbs ---------------------------------------------------------------------------------------------

    def send(self, events: Iterable[Mapping[str, Any]]) -> BatchResult:
        """Send a batch of events in Segment's shape. Safe to repeat: message ids make it so."""
        return self._call("POST", "/v1/batch", BatchResult, {"batch": list(events)})

    def track(
        self,
        user_id: str | None,
        event: str,
        properties: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> BatchResult:
        """One ``track`` event; ``fields`` are Segment's: ``anonymousId``, ``timestamp``, ``messageId``, ``context``."""
        body = {"userId": user_id, "event": event, "properties": dict(properties or {})}
        return self._call("POST", "/v1/track", BatchResult, _named(body | fields))

    def identify(
        self, user_id: str | None, traits: Mapping[str, Any] | None = None, **fields: Any
    ) -> BatchResult:
        """One ``identify`` event."""
        body = {"userId": user_id, "traits": dict(traits or {})}
        return self._call("POST", "/v1/identify", BatchResult, _named(body | fields))

    def decide(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        placements: Sequence[str],
        context: Mapping[str, Any] | None = None,
        count: int | None = None,
        request_id: str | None = None,
    ) -> DecideResponse:
        """The next best experience for this person, one for each placement."""
        request = DecideRequest(
            user_id=user_id,
            anonymous_id=anonymous_id,
            placements=list(placements),
            context=dict(context or {}),
            count=count,
            request_id=request_id,
        )
        return self._call("POST", "/v1/decide", DecideResponse, request)

    def recommend(
        self,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        count: int = ITEMS_DEFAULT,
        cursor: str | None = None,
        **wishes: Any,
    ) -> RecommendResponse:
        """Items for this person, best first; ``cursor`` is that of the page before.

        ``wishes`` are the request's other fields: ``where``, ``exclude``, ``repeats``, ``popularity``, ``diversity``,
        ``calibration``, ``similar_to``, ``context``, ``individual_id``.
        """
        request = RecommendRequest(
            user_id=user_id, anonymous_id=anonymous_id, count=count, cursor=cursor, **wishes
        )
        return self._call("POST", "/v1/recommend", RecommendResponse, request)

    def search(
        self,
        query: str,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        count: int = 20,
        where: dict[str, str | list[str]] | None = None,
        cursor: str | None = None,
        individual_id: str | None = None,
    ) -> SearchResponse:
        """What answers a text, in this person's order; ``where`` filters: attribute → a value, or several."""
        named = {"userId": user_id, "anonymousId": anonymous_id, "individual_id": individual_id}
        asked = [("q", query), ("count", str(count))]
        asked += [(name, value) for name, value in named.items() if value is not None]
        asked += [("cursor", cursor)] if cursor is not None else []
        for name, values in (where or {}).items():
            some = [values] if isinstance(values, str) else values
            asked += [("where", f"{name}:{value}") for value in some]
        return self._call("GET", f"/v1/search?{urlencode(asked)}", SearchResponse)

    def suggest(self, text: str, count: int = 8) -> SuggestResponse:
        """How a text that is being typed may go on."""
        query = urlencode({"q": text, "count": count})
        return self._call("GET", f"/v1/search/suggest?{query}", SuggestResponse)

    def import_rows(
        self,
        digest: str,
        source: str,
        first_row: int,
        rows: Sequence[bytes],
        finished: bool,
        kind: ImportKind = "events",
    ) -> ImportProgress:
        """Send consecutive rows of a JSON Lines file of events or items."""
        query = urlencode(
            {
                "source": source,
                "first_row": first_row,
                "finished": str(finished).lower(),
                "kind": kind,
            }
        )
        return self._call(
            "PUT",
            f"/v1/imports/{digest}?{query}",
            ImportProgress,
            b"".join(row + b"\n" for row in rows),
        )

    def import_progress(self, digest: str) -> ImportProgress:
        """How far a file has been taken."""
        return self._call("GET", f"/v1/imports/{digest}", ImportProgress)

    def put_items(self, items: bytes | Iterable[Mapping[str, Any]]) -> CatalogReceipt:
        """Add or replace items: JSON Lines as bytes, or dicts."""
        body = items if isinstance(items, bytes) else list(items)
        return self._call("POST", "/v1/items", CatalogReceipt, body)

    def remove_items(self, item_ids: Sequence[str]) -> CatalogReceipt:
        """Take items out of the catalogue, one after another."""
        version, missing = 0, []
        for number, item_id in enumerate(item_ids):
            path = f"/v1/items/{quote(item_id, safe='')}"
            try:
                version = self._call("DELETE", path, CatalogReceipt).version
            except NotFound as error:
                missing.append(RejectedItem(line=number, field="item_id", reason=error.message))
        return CatalogReceipt(
            success=not missing,
            accepted=len(item_ids) - len(missing),
            version=version or self.status()["catalog_version"],
            rejected=missing,
        )

    def define(self, document: str | bytes | Mapping[str, Any]) -> Definitions:
        """Replace placements and experiences by a YAML document (or the same as a dict)."""
        body = document.encode() if isinstance(document, str) else document
        return self._call("PUT", "/v1/definitions", Definitions, body)

    def individual(self, individual_id: str) -> Profile:
        """Who this person is to us."""
        return self._call("GET", f"/v1/individuals/{quote(individual_id, safe=':')}", Profile)

    def unmerge(self, left: str, right: str) -> dict[str, str]:
        """Declare two identifiers to be two people."""
        return self._call(
            "POST", "/v1/individuals/unmerge", dict[str, str], {"left": left, "right": right}
        )

    def decision(self, decision_id: str) -> DecisionRecord:
        """A decision's record."""
        return self._call("GET", f"/v1/decisions/{quote(decision_id)}", DecisionRecord)

    def explain(self, decision_id: str) -> Explanation:
        """Why it was decided so."""
        return self._call("GET", f"/v1/decisions/{quote(decision_id)}/explain", Explanation)

    def explain_to_person(self, decision_id: str) -> PersonalExplanation:
        """Why it was decided so, in words for the person."""
        path = f"/v1/decisions/{quote(decision_id)}/explain?for=person"
        return self._call("GET", path, PersonalExplanation)

    def why(
        self,
        individual_id: str,
        experience_id: str | None = None,
        *,
        placement_id: str | None = None,
        limit: int = 10,
        before: str | None = None,
    ) -> DecisionPage:
        """A person's newest decisions; with an experience, what became of it in each."""
        asked = {
            "individual": individual_id,
            "experience": experience_id,
            "placement": placement_id,
            "limit": limit,
            "before": before,
        }
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return self._call("GET", f"/v1/decisions?{query}", DecisionPage)

    def replay(self, decision_id: str) -> Replay:
        """Recompute a decision."""
        return self._call("GET", f"/v1/decisions/{quote(decision_id)}/replay", Replay)

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Events that were turned away."""
        query = urlencode({"after": after, "limit": limit})
        return self._call("GET", f"/v1/rejections?{query}", list[StoredRejection])

    def interactions(self, after: int = 0, limit: int = PAGE_EVENTS_MAX) -> InteractionPage:
        """The engagements among the next events of the log after a sequence, for training."""
        query = urlencode({"after": after, "limit": limit})
        packed = self._fetch("GET", f"/v1/interactions?{query}")
        return msgspec.msgpack.decode(packed, type=InteractionPage)

    def owners(self, senders: Sequence[Sender]) -> list[list[Tenure]]:
        """Whose the events of these senders are, and from when on."""
        asked = OwnersRequest(senders=list(senders))
        return self._call("POST", "/v1/interactions/owners", list[list[Tenure]], asked)

    def begin_batch(self, request: BatchRequest) -> Batch:
        """Begin decisions for everybody, or find them begun."""
        return self._call("POST", "/v1/batches", Batch, request)

    def batch_page(self, batch_id: str, after: int = 0, limit: int = 100) -> BatchPage:
        """Decide for the next people of a batch; asked again, it answers the same."""
        path = f"/v1/batches/{quote(batch_id, safe='')}/page?after={after}&limit={limit}"
        return self._call("POST", path, BatchPage)

    def audience(
        self,
        item_id: str,
        reason: Occasion = "new",
        *,
        limit: int = 100,
        min_score: float = 0.0,
        purpose: str | None = None,
        channel: str | None = None,
        repeats: Repeats = "learnt",
    ) -> Audience:
        """The individuals for whom an item that is new, back or cheaper matters, best first, all accounted for."""
        request = AudienceRequest(
            item_id=item_id,
            reason=reason,
            limit=limit,
            min_score=min_score,
            purpose=purpose,
            channel=channel,
            repeats=repeats,
        )
        return self._call("POST", "/v1/audience", Audience, request, timeout_s=LONG_TIMEOUT_S)

    def items(self, after: str = "", limit: int = 100) -> list[Item]:
        """Items of the catalogue in order of their ids, after one."""
        query = urlencode({"after": after, "limit": limit})
        return self._call("GET", f"/v1/items?{query}", list[Item])

    def models(self, limit: int = 20) -> list[ModelView]:
        """The newest versions of every model."""
        return self._call("GET", f"/v1/models?limit={limit}", list[ModelView])

    def model(self, name: str, version: int) -> ModelView:
        """One version with its report."""
        return self._call("GET", f"/v1/models/{quote(name, safe='')}/{version}", ModelView)

    def trained_body(self, version: int) -> bytes:
        """A version of the trained model as it was published."""
        return self._fetch("GET", f"/v1/models/trained/{version}/body")

    def publish_trained(self, body: bytes) -> int:
        """Use a trained model from now on; returns its version. It is sent in parts."""
        digest, total, offset = hashlib.sha256(body).hexdigest(), len(body), 0
        while True:
            query = urlencode({"digest": digest, "total": total, "offset": offset})
            part = body[offset : offset + PART_BYTES]
            done = self._call("PUT", f"/v1/models/trained?{query}", Upload, part)
            if done.version:
                return done.version
            # A server that was restarted has forgotten what it had received.
            offset = done.received

    def rollback(self, name: str, to: int) -> ModelView:
        """Publish an older version of the trained model once more, as the newest; 0: nothing trained."""
        path = f"/v1/models/{quote(name, safe='')}/rollback"
        return self._call("POST", path, ModelView, RollbackRequest(to=to))

    def budgets(self) -> list[BudgetView]:
        """What is used of every budget, and what one more unit would be worth now."""
        return self._call("GET", "/v1/budgets", list[BudgetView])

    def lifetime(self) -> LifetimeView:
        """What stages are worth and what experiences change in lifetime value, or why it cannot be said."""
        return self._call("GET", "/v1/lifetime", LifetimeView)

    def work_out_lifetime(self) -> LifetimeView:
        """Work it out now, and publish it."""
        return self._call("POST", "/v1/lifetime", LifetimeView, timeout_s=LONG_TIMEOUT_S)

    def estimate(self, policy: str, **asked: Any) -> Estimate:
        """What another policy would have earned; ``asked`` are the other fields of ``EstimateRequest``."""
        request = EstimateRequest(policy=policy, **asked)
        query = {
            "policy": policy,
            **request.settings,
            "since_days": request.since_days,
            "limit": request.limit,
            "reward": request.reward,
        }
        if request.placement_id is not None:
            query["placement"] = request.placement_id
        path = f"/v1/estimate?{urlencode(query)}"
        return self._call("GET", path, Estimate, timeout_s=LONG_TIMEOUT_S)

    def status(self) -> dict[str, Any]:
        """Counts and versions."""
        return self._call("GET", "/v1/status", dict[str, Any])


def _named(event: dict[str, Any]) -> dict[str, Any]:
    """The event with a message id, so that a second try after a lost answer is not a second event."""
    return {"messageId": str(uuid.uuid4())} | event
