"""Running the application: bind, serve, stop cleanly on SIGINT or SIGTERM."""

from __future__ import annotations

import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from eachwise.contracts.errors import InvalidInput, Unavailable
from eachwise.contracts.keys import Keys
from eachwise.service.app import create_app
from eachwise.service.ports import Core
from eachwise.settings import Settings

# Open requests get this long to end once a stop is asked for.
GRACE_S = 10
BACKLOG = 2048
# Young objects before a pass, and passes before the next generation's: full ones become rare.
GC_THRESHOLDS = (50_000, 50, 1000)
# How long work on the executor (audiences, new versions) may keep the interpreter from a request; Python's own is 5 ms.
SWITCH_INTERVAL_S = 0.001
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_server(
    open_core: Callable[[], AbstractContextManager[Core]],
    *,
    keys: Keys,
    settings: Settings,
    host: str,
    port: int,
    announce: Callable[[str], None],
) -> None:
    """Bind, open the core, serve it until a stop is asked for, and close it.

    Raises ``InvalidInput`` where the address cannot be bound, before the core is opened.
    """
    with bound(host, port) as listening, open_core() as core:
        app = create_app(core, keys, settings)
        _serve_on(listening, app, announce, core.delivery.streams.end)


def serve(app: ASGIApp, host: str, port: int, on_started: Callable[[str], None]) -> None:
    """Serve an application; ``on_started`` gets its URL once it answers. Port 0 takes a free one."""
    with bound(host, port) as listening:
        _serve_on(listening, app, on_started)


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to the address. Raises ``InvalidInput`` where that cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidInput(
            f"host: cannot listen on {host}: {error.strerror}", field="host"
        ) from None
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise InvalidInput(
                f"port: cannot listen on {host}:{port}: {error.strerror}", field="port"
            ) from None
        yield listening


class _Server(uvicorn.Server):
    """A server that says when it has started, and when it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None],
        on_stopping: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so first: what is open for good would otherwise be waited for."""
        self._on_stopping()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_started()


def _rarely_collect() -> None:
    """Keep garbage collection out of requests' way: a full pass over decoded people takes a quarter of a second.

    What is loaded by now stays; states form no cycles, so that counting references frees nearly everything.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _nothing() -> None:
    """Nothing is open for good."""


def _serve_on(
    listening: socket.socket,
    app: ASGIApp,
    on_started: Callable[[str], None],
    on_stopping: Callable[[], None] = _nothing,
) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="auto",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
    )
    _rarely_collect()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    server = _Server(config, lambda: on_started(url), on_stopping)
    with _stopping(server):
        try:
            server.run(sockets=[listening])
        except SystemExit:
            raise Unavailable("the service could not start; its log says why") from None


@contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """SIGINT and SIGTERM stop the server and nothing else: what opened it then closes in order.

    uvicorn raises a captured signal once more when it has stopped; this handler takes that too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {one: signal.signal(one, stop) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
