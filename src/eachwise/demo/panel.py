"""The demo's own routes: the page's files, the running score, and what the engine believes of the person at the page.

The page itself talks to the real ``/v1`` routes with the write key; these routes add what only the server may read.
They answer only for persons whom the page made up (``shopper-…``), never for the simulated ones.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from importlib import resources
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eachwise.contracts.decision import Explanation
from eachwise.contracts.errors import InvalidInput, NotFound, Unauthorized
from eachwise.contracts.keys import Keys
from eachwise.demo.board import Board
from eachwise.demo.messages import Me, Report, Weighed, Why
from eachwise.demo.programme import HERO, RAIL
from eachwise.demo.watching import JourneyWatch
from eachwise.flow.core import Core

SHOPPER = "shopper-"
DECISIONS_MAX = 4
FILTERED_MAX = 8
REPORT_BYTES_MAX = 1 << 20
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Everything comes from this server, and no text can become code.
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Panel:
    """The routes and what they need; ``listener`` hears every report of the driver."""

    def __init__(self, core: Core, keys: Keys, listener: Callable[[Report], None]) -> None:
        self._core = core
        self._keys = keys
        watch = JourneyWatch(core.programme.journeys)
        self.board = Board(core.status, listener, journeys=watch.figures)
        self._files = {
            file.name: file.read_bytes()
            for file in (resources.files("eachwise.demo") / "static").iterdir()
            if "." + file.name.rpartition(".")[2] in TYPES
        }

    def routes(self) -> list[Route]:
        """For ``create_app(extra_routes=…)``."""
        return [
            Route("/", self._page),
            Route("/demo/static/{name}", self._file),
            Route("/demo/config", self._config),
            Route("/demo/items", self._items),
            Route("/demo/state", self._state),
            Route("/demo/me", self._me),
            Route("/demo/report", self._report, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        return self._static("index.html")

    async def _file(self, request: Request) -> Response:
        return self._static(request.path_params["name"])

    def _static(self, name: str) -> Response:
        content = self._files.get(name)
        if content is None:
            return Response("not found", status_code=404)
        media_type = TYPES["." + name.rpartition(".")[2]]
        return Response(content, media_type=media_type, headers=PAGE_HEADERS)

    async def _config(self, request: Request) -> Response:
        return _json(
            {"write_key": self._keys.write, "hero": HERO, "rail": RAIL, "shopper": SHOPPER}
        )

    async def _items(self, request: Request) -> Response:
        """The catalogue; empty until the driver has uploaded it."""
        items = self._core.catalogue.shelf.index.items
        return _json(
            [
                {
                    "item_id": item.item_id,
                    "title": item.title,
                    "price": item.price,
                    "currency": item.currency,
                    "attributes": item.attributes,
                }
                for item in items
            ]
        )

    async def _state(self, request: Request) -> Response:
        return _json(self.board.state())

    async def _me(self, request: Request) -> Response:
        """The profile of a shopper, and the explanation of that shopper's decisions named in the query."""
        shopper = request.query_params.get("anonymousId", "")
        if not shopper.startswith(SHOPPER):
            return _problem(
                InvalidInput(f"anonymousId: must start with {SHOPPER!r}", field="anonymousId")
            )
        core = self._core
        try:
            profile = core.profile(f"anon:{shopper}")
        except NotFound:
            return _json(Me(profile=None, why=[]))
        named = request.query_params.getlist("decision")[:DECISIONS_MAX]
        explanations = [core.explain(decision_id) for decision_id in named]
        mine = [each for each in explanations if each.record.individual_id == profile.individual_id]
        return _json(Me(profile=profile, why=[self._why(each) for each in mine]))

    async def _report(self, request: Request) -> Response:
        """The driver's post; the secret key opens it."""
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._keys.secret}".encode()):
            return _problem(Unauthorized("the secret key is needed"))
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > REPORT_BYTES_MAX:
                return _problem(InvalidInput("the report is too large", field="body"))
        try:
            self.board.take(msgspec.json.decode(body, type=Report))
        except msgspec.DecodeError as error:
            return _problem(InvalidInput(f"report: {error}", field="body"))
        return _json({"success": True})

    def _why(self, explanation: Explanation) -> Why:
        record = explanation.record
        experiences = self._core.definitions().experiences

        def title(experience_id: str) -> str:
            known = experiences.get(experience_id)
            return known.title if known else experience_id

        return Why(
            decision_id=record.decision_id,
            placement_id=record.inputs.placement_id,
            experience_id=record.experience_id,
            title=title(record.experience_id),
            probability=record.probability,
            policy=record.inputs.policy,
            models=record.inputs.models,
            reasons=record.reasons,
            considered=record.candidates + sum(record.filters.values()),
            leading=[
                Weighed(
                    experience_id=each.experience_id,
                    title=title(each.experience_id),
                    probability=each.probability,
                    priority=each.priority,
                    p_takeup=each.factors.p_takeup,
                    value=each.factors.value,
                    p_disconnect=each.factors.p_disconnect,
                    fatigue=each.factors.fatigue,
                    chosen=each.experience_id == record.experience_id,
                )
                for each in record.leading
            ],
            filters={name: count for name, count in record.filters.items() if count},
            filtered=[
                {"title": title(each.experience_id), "filter": each.filter, "reason": each.reason}
                for each in record.filtered[:FILTERED_MAX]
            ],
        )


def _json(value: Any) -> Response:
    return Response(
        msgspec.json.encode(value),
        media_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def _problem(error: InvalidInput | Unauthorized) -> Response:
    return Response(
        msgspec.json.encode({"code": error.code, "message": error.message}),
        status_code=error.status,
        media_type="application/json",
    )
