"""The command that imports history."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from eachwise.cli.feeds import JsonLines, Source, TableEvents, read_mapping
from eachwise.cli.importing.sending import AnyEngine, Rejects, Sending
from eachwise.cli.where import engine_of
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.ports import ImportProgress

TABLES = (".csv", ".tsv", ".parquet", ".pq")


def import_events(parsed: argparse.Namespace) -> int:
    """Import files of events; exit status 1 when rows were rejected."""
    check_rejects(parsed.rejects, parsed.files)
    rejected = 0
    with engine_of(parsed) as engine:
        for file in parsed.files:
            source = events_source(file, parsed.mapping)
            rejects = Rejects(parsed.rejects or file.with_name(file.name + ".rejects.jsonl"))
            sending = Sending(
                engine=engine, file=file, source=source, kind="events", quiet=parsed.quiet
            )
            sending.take(rejects)
            rejected += tell_rejects(file, rejects)
    return 1 if rejected else 0


def events_source(file: Path, mapping: Path | None) -> Source:
    """The events of a file: a table by its mapping, else JSON Lines."""
    if mapping is not None:
        return TableEvents(file, *read_mapping(mapping))
    if file.suffix.lower() in TABLES:
        raise InvalidInput(
            f"--mapping: {file} is a table; a mapping file says which of its columns are what",
            field="mapping",
        )
    return JsonLines(file)


def take_file(engine: AnyEngine, file: Path, *, quiet: bool = False) -> ImportProgress:
    """Import one file of JSON Lines from wherever it stopped, in order; returns how far it is taken."""
    source = JsonLines(file)
    return Sending(engine=engine, file=file, source=source, kind="events", quiet=quiet).take()


def check_rejects(target: Path | None, files: list[Path]) -> None:
    """One file of rejects cannot hold those of several files."""
    if target is not None and len(files) > 1:
        raise InvalidInput(
            "--rejects: works with one file; leave it out to get one for each", field="rejects"
        )


def tell_rejects(file: Path, rejects: Rejects) -> int:
    """Say where a file's rejects are; returns how many there are."""
    if rejects.count:
        print(
            f"{file}: {rejects.count} rows rejected; reasons in {rejects.target}", file=sys.stderr
        )
    return rejects.count
