"""What can be shown and done: items, their index, the operator's definitions. Pure functions."""

from eachwise.catalog.definitions import (
    definitions_as_json,
    experiences_from,
    groups_gone,
    parse_definitions,
    placements_from,
)
from eachwise.catalog.index import build_index, select, showable
from eachwise.catalog.items import parse_item, parse_items, values_of, values_of_item
from eachwise.catalog.patch import patch_index

__all__ = [
    "build_index",
    "definitions_as_json",
    "experiences_from",
    "groups_gone",
    "parse_definitions",
    "parse_item",
    "parse_items",
    "patch_index",
    "placements_from",
    "select",
    "showable",
    "values_of",
    "values_of_item",
]
