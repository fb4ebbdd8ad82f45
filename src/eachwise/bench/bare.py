"""Yardsticks: servers of the same stack (uvicorn, uvloop, httptools) that do next to nothing.

``python -m eachwise.bench.bare APP PORT``; ``parse`` only decodes the JSON it is sent, ``empty`` is an empty route of
Starlette.
"""

from __future__ import annotations

import gzip
import sys
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

from eachwise.bench.wire import HOST

_decode = msgspec.json.Decoder().decode
_ANSWER = b'{"success":true}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]


async def parse(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Read the body, gunzip it where it says so, decode it, answer."""
    assert scope["type"] == "http"
    parts = []
    while True:
        message: Any = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = b"".join(parts)
    if (b"content-encoding", b"gzip") in scope["headers"]:
        body = gzip.decompress(body)
    _decode(body)
    await send(
        {"type": "http.response.start", "status": 200, "headers": _HEADERS, "trailers": False}
    )
    await send({"type": "http.response.body", "body": _ANSWER, "more_body": False})


async def _nothing(request: Request) -> Response:
    await request.body()
    return Response(_ANSWER, media_type="application/json")


empty = Starlette(routes=[Route("/{path:path}", _nothing, methods=["POST"])])

APPS: dict[str, ASGI3Application] = {"parse": parse, "empty": empty}  # type: ignore[dict-item]


def main(app: str, port: int) -> None:
    """Serve until ended."""
    uvicorn.run(
        APPS[app],
        host=HOST,
        port=port,
        loop="auto",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
