"""What the moment hints at before a person did anything: the landing page, the campaign, the words searched for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eachwise.catalog.spoken import said_in, spoken_values
from eachwise.contracts.arrays import CatalogIndex
from eachwise.flow.catalogue import Shelf

# Segment's names, as a storefront has them at hand: context.page, context.campaign, context.referrer.
_TEXTS = ("query", "search_query", "q", "category", "landing_page", "referrer")
_PAGE_TEXTS = ("path", "search", "title", "referrer")
_CAMPAIGN_TEXTS = ("name", "term", "content")
_ITEM_KEYS = ("item_id", "product_id")
# A text is read this far: enough for any query or path, and a bound on what a caller can ask for.
TEXT_MAX = 500


def hints_of(context: Mapping[str, Any], shelf: Shelf) -> tuple[str, ...]:
    """The ``name=value`` strings that a decision's context names, each once.

    ``attributes`` (a map of name → one value or several) and an ``item_id`` say them outright; in the query, the page's
    path, title and query string, the campaign's name, term and content, and the referrer they are found by their words.
    """
    if not context:
        return ()
    index = shelf.index
    found: dict[str, None] = {}
    attributes = context.get("attributes")
    if isinstance(attributes, dict):
        for name, value in attributes.items():
            for one in value if isinstance(value, list) else [value]:
                found[f"{name}={one}"] = None
    for key in _ITEM_KEYS:
        item_id = context.get(key)
        row = index.row_of.get(item_id) if isinstance(item_id, str) else None
        if row is not None:
            columns = index.indices[index.indptr[row] : index.indptr[row + 1]]
            found.update((index.values[column], None) for column in columns.tolist())
    texts = list(_texts(context))
    if texts:
        spoken = shelf.once("spoken", _spoken)
        for text in texts:
            found.update((value, None) for value in said_in(text[:TEXT_MAX], spoken))
    return tuple(value for value in found if value in index.value_of)


def _texts(context: Mapping[str, Any]) -> Iterator[str]:
    page, campaign = context.get("page"), context.get("campaign")
    holders: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [(context, _TEXTS)]
    if isinstance(page, dict):
        holders.append((page, _PAGE_TEXTS))
    if isinstance(campaign, dict):
        holders.append((campaign, _CAMPAIGN_TEXTS))
    for holder, keys in holders:
        for key in keys:
            text = holder.get(key)
            if isinstance(text, str) and text:
                yield text


def _spoken(index: CatalogIndex) -> Mapping[tuple[str, ...], tuple[str, ...]]:
    return spoken_values(index.values)
