"""Commands that bring data in: history, a catalogue, definitions."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from eachwise.adapters.remote import RemoteEngine
from eachwise.bootstrap import Engine
from eachwise.catalog import parse_definitions
from eachwise.cli.where import engine_of
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.ports import ImportProgress

ROWS_A_REQUEST = 200
BYTES_A_REQUEST = 1 << 20
DIGEST_CHUNK_BYTES = 1 << 20
PROGRESS_INTERVAL_S = 0.5
CATALOG_LINES_A_REQUEST = 2000


def import_events(parsed: argparse.Namespace) -> int:
    """Import files of events; exit status 1 when rows were rejected."""
    if parsed.rejects is not None and len(parsed.files) > 1:
        raise InvalidInput(
            "--rejects: works with one file; leave it out to get one for each", field="rejects"
        )
    rejected = 0
    with engine_of(parsed) as engine:
        for file in parsed.files:
            progress = take_file(engine, file, quiet=parsed.quiet)
            rejected += progress.rejected
            if progress.rejected:
                target = parsed.rejects or file.with_name(file.name + ".rejects.jsonl")
                _write_rejects(engine, source_of(file, progress.digest), target)
                print(
                    f"{file}: {progress.rejected} rows rejected; reasons in {target}",
                    file=sys.stderr,
                )
    return 1 if rejected else 0


def take_file(engine: Engine | RemoteEngine, file: Path, *, quiet: bool = False) -> ImportProgress:
    """Import one JSON Lines file from wherever it stopped, in order; returns how far it is taken."""
    digest = _digest(file)
    progress = engine.import_progress(digest)
    size = file.stat().st_size
    started = shown = time.monotonic()
    first = progress.next_row
    if progress.finished:
        _say(f"{file}: already imported ({progress.next_row} rows)", quiet)
        return progress
    if first:
        _say(f"{file}: resuming at row {first}", quiet)
    for first_row, rows, position in _slices(file, first):
        progress = engine.import_rows(digest, source_of(file, digest), first_row, rows, False)
        if time.monotonic() - shown >= PROGRESS_INTERVAL_S:
            shown = time.monotonic()
            rate = (progress.next_row - first) / (shown - started)
            _say(
                f"{file}: {progress.next_row} rows, {100 * position / size:.0f} %, {rate:.0f} rows/s",
                quiet,
            )
    progress = engine.import_rows(digest, source_of(file, digest), progress.next_row, [], True)
    took_s = time.monotonic() - started
    _say(
        f"{file}: done, {progress.accepted} accepted, {progress.rejected} rejected, {took_s:.1f} s",
        quiet,
    )
    return progress


def source_of(file: Path, digest: str) -> str:
    """How the rejects of a file are named in the store."""
    return f"{file.name}#{digest[:12]}"


def import_catalog(parsed: argparse.Namespace) -> int:
    """Import items; exit status 1 when lines were rejected."""
    failed = 0
    with engine_of(parsed) as engine:
        for file in parsed.files:
            offset = 0
            accepted = 0
            for lines in _line_blocks(file, CATALOG_LINES_A_REQUEST):
                receipt = engine.put_items(b"".join(lines))
                accepted += receipt.accepted
                for item in receipt.rejected:
                    failed += 1
                    print(
                        f"{file}:{offset + item.line}: {item.field}: {item.reason}", file=sys.stderr
                    )
                offset += len(lines)
            print(f"{file}: {accepted} items taken", file=sys.stderr)
    return 1 if failed else 0


def define(parsed: argparse.Namespace) -> None:
    """Replace experiences and placements by a file's; with ``--check`` only validate it."""
    document = _read(parsed.file)
    parsed_definitions = parse_definitions(document)
    words = f"{len(parsed_definitions.experiences)} experiences in {len(parsed_definitions.placements)} placements"
    if parsed.check:
        print(f"{parsed.file}: valid, {words}")
        return
    with engine_of(parsed) as engine:
        definitions = engine.define(document)
    print(f"{parsed.file}: {words}, version {definitions.version}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", field="file") from None


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(DIGEST_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", field="file") from None
    return digest.hexdigest()


def _slices(file: Path, first_row: int) -> Iterator[tuple[int, list[bytes], int]]:
    """(first row, rows, bytes read so far) from a row on, bounded in rows and bytes."""
    rows: list[bytes] = []
    held = position = 0
    start = first_row
    with file.open("rb") as stream:
        for number, line in enumerate(stream):
            position += len(line)
            if number < first_row:
                continue
            rows.append(line.rstrip(b"\r\n"))
            held += len(line)
            if len(rows) >= ROWS_A_REQUEST or held >= BYTES_A_REQUEST:
                yield start, rows, position
                start, rows, held = number + 1, [], 0
    if rows:
        yield start, rows, position


def _line_blocks(file: Path, lines_max: int) -> Iterator[list[bytes]]:
    try:
        with file.open("rb") as stream:
            block: list[bytes] = []
            for line in stream:
                block.append(line)
                if len(block) >= lines_max:
                    yield block
                    block = []
            if block:
                yield block
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", field="file") from None


def _write_rejects(engine: Engine | RemoteEngine, source: str, target: Path) -> None:
    after = 0
    with target.open("wb") as stream:
        while page := engine.rejections(after, 500):
            for rejection in page:
                after = rejection.number
                if rejection.source == source:
                    stream.write(msgspec.json.encode(rejection) + b"\n")


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, file=sys.stderr)
