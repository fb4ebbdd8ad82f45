"""The ASGI application: the table of routes over a core, plain ASGI all the way for speed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as Path

from eachwise.contracts.errors import Busy, EachwiseError
from eachwise.contracts.keys import Keys
from eachwise.flow.drive import arun
from eachwise.service.access import RateLimit, check_key, key_in_body, key_in_header
from eachwise.service.answers import Answer, Header, Send, answer, answer_of, problem
from eachwise.service.bodies import ClientGone, Receive
from eachwise.service.call import Call
from eachwise.service.openapi import openapi
from eachwise.service.ports import Core
from eachwise.service.route import Route
from eachwise.service.routes import ROUTES
from eachwise.settings import Settings

TICK_INTERVAL_S = 0.25
# What is noticed in so short a time is taken in by one round: it bounds the commits of a busy second.
WAKE_PAUSE_S = 0.01
Hook = Callable[[], Awaitable[None]]

_log = logging.getLogger("eachwise.service")
_CORS: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Retry-After"),
)
_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-headers", b"Authorization, Content-Type, Content-Encoding"),
    (b"access-control-max-age", b"86400"),
)
_INTERNAL = problem(500, "internal", "something went wrong here; the log of the server says what")


def create_app(
    core: Core,
    keys: Keys,
    settings: Settings,
    *,
    extra_routes: Sequence[BaseRoute] = (),
    on_startup: Sequence[Hook] = (),
    on_shutdown: Sequence[Hook] = (),
    tick_interval_s: float = TICK_INTERVAL_S,
) -> Starlette:
    """The application. ``extra_routes`` (console, demo) come after the API's own.

    While it runs, ``core.tick`` is driven about every ``tick_interval_s``, and at once where an event may move a
    journey; ``on_startup`` runs before the first tick, ``on_shutdown`` after the last.
    """
    limit = RateLimit(settings.api.requests_per_second_max, time.monotonic)
    by_path: dict[str, list[Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, []).append(route)
    paths: list[BaseRoute] = [
        Path(path, _Endpoint(routes, core, keys, settings, limit))
        for path, routes in by_path.items()
    ]
    paths.append(Path("/openapi.json", _Document()))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for hook in on_startup:
            await hook()
        stopping, waking = asyncio.Event(), asyncio.Event()
        core.programme.on_noticed(waking.set)
        loop = asyncio.get_running_loop()
        # From the threads that send.
        core.delivery.on_answered(lambda: loop.call_soon_threadsafe(waking.set))
        ticking = asyncio.create_task(_tick(core, tick_interval_s, stopping, waking))
        try:
            yield
        finally:
            stopping.set()
            waking.set()
            await ticking
            core.delivery.on_answered(
                lambda: None
            )  # the loop is over before the last answer may be
            for hook in on_shutdown:
                await hook()

    app = Starlette(
        routes=[*paths, *extra_routes],
        lifespan=lifespan,
        exception_handlers={HTTPException: _on_http_exception, 500: _on_exception},
    )
    app.router.redirect_slashes = False
    return app


class _Endpoint:
    """All methods of one path, as an ASGI application."""

    def __init__(
        self,
        routes: Sequence[Route],
        core: Core,
        keys: Keys,
        settings: Settings,
        limit: RateLimit,
    ) -> None:
        self._routes: dict[str, Route] = {route.method: route for route in routes}
        self._core = core
        self._keys = keys
        self._settings = settings
        self._limit = limit
        self._allow = ", ".join(sorted([*self._routes, "OPTIONS"])).encode()
        self._cors = _CORS if any(route.cors for route in routes) else ()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; every error becomes an answer here."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        route = self._routes.get(method)
        try:
            if route is not None:
                answered = await self._serve(
                    route, Call(scope, receive, self._core, self._settings)
                )
            else:
                answered = self._without_route(method)
        except EachwiseError as error:
            if error.status >= 500 and not isinstance(error, Busy):
                _log.exception("%s %s failed", scope["method"], scope["path"])
            answered = answer_of(error)
        except ClientGone:
            return
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            answered = _INTERNAL
        await answered.send(send, self._cors)

    async def _serve(self, route: Route, call: Call) -> Answer:
        if route.key != "open":
            key = key_in_header(call.headers)
            if key is None and route.key_in_query:
                key = call.text("writeKey") or None
            if key is None and route.request is not None:
                key = key_in_body(await call.body())
            self._limit.take(check_key(self._keys, key, route.key))
        return answer(await route.handler(call))

    def _without_route(self, method: str) -> Answer:
        allow = (b"allow", self._allow)
        if method != "OPTIONS":
            words = f"this path takes {self._allow.decode()}"
            return problem(405, "method_not_allowed", words, headers=[allow])
        preflight = (*_PREFLIGHT, (b"access-control-allow-methods", self._allow))
        return Answer(body=b"", headers=[allow, *(preflight if self._cors else ())])


class _Document:
    """The description of the routes, open to all; made when it is first asked for."""

    def __init__(self) -> None:
        self._answer: Answer | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer any request with it."""
        if self._answer is None:
            self._answer = answer(openapi(ROUTES))
        await self._answer.send(send, _CORS)


async def _tick(
    core: Core, interval_s: float, stopping: asyncio.Event, waking: asyncio.Event
) -> None:
    """Drive what is due until told to stop; a tick that fails is logged, and the next one tries again."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(waking.wait(), interval_s)
            await asyncio.sleep(WAKE_PAUSE_S)
        if stopping.is_set():
            return
        waking.clear()
        try:
            await arun(core.tick())
        except Exception:
            _log.exception("a tick failed")


def _response(answered: Answer) -> Response:
    headers = {name.decode(): value.decode() for name, value in answered.headers}
    return Response(answered.body, answered.status, headers, media_type="application/json")


async def _on_http_exception(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "http_error")
    words = "there is no such path; /openapi.json lists them all" if status == 404 else str(error)
    given = getattr(error, "headers", None) or {}
    headers = [(name.encode(), value.encode()) for name, value in given.items()]
    return _response(problem(status, code, words, headers=headers))


async def _on_exception(_request: Request, _error: Exception) -> Response:
    return _response(_INTERNAL)
