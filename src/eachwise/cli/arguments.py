"""What the command line understands. Only argparse is imported here, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from eachwise.cli.arguments_journeys import orchestrating
from eachwise.cli.arguments_measure import measuring
from eachwise.cli.arguments_proofs import proving
from eachwise.cli.arguments_relating import relating
from eachwise.cli.arguments_sending import sending
from eachwise.cli.arguments_shared import lazy as _lazy
from eachwise.cli.arguments_shared import where as _where


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
    _training(commands)
    measuring(commands)
    relating(commands)
    orchestrating(commands)
    sending(commands)
    proving(commands)
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


def _importing(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    take = commands.add_parser("import", help="take history or a catalogue from files")
    kinds = take.add_subparsers(required=True, metavar="KIND")
    events = kinds.add_parser(
        "events", help="events from JSON Lines, CSV or Parquet; resumes where it stopped"
    )
    events.add_argument("files", type=Path, nargs="+", metavar="FILE")
    events.add_argument(
        "--mapping", type=Path, metavar="FILE", help="YAML: which columns of a table are what"
    )
    events.add_argument(
        "--rejects", type=Path, metavar="FILE", help="where rejects go (default FILE.rejects.jsonl)"
    )
    events.add_argument("--quiet", action="store_true", help="no progress")
    _where(events)
    events.set_defaults(run=_lazy("importing", "import_events"))
    catalog = kinds.add_parser(
        "catalog", help="items from JSON Lines or a Google Merchant feed; resumes where it stopped"
    )
    catalog.add_argument("files", type=Path, nargs="+", metavar="FILE")
    catalog.add_argument(
        "--format",
        choices=["jsonl", "google-xml", "google-tsv"],
        help="what the files are (default: by their ending)",
    )
    catalog.add_argument(
        "--rejects", type=Path, metavar="FILE", help="where rejects go (default FILE.rejects.jsonl)"
    )
    catalog.add_argument("--quiet", action="store_true", help="no progress")
    _where(catalog)
    catalog.set_defaults(run=_lazy("importing", "import_catalog"))
    exposures = kinds.add_parser(
        "exposures", help="another system's log of what was shown; resumes where it stopped"
    )
    exposures.add_argument("files", type=Path, nargs="+", metavar="FILE")
    exposures.add_argument(
        "--rejects", type=Path, metavar="FILE", help="where rejects go (default FILE.rejects.jsonl)"
    )
    exposures.add_argument("--quiet", action="store_true", help="no progress")
    _where(exposures)
    exposures.set_defaults(run=_lazy("importing", "import_exposures"))
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
        ("consent", "ID", "what a person said about being reached, when, and what follows"),
        ("explain", "DECISION", "why a decision was made, in words, and what came back"),
        ("replay", "DECISION", "recompute a decision from its record and compare"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("id", metavar=argument)
        command.add_argument("--json", action="store_true", help="everything, as JSON")
        if name == "explain":
            command.add_argument(
                "--for", dest="reader", choices=["operator", "person"], default="operator",
                help="for whom: the operator (default), or the person",
            )  # fmt: skip
        _where(command)
        command.set_defaults(run=_lazy("asking", name))
    _why(commands)
    _recommending(commands)
    search = commands.add_parser("search", help="what answers a text, in a person's order")
    search.add_argument("query", metavar="QUERY")
    search.add_argument(
        "--person", metavar="ID", help="in whose order; typed, like user:42 (default: nobody's)"
    )
    search.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="ATTRIBUTE:VALUE",
        help="only items that carry this; may be repeated",
    )
    search.add_argument(
        "--count", type=int, default=10, metavar="N", help="at most so many (default 10)"
    )
    search.add_argument("--json", action="store_true", help="everything, as JSON")
    _where(search)
    search.set_defaults(run=_lazy("searching", "search"))
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


def _why(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    why = commands.add_parser("why", help="a person's decisions, and why this did (not) show")
    why.add_argument("id", metavar="INDIVIDUAL", help="typed, like user:42, or an id as sent")
    why.add_argument("experience", nargs="?", metavar="EXPERIENCE", help="what became of this one")
    why.add_argument("--placement", metavar="ID", help="only decisions for this placement")
    why.add_argument("--limit", type=int, default=3, metavar="N", help="decisions (default 3)")
    why.add_argument("--before", metavar="DECISION", help="only older ones")
    why.add_argument("--json", action="store_true", help="everything, as JSON")
    _where(why)
    why.set_defaults(run=_lazy("asking", "why"))


def _recommending(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    recommend = commands.add_parser("recommend", help="the items that a person would get now")
    recommend.add_argument("id", metavar="ID", help="typed, like user:42, or a user id")
    recommend.add_argument(
        "--count", type=int, default=12, metavar="N", help="items (default 12, at most 200)"
    )
    for option in ("--where", "--exclude"):
        recommend.add_argument(
            option,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"{'only' if option == '--where' else 'no'} items with this value; may come again",
        )
    recommend.add_argument("--similar-to", metavar="ITEM", help="items like this one")
    recommend.add_argument(
        "--repeats", choices=["never", "allowed", "learnt"], default="learnt", help="what was had"
    )
    recommend.add_argument(
        "--popularity", type=float, default=0.0, metavar="X", help="-1 long tail … 1 popular"
    )
    recommend.add_argument("--diversity", type=float, metavar="X", help="0 … 1")
    recommend.add_argument("--calibration", type=float, metavar="X", help="0 … 1")
    recommend.add_argument("--cursor", metavar="TOKEN", help="of the page before")
    recommend.add_argument("--json", action="store_true", help="everything, as JSON")
    _where(recommend)
    recommend.set_defaults(run=_lazy("recommending", "recommend"))


def _training(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser("train", help="train models of taste from all events, and publish")
    _where(train)
    train.add_argument(
        "--work", type=Path, metavar="DIR", help="where what was read and fitted is kept"
    )
    train.add_argument(
        "--memory-mb",
        type=int,
        metavar="N",
        help="what one fit may take (default: half of what is free)",
    )
    train.add_argument("--no-net", action="store_true", help="leave the recurrent network out")
    train.add_argument(
        "--minutes", type=float, metavar="N", help="how long the network may train (default 30)"
    )
    train.add_argument("--dry-run", action="store_true", help="train and report; publish nothing")
    train.add_argument(
        "--force", action="store_true", help="publish a model that is worse than the one in use"
    )
    train.set_defaults(run=_lazy("training", "train"))
    models = commands.add_parser("models", help="versions of models: list, show, roll back")
    verbs = models.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="the newest versions of every model")
    listing.add_argument(
        "--limit", type=int, default=5, metavar="N", help="versions of each (default 5)"
    )
    listing.add_argument("--json", action="store_true", help="everything, as JSON")
    show = verbs.add_parser("show", help="one version with its report")
    rollback = verbs.add_parser("rollback", help="publish an older version once more")
    for command, words in ((show, "the version"), (rollback, "the version; 0: nothing trained")):
        command.add_argument("name", metavar="NAME", help="the model, like trained")
        command.add_argument("version", type=int, metavar="VERSION", help=words)
    for command, function in ((listing, "models"), (show, "show"), (rollback, "rollback")):
        _where(command)
        command.set_defaults(run=_lazy("versions", function))
    _for_everybody(commands)


def _for_everybody(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    audience = commands.add_parser("audience", help="for whom an item matters")
    audience.add_argument("item", metavar="ITEM")
    audience.add_argument(
        "--reason", choices=["new", "restock", "discount"], default="new", help="(default new)"
    )
    audience.add_argument(
        "--limit", type=int, default=20, metavar="N", help="at most so many (default 20)"
    )
    audience.add_argument(
        "--min-score", type=float, default=0.0, metavar="X", help="log units above someone unknown"
    )
    audience.add_argument("--purpose", metavar="NAME", help="only who may be contacted for it")
    audience.add_argument("--channel", metavar="NAME", help="and there (with --purpose)")
    audience.add_argument(
        "--repeats", choices=["never", "allowed", "learnt"], default="learnt", help="who bought it"
    )
    audience.add_argument("--json", action="store_true", help="everything, as JSON")
    _where(audience)
    audience.set_defaults(run=_lazy("versions", "audience"))
    batch = commands.add_parser("batch", help="decide a placement for everybody: a mailing")
    batch.add_argument("placement", metavar="PLACEMENT")
    batch.add_argument(
        "--id",
        required=True,
        metavar="ID",
        help="the batch's name: once begun, always the same decisions",
    )
    batch.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="where decisions go, a line of JSON each",
    )
    batch.add_argument(
        "--count", type=int, metavar="N", help="items in each (default: as declared)"
    )
    batch.add_argument("--context", metavar="JSON", help="what is known of the moment")
    batch.add_argument(
        "--page",
        type=int,
        default=100,
        metavar="N",
        help="people a request, at most 500 (default 100)",
    )
    _where(batch)
    batch.set_defaults(run=_lazy("batching", "batch"))
