"""The HTTP API: one table of routes over the engine's core, and the server that answers them."""

from eachwise.service.app import create_app
from eachwise.service.ports import Core
from eachwise.service.server import run_server, serve

__all__ = ["Core", "create_app", "run_server", "serve"]
