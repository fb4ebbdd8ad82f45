"""What the command line understands. Only argparse is imported here, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

Command = Callable[[argparse.Namespace], int | None]


def _lazy(module: str, function: str) -> Command:
    """A command whose module is imported when it runs."""

    def command(parsed: argparse.Namespace) -> int | None:
        run: Command = getattr(import_module(f"eachwise.cli.{module}"), function)
        return run(parsed)

    return command


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command, each with its ``run``."""
    parser = argparse.ArgumentParser(
        prog="eachwise", description="Decides the next best experience for each individual."
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _serving(commands)
    _importing(commands)
    _asking(commands)
    _proving(commands)
    return parser


def _version() -> str:
    from eachwise import __version__

    return f"eachwise {__version__}"


def _serving(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser("serve", help="start the service over an embedded store")
    serve.add_argument(
        "--store", type=Path, required=True, metavar="PATH", help="directory of the store"
    )
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)"
    )
    serve.add_argument(
        "--port", type=int, default=8080, metavar="N", help="port (default 8080; 0 = a free one)"
    )
    serve.add_argument("--settings", type=Path, metavar="FILE", help="TOML file of settings")
    serve.add_argument(
        "--write-key", default=os.environ.get("EACHWISE_WRITE_KEY"), help="use this write key"
    )
    serve.add_argument(
        "--secret-key", default=os.environ.get("EACHWISE_SECRET_KEY"), help="use this secret key"
    )
    serve.set_defaults(run=_lazy("serving", "serve"))
    demo = commands.add_parser("demo", help="a live shop that decides for each of its visitors")
    demo.add_argument("--port", type=int, default=8080, metavar="N", help="port (default 8080)")
    demo.add_argument(
        "--store", type=Path, metavar="PATH", help="keep the store here (default: a temporary one)"
    )
    demo.add_argument(
        "--people", type=int, default=3000, metavar="N", help="inhabitants (default 3000)"
    )
    demo.add_argument(
        "--days", type=int, default=60, metavar="N", help="days of history (default 60)"
    )
    demo.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the world's seed (default 1)"
    )
    demo.set_defaults(run=_lazy("demonstrating", "demo"))


def _where(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--url",
        default=os.environ.get("EACHWISE_URL"),
        help="a running server, like http://127.0.0.1:8080 (or EACHWISE_URL)",
    )
    where.add_argument(
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


def _importing(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    take = commands.add_parser("import", help="take history or a catalogue from files")
    kinds = take.add_subparsers(required=True, metavar="KIND")
    events = kinds.add_parser(
        "events", help="JSON Lines of events in Segment's shape; resumes where it stopped"
    )
    events.add_argument("files", type=Path, nargs="+", metavar="FILE")
    events.add_argument(
        "--rejects", type=Path, metavar="FILE", help="where rejects go (default FILE.rejects.jsonl)"
    )
    events.add_argument("--quiet", action="store_true", help="no progress")
    _where(events)
    events.set_defaults(run=_lazy("importing", "import_events"))
    catalog = kinds.add_parser("catalog", help="JSON Lines of items")
    catalog.add_argument("files", type=Path, nargs="+", metavar="FILE")
    _where(catalog)
    catalog.set_defaults(run=_lazy("importing", "import_catalog"))
    define = commands.add_parser("define", help="replace experiences and placements by a YAML file")
    define.add_argument("file", type=Path, metavar="FILE")
    define.add_argument(
        "--check", action="store_true", help="validate only; needs no server or store"
    )
    _where(define)
    define.set_defaults(run=_lazy("importing", "define"))


def _asking(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, argument, words in (
        ("individual", "ID", "who a person is to us: tastes in words, with their evidence"),
        ("explain", "DECISION", "why a decision was made, in words, and what came back"),
        ("replay", "DECISION", "recompute a decision from its record and compare"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("id", metavar=argument)
        command.add_argument("--json", action="store_true", help="everything, as JSON")
        _where(command)
        command.set_defaults(run=_lazy("asking", name))
    unmerge = commands.add_parser("unmerge", help="declare two identifiers to be two people")
    unmerge.add_argument("left", metavar="ID", help="typed, like user:42")
    unmerge.add_argument("right", metavar="ID", help="typed, like anon:abc")
    _where(unmerge)
    unmerge.set_defaults(run=_lazy("asking", "unmerge"))
    rejections = commands.add_parser(
        "rejections", help="events that were turned away, with reasons"
    )
    rejections.add_argument(
        "--after", type=int, default=0, metavar="N", help="only after this number"
    )
    rejections.add_argument(
        "--limit", type=int, default=100, metavar="N", help="at most so many (default 100)"
    )
    _where(rejections)
    rejections.set_defaults(run=_lazy("asking", "rejections"))
    status = commands.add_parser("status", help="counts and versions")
    _where(status)
    status.set_defaults(run=_lazy("asking", "status"))


def _proving(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    prove = commands.add_parser("prove", help="individuals against segments, with intervals")
    proofs = prove.add_subparsers(required=True, metavar="PROOF")
    world = proofs.add_parser("world", help="in a simulated shop whose truth is known")
    world.add_argument("--seeds", type=int, default=5, metavar="N", help="worlds (default 5)")
    world.add_argument(
        "--decisions",
        type=int,
        default=5_000,
        metavar="N",
        help="visits, and so decisions, a world (default 5000)",
    )
    world.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    world.set_defaults(run=_lazy("proving", "prove_world"))
    movielens = proofs.add_parser("movielens", help="on MovieLens-1M's interactions")
    movielens.add_argument(
        "path", type=Path, metavar="PATH", help="folder with interactions.parquet, users.csv"
    )
    movielens.add_argument(
        "--users", type=int, metavar="N", help="only N people, drawn at random (seeded)"
    )
    movielens.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    movielens.set_defaults(run=_lazy("proving", "prove_movielens"))
    bench = commands.add_parser("bench", help="what the parts cost, each beside its yardstick")
    bench.add_argument("name", choices=["ingest", "decide", "start", "memory", "all"])
    bench.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    bench.set_defaults(run=_lazy("proving", "bench"))
