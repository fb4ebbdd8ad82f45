"""``eachwise batch``: one placement decided for everybody, into a file that can be gone on with."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any

import msgspec

from eachwise.cli.where import engine_of
from eachwise.contracts.batch import PAGE_MAX, BatchRequest
from eachwise.contracts.errors import InvalidInput

PROGRESS_INTERVAL_S = 2.0
_encode = msgspec.json.Encoder().encode


class _Cursor(msgspec.Struct):
    """How far a file has come: bytes that are whole, and the number to go on after; None: nothing is left."""

    batch_id: str
    placement: str
    bytes: int = 0
    after: int | None = 0
    looked_at: int = 0
    silent: int = 0
    barred: int = 0
    sent: int = 0
    filters: dict[str, int] = {}


def batch(parsed: argparse.Namespace) -> None:
    """Decide for everybody; a run that was stopped goes on where its file ends."""
    if not 1 <= parsed.page <= PAGE_MAX:
        raise InvalidInput(f"--page: must be from 1 to {PAGE_MAX}", field="--page")
    cursor = _cursor(parsed.out, parsed.id, parsed.placement)
    request = BatchRequest(
        batch_id=parsed.id,
        placement_id=parsed.placement,
        count=parsed.count,
        context=_context(parsed.context),
    )
    filters = Counter(cursor.filters)
    with engine_of(parsed) as engine:
        begun = engine.begin_batch(request)
        if cursor.looked_at:
            _say(f"going on after {cursor.looked_at:,} of {begun.people:,} people")
        for experience_id, price in sorted(begun.prices.items()):
            _say(f"{experience_id}: an exposure costs {price:.4g}, so that its budget lasts")
        told_at = began = time.monotonic()
        first = cursor.looked_at
        with _at_its_end(parsed.out, cursor.bytes) as out:
            while cursor.after is not None:
                page = engine.batch_page(parsed.id, cursor.after, parsed.page)
                for decision in page.decisions:
                    out.write(_encode(decision) + b"\n")
                out.flush()
                filters.update(page.filters)
                cursor.bytes, cursor.after = out.tell(), page.next
                cursor.looked_at += page.looked_at
                cursor.silent += page.silent
                cursor.barred += page.barred
                cursor.sent += len(page.decisions)
                cursor.filters = dict(filters)
                _keep(parsed.out, cursor)
                if time.monotonic() - told_at >= PROGRESS_INTERVAL_S:
                    told_at = time.monotonic()
                    pace = (cursor.looked_at - first) / (told_at - began)
                    _say(f"{cursor.looked_at:,} of {begun.people:,} people, {pace:,.0f} a second")
    _summary(cursor, parsed.out)


def _summary(cursor: _Cursor, out: Path) -> None:
    print(f"{cursor.looked_at:,} people: {cursor.sent:,} decisions in {out}")
    print(f"silence was better for {cursor.silent:,}; for {cursor.barred:,} nothing was allowed")
    taken = [f"{name} {count:,}" for name, count in cursor.filters.items() if count]
    if taken:
        print(f"filtered out, experiences: {', '.join(taken)}")


def _cursor(out: Path, batch_id: str, placement: str) -> _Cursor:
    """Where a file stands. Raises ``InvalidInput`` where it is another batch's, or not ours."""
    path = _cursor_path(out)
    if not path.exists():
        if out.exists() and out.stat().st_size:
            raise InvalidInput(f"--out: {out} exists and is no batch's file", field="--out")
        return _Cursor(batch_id, placement)
    cursor = msgspec.json.decode(path.read_bytes(), type=_Cursor)
    if (cursor.batch_id, cursor.placement) != (batch_id, placement):
        raise InvalidInput(
            f"--out: {out} is of batch {cursor.batch_id!r} at {cursor.placement!r}", field="--out"
        )
    return cursor


def _cursor_path(out: Path) -> Path:
    return out.with_name(out.name + ".cursor")


def _keep(out: Path, cursor: _Cursor) -> None:
    """Write where the file stands, whole or not at all."""
    path = _cursor_path(out)
    waiting = path.with_name(path.name + ".part")
    waiting.write_bytes(_encode(cursor))
    waiting.replace(path)


def _at_its_end(out: Path, whole: int) -> IO[bytes]:
    """The file open for writing after its whole pages: what a killed run left behind them is written again."""
    if not out.exists():
        out.touch()
    file = out.open("r+b")
    file.truncate(whole)
    file.seek(whole)
    return file


def _context(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidInput(f"--context: {error}", field="--context") from None


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
