"""Server-sent events: a page hears of what waits for its person, as soon as it does.

``id`` is the message's id, ``event`` is ``message``, ``data`` the decision as ``/v1/decide`` answers it. What was
handed to an open stream is taken up; after a lost connection the browser names the last id it had, and gets the rest.
So that it always has one, the stream begins with an id that stands for its moment, and so does each sign of life: of
the first message, too, nobody knows whether the page still had it.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping, Sequence
from typing import Any

import msgspec

from eachwise.contracts.decision import Decided
from eachwise.contracts.errors import Unavailable
from eachwise.flow.drive import arun
from eachwise.service.answers import Answer, Header, Send
from eachwise.service.bodies import Receive
from eachwise.service.call import Call
from eachwise.service.ports_delivery import Streams

HEARTBEAT_S = 15.0
RETRY_MS = 3000
LIMIT = "too many event streams are open"
_HEAD: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # A proxy that collects answers would hold events back.
    (b"x-accel-buffering", b"no"),
)
_encode = msgspec.json.Encoder().encode


class Stream(Answer):
    """An answer that goes on until the page leaves."""

    receive: Receive
    streams: Streams
    individual_id: str
    last_id: str = ""
    heartbeat_s: float = HEARTBEAT_S

    async def send(self, send: Send, more: Sequence[Header] = ()) -> None:
        """Head, what waits now, then what comes; an id alone where nothing does, so that proxies keep it open."""
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEAD, *more]})
        news = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop = self.streams.listen(self.individual_id, lambda: loop.call_soon_threadsafe(news.set))
        gone = asyncio.ensure_future(_gone(self.receive))
        try:
            after = self.last_id
            begin = "" if after else f"id: {self.streams.mark()}\n"
            await _write(send, f"retry: {RETRY_MS}\n{begin}\n".encode())
            while not (gone.done() or self.streams.ended):
                news.clear()
                for message_id, decided in await arun(self.streams.take(self.individual_id, after)):
                    await _write(send, _event(decided, message_id))
                after = ""
                await _either(news, gone, self.heartbeat_s)
                if not news.is_set() and not gone.done():
                    await _write(send, f"id: {self.streams.mark()}\n\n".encode())
        finally:
            stop()
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})


async def stream(call: Call) -> Answer:
    """The stream of whom the query names. Raises ``InvalidInput`` for nobody, ``Unavailable`` at the limit."""
    streams = call.core.delivery.streams
    if streams.open >= call.settings.delivery.streams_max:
        raise Unavailable(LIMIT, retry_after_s=RETRY_MS // 1000)
    individual_id = streams.person(
        call.text("userId") or None,
        call.text("anonymousId") or None,
        call.text("individual") or None,
    )
    return Stream(
        body=b"",
        receive=call.receive,
        streams=streams,
        individual_id=individual_id,
        last_id=call.headers.get(b"last-event-id", b"").decode("utf-8", "replace"),
    )


def _event(decided: Decided, message_id: str) -> bytes:
    return b"id: %b\nevent: message\ndata: %b\n\n" % (message_id.encode(), _encode(decided))


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Until the page leaves, or the server stops."""
    message: MutableMapping[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = await receive()


async def _either(news: asyncio.Event, gone: asyncio.Future[None], wait_s: float) -> None:
    """Until there is news, the page is gone, or it is time for a sign of life."""
    waiting = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait((waiting, gone), timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
