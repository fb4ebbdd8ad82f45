"""The parser of ``eachwise stages``, and what ``eachwise journey effect`` understands."""

from __future__ import annotations

import argparse

from eachwise.cli.arguments_shared import lazy, where


def relating(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    stages = commands.add_parser(
        "stages", help="how people move from stage to stage: everybody, or one person"
    )
    stages.add_argument("--individual", metavar="ID", help="one person's stages, move by move")
    stages.add_argument("--since", metavar="DAY", help="like 2026-09-01 (default: twelve periods)")
    stages.add_argument("--until", metavar="DAY", help="the day after the last (default: today)")
    stages.add_argument(
        "--period", choices=["day", "week", "30days"], default="week", help="(default week)"
    )
    stages.add_argument("--json", action="store_true", help="everything, as JSON")
    where(stages)
    stages.set_defaults(run=lazy("relating", "stages"))


def effect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``effect`` to the commands of ``eachwise journey``."""
    command = commands.add_parser(
        "effect", help="what a journey changed against its holdout, with intervals"
    )
    command.add_argument("id", metavar="JOURNEY")
    command.add_argument("--json", action="store_true", help="everything, as JSON")
    where(command)
    command.set_defaults(run=lazy("relating", "effect"))
