"""What found items have in common: narrowing them to attributes, and counting the values that they carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex, Ints
from eachwise.contracts.errors import InvalidInput

# Bounds of an answer: attributes, and values of each, the commonest first.
ATTRIBUTES_MAX = 20
VALUES_MAX = 50


def filters_of(texts: Iterable[str]) -> dict[str, list[str]]:
    """Filters as people type them, ``category:fish`` each: attribute → its values, which are alternatives.

    Raises ``InvalidInput`` for what is no attribute and value.
    """
    where: dict[str, list[str]] = {}
    for text in texts:
        name, separator, value = text.partition(":")
        if not (name and separator and value):
            raise InvalidInput(
                f"where: {text[:100]!r} is not an attribute and a value, like category:fish",
                field="where",
            )
        where.setdefault(name, []).append(value)
    return where


def attribute_spans(index: CatalogIndex) -> dict[str, tuple[int, int]]:
    """Attribute → [first, last) of its columns; values are sorted, so they stand together. To be kept for a version."""
    spans: dict[str, tuple[int, int]] = {}
    for column, value in enumerate(index.values):
        name = value.partition("=")[0]
        first, _ = spans.get(name, (column, column))
        spans[name] = (first, column + 1)
    return spans


def narrowed(
    index: CatalogIndex,
    rows: Ints,
    where: Mapping[str, Sequence[str]],
    spans: Mapping[str, tuple[int, int]],
) -> tuple[Bools, dict[str, dict[str, int]]]:
    """Which of the rows carry one of the values of every attribute in ``where``, (M,); and the facets.

    Facets: attribute → value → how many of those rows carry it, the commonest first. An attribute in ``where`` is
    counted without its own condition, so that its other values can be chosen.
    """
    lengths = index.indptr[rows + 1] - index.indptr[rows]
    owner = np.repeat(np.arange(len(rows)), lengths)
    begins = np.cumsum(lengths) - lengths
    at = np.repeat(index.indptr[rows] - begins, lengths) + np.arange(len(owner))
    columns = index.indices[at]
    holds = {
        name: _holding(index, owner, columns, len(rows), name, values)
        for name, values in where.items()
    }
    kept = _all(holds.values(), len(rows))
    counts = np.bincount(columns[kept[owner]], minlength=len(index.values))
    for name in where:
        if name in spans:
            first, last = spans[name]
            others = _all((mask for each, mask in holds.items() if each != name), len(rows))
            counts[first:last] = np.bincount(columns[others[owner]], minlength=len(index.values))[
                first:last
            ]
    return kept, _named(index, counts, spans)


def _holding(
    index: CatalogIndex, owner: Ints, columns: Ints, size: int, name: str, values: Sequence[str]
) -> Bools:
    """Which rows carry one of the values of an attribute, (M,)."""
    meant = np.zeros(len(index.values), dtype=np.bool_)
    for value in values:
        column = index.value_of.get(f"{name}={value}")
        if column is not None:
            meant[column] = True
    holds: Bools = np.bincount(owner[meant[columns]], minlength=size) > 0
    return holds


def _all(masks: Iterable[Bools], size: int) -> Bools:
    found = np.ones(size, dtype=np.bool_)
    for mask in masks:
        found &= mask
    return found


def _named(
    index: CatalogIndex, counts: Ints, spans: Mapping[str, tuple[int, int]]
) -> dict[str, dict[str, int]]:
    """The counts by attribute and value; the attributes that most items carry."""
    carried = {
        name: int(counts[first:last].sum())
        for name, (first, last) in spans.items()
        if counts[first:last].any()
    }
    found: dict[str, dict[str, int]] = {}
    for name in sorted(carried, key=lambda name: (-carried[name], name))[:ATTRIBUTES_MAX]:
        first, last = spans[name]
        part = counts[first:last]
        best = np.argsort(-part, kind="stable")[:VALUES_MAX]
        found[name] = {
            index.values[first + place].partition("=")[2]: int(part[place])
            for place in best[part[best] > 0].tolist()
        }
    return found
