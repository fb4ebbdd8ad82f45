"""Commands that ask of models: their versions, and for whom an item matters."""

from __future__ import annotations

import argparse
import sys

import msgspec

from eachwise.cli.where import engine_of
from eachwise.contracts.audience import Audience
from eachwise.contracts.training import ModelView


def models(parsed: argparse.Namespace) -> None:
    """Print the newest versions of every model."""
    with engine_of(parsed) as engine:
        views = engine.models(parsed.limit)
    if parsed.json:
        _print_json(views)
        return
    for view in views:
        print(_line(view))


def show(parsed: argparse.Namespace) -> None:
    """Print one version: what training said of it, and its whole report as JSON."""
    with engine_of(parsed) as engine:
        view = engine.model(parsed.name, parsed.version)
    print("\n".join([_line(view), *view.summary[1:]]))
    if view.report:
        _print_json(view.report)


def rollback(parsed: argparse.Namespace) -> None:
    """Publish an older version once more."""
    with engine_of(parsed) as engine:
        view = engine.rollback(parsed.name, parsed.version)
    print(f"{parsed.name} {parsed.version} is in use again, as version {view.version}")


def audience(parsed: argparse.Namespace) -> None:
    """Print for whom an item matters, and how everyone else was left out."""
    with engine_of(parsed) as engine:
        found = engine.audience(
            parsed.item,
            parsed.reason,
            limit=parsed.limit,
            min_score=parsed.min_score,
            purpose=parsed.purpose,
            channel=parsed.channel,
            repeats=parsed.repeats,
        )
    if parsed.json:
        _print_json(found)
        return
    print("\n".join(audience_lines(found)))


def audience_lines(found: Audience) -> list[str]:
    """An audience in words."""
    lines = []
    for member in found.members:
        did = [word for word in ("viewed", "added", "bought") if getattr(member, word)]
        why = "; ".join([*(f"{word} it" for word in did), *member.reasons])
        lines.append(f"{member.individual_id:32} {member.score:+7.2f}  {why}")
    left_out = ", ".join(f"{count:,} {why}" for why, count in found.left_out.items() if count)
    counted = f"{found.considered:,} considered, {found.scored:,} scored in full"
    lines.append(f"{counted}, {len(found.members):,} listed; left out: {left_out or 'nobody'}")
    return lines


def _line(view: ModelView) -> str:
    mark = "*" if view.in_use else " "
    said = view.summary[0] if view.summary else ""
    size = f"{view.size_bytes / 1024:,.0f} KiB"
    return f"{mark} {view.name:10} {view.version:>6}  {view.created}  {size:>12}  {said}".rstrip()


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
