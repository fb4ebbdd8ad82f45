"""``eachwise recommend``: the items that a person would get now, with their reasons."""

from __future__ import annotations

import argparse
import sys

import msgspec

from eachwise.cli.where import engine_of
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.recommendation import RecommendResponse
from eachwise.identity import is_typed


def recommend(parsed: argparse.Namespace) -> None:
    """Print the items for a person."""
    typed = is_typed(parsed.id)
    with engine_of(parsed) as engine:
        found = engine.recommend(
            None if typed else parsed.id,
            individual_id=parsed.id if typed else None,
            count=parsed.count,
            cursor=parsed.cursor,
            where=_attributes(parsed.where, "--where"),
            exclude=_attributes(parsed.exclude, "--exclude"),
            repeats=parsed.repeats,
            popularity=parsed.popularity,
            diversity=parsed.diversity,
            calibration=parsed.calibration,
            similar_to=parsed.similar_to,
        )
    if parsed.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        print("\n".join(_lines(found)))


def _attributes(given: list[str], option: str) -> dict[str, str | list[str]]:
    """``name=value`` texts as attributes; a name that comes twice has both values."""
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InvalidInput(f"{option}: {text!r} is not of the form name=value", field=option)
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _lines(found: RecommendResponse) -> list[str]:
    lines = [f"{found.individual_id}: {len(found.items)} of {found.considered} items"]
    if found.fallback:
        lines[0] += f", not chosen for this person: {found.fallback}"
    for item in found.items:
        drawn = "" if item.deterministic else f", drawn with probability {item.probability:.3f}"
        words = "; ".join(item.reasons) or "nothing speaks against it"
        lines.append(f"  {item.score:7.2f}  {item.item_id}  {item.title}".rstrip())
        lines.append(f"           {words}{drawn}")
    if found.cursor:
        lines.append(f"next page: --cursor {found.cursor}")
    return lines
