"""The command that imports a catalogue."""

from __future__ import annotations

import argparse
import sys

from eachwise.cli.feeds import items_source
from eachwise.cli.importing.events import check_rejects, tell_rejects
from eachwise.cli.importing.sending import Rejects, Sending
from eachwise.cli.where import engine_of


def import_catalog(parsed: argparse.Namespace) -> int:
    """Import items; exit status 1 when some were rejected."""
    check_rejects(parsed.rejects, parsed.files)
    rejected = 0
    with engine_of(parsed) as engine:
        for file in parsed.files:
            source = items_source(file, parsed.format)
            rejects = Rejects(parsed.rejects or file.with_name(file.name + ".rejects.jsonl"))
            sending = Sending(
                engine=engine, file=file, source=source, kind="items", quiet=parsed.quiet
            )
            progress = sending.take(rejects)
            print(f"{file}: {progress.accepted} items taken", file=sys.stderr)
            rejected += tell_rejects(file, rejects)
    return 1 if rejected else 0
