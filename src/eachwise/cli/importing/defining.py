"""The command that replaces experiences and placements."""

from __future__ import annotations

import argparse
from pathlib import Path

from eachwise.cli.feeds.rows import unreadable
from eachwise.cli.where import engine_of
from eachwise.flow.templates import read_definitions


def define(parsed: argparse.Namespace) -> None:
    """Replace experiences and placements by a file's; with ``--check`` only validate it."""
    document = _read(parsed.file)
    definitions = read_definitions(document)
    words = (
        f"{len(definitions.experiences)} experiences in {len(definitions.placements)} placements"
    )
    if parsed.check:
        print(f"{parsed.file}: valid, {words}")
        return
    with engine_of(parsed) as engine:
        version = engine.define(document).version
    print(f"{parsed.file}: {words}, version {version}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from None
