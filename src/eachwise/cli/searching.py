"""The command that searches the catalogue."""

from __future__ import annotations

import argparse
import sys

import msgspec

from eachwise.catalog.facets import filters_of
from eachwise.cli.where import engine_of
from eachwise.contracts.search import SearchResponse

FACET_VALUES_SHOWN = 5


def search(parsed: argparse.Namespace) -> None:
    """Print what answers a text."""
    with engine_of(parsed) as engine:
        found = engine.search(
            parsed.query,
            individual_id=parsed.person,
            where={**filters_of(parsed.where)},
            count=parsed.count,
        )
    if parsed.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    print("\n".join(_lines(found)))


def _lines(found: SearchResponse) -> list[str]:
    lines = [f"{found.total} items for “{found.query}”"]
    lines += [found.message] if found.message else []
    lines += [f"{count} withheld: {why}" for why, count in found.withheld.items()]
    for hit in found.results:
        lines.append(f"  {hit.score:5.2f}  {hit.item_id:24} {hit.title}")
        if hit.reasons:
            lines.append(f"         {'; '.join(hit.reasons)}")
    for name, values in found.facets.items():
        some = list(values.items())[:FACET_VALUES_SHOWN]
        lines.append(f"{name}: " + ", ".join(f"{value} ({count})" for value, count in some))
    return lines
