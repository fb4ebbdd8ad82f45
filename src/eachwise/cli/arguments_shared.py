"""What parsers of commands share: a command that is imported when it runs, and the options that say where it works."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

Command = Callable[[argparse.Namespace], int | None]


def lazy(module: str, function: str) -> Command:
    """A command whose module is imported when it runs."""

    def command(parsed: argparse.Namespace) -> int | None:
        run: Command = getattr(import_module(f"eachwise.cli.{module}"), function)
        return run(parsed)

    return command


def where(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``engine_of``: a server, or a store of its own."""
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--url",
        default=os.environ.get("EACHWISE_URL"),
        help="a running server, like http://127.0.0.1:8080 (or EACHWISE_URL)",
    )
    places.add_argument(
        "--store", type=Path, metavar="PATH", help="the store's directory, when no server runs"
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("EACHWISE_SECRET_KEY"),
        help="the server's secret key (or EACHWISE_SECRET_KEY)",
    )
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file of settings (with --store)"
    )
