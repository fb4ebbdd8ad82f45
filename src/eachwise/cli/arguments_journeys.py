"""The parsers of ``eachwise journey``."""

from __future__ import annotations

import argparse
from pathlib import Path

from eachwise.cli.arguments_relating import effect
from eachwise.cli.arguments_shared import lazy, where

# As ``contracts.journey.Status``, which importing would make ``--help`` slow.
STATUSES = ("active", "holdout", "goal", "exited", "completed", "merged")


def orchestrating(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``journey`` with its verbs."""
    journey = commands.add_parser("journey", help="goals for relationships over time")
    verbs = journey.add_subparsers(required=True, metavar="VERB")
    put = verbs.add_parser("put", help="add journeys from a YAML file, or give them a next version")
    put.add_argument("file", type=Path, metavar="FILE")
    listing = verbs.add_parser("list", help="every journey with how many people stand where")
    show = verbs.add_parser("show", help="one journey, and how many people stand at each step")
    people = verbs.add_parser("people", help="who stands where in a journey")
    enter = verbs.add_parser("enter", help="begin a journey for one person")
    for command in (show, people, enter):
        command.add_argument("id", metavar="JOURNEY")
    people.add_argument("--step", metavar="STEP", help="only those at this step")
    people.add_argument("--status", choices=STATUSES, help="only those of this status")
    people.add_argument("--after", default="", metavar="INSTANCE", help="only those after this one")
    people.add_argument(
        "--limit", type=int, default=100, metavar="N", help="at most so many (default 100)"
    )
    enter.add_argument("person", metavar="PERSON", help="typed, like user:42, or a user id")
    enter.add_argument(
        "--entry-key", default="", metavar="KEY", help="tells the person's instances apart"
    )
    enter.add_argument("--properties", metavar="JSON", help="what its rules read as event.NAME")
    enter.add_argument("--request-id", metavar="ID", help="asked again with it, it begins no other")
    for command, module, function in (
        (put, "journeying", "put"),
        (listing, "journeying", "journeys"),
        (show, "journeying", "show"),
        (people, "journeying", "people"),
        (enter, "journeying", "enter"),
    ):
        command.add_argument("--json", action="store_true", help="everything, as JSON")
        where(command)
        command.set_defaults(run=lazy(module, function))
    effect(verbs)
    _simulating(verbs)


def _simulating(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``simulate``: it reads a store's file, also beside a server that writes to it."""
    simulate = verbs.add_parser("simulate", help="what journeys would have done in the last days")
    simulate.add_argument("file", type=Path, metavar="FILE")
    simulate.add_argument("--store", type=Path, metavar="PATH", required=True, help="its directory")
    simulate.add_argument("--settings", type=Path, metavar="FILE", help="TOML file of settings")
    simulate.add_argument(
        "--days", type=float, default=30.0, metavar="N", help="the log's last days (default 30)"
    )
    simulate.add_argument(
        "--share", type=float, default=1.0, metavar="S", help="of the people, 0 to 1 (default 1)"
    )
    simulate.add_argument("--people", action="store_true", help="who would get what, line by line")
    simulate.add_argument("--json", action="store_true", help="everything, as JSON")
    simulate.set_defaults(run=lazy("simulating", "simulate"))
