"""The command that teaches from another system's log of exposures."""

from __future__ import annotations

import argparse
import sys

from eachwise.cli.feeds import JsonLines
from eachwise.cli.importing.events import check_rejects, tell_rejects
from eachwise.cli.importing.sending import Rejects, Sending
from eachwise.cli.where import engine_of


def import_exposures(parsed: argparse.Namespace) -> int:
    """Learn from files of exposures; exit status 1 when rows were rejected."""
    check_rejects(parsed.rejects, parsed.files)
    rejected = 0
    with engine_of(parsed) as engine:
        for file in parsed.files:
            rejects = Rejects(parsed.rejects or file.with_name(file.name + ".rejects.jsonl"))
            sending = Sending(
                engine=engine,
                file=file,
                source=JsonLines(file),
                kind="exposures",
                quiet=parsed.quiet,
            )
            progress = sending.take(rejects)
            print(f"{file}: {progress.accepted} exposures learnt", file=sys.stderr)
            rejected += tell_rejects(file, rejects)
    return 1 if rejected else 0
