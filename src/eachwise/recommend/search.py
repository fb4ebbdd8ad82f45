"""Search results in one person's order: the text's relevance first, the person's taste within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.catalog import Item
from eachwise.maths.text import stem, words

# Words of a query that a reason names.
_NAMED_MAX = 3
# Beyond this a logistic curve is flat in double precision.
_FLAT = 500.0


def taste_term(scores: Floats, weight_max: float) -> Floats:
    """weight_max · σ(s − median s), shape (M,), in [0, weight_max]; ``scores`` s are a ranking's, in log units.

    So taste moves an item by at most ``weight_max`` units of relevance: of two items whose relevance differs by more,
    none can pass the other, whoever asks.
    """
    if not len(scores):
        return np.zeros(0)
    # exp of a bounded number: a score far off overflows nothing.
    against = np.clip(np.median(scores) - scores, -_FLAT, _FLAT)
    term: Floats = weight_max / (1.0 + np.exp(against))
    return term


def in_order(relevance: Floats, taste: Floats, scores: Floats) -> Ints:
    """Places by relevance + taste, best first; ties by the ranking's scores, then by place. (M,)"""
    return np.lexsort((np.arange(len(relevance)), -scores, -(relevance + taste))).astype(np.int64)


def stems_asked(query: str, corrections: Mapping[str, str]) -> list[str]:
    """The stems that a query is looked for with, in order. ``corrections``: word → how it was read."""
    return [stem(read) for word in words(query) for read in words(corrections.get(word, word))]


def text_reasons(item: Item, query: str, asked: Sequence[str]) -> list[str]:
    """Where an item answers a query, in words; one reason, or none. ``asked`` are the query's stems."""
    title = [stem(word) for word in words(item.title)]
    if title and title == list(asked):
        return ["its title is what was searched"]
    if item.item_id == query.strip():
        return ["its id is what was searched"]
    named = _named(asked, title)
    if named:
        return [f"{named} in the title"]
    for name, value in item.attributes.items():
        for one in [value] if isinstance(value, str) else value:
            if _named(asked, [stem(word) for word in words(one)]):
                return [f"{name}: {one}"]
    named = _named(asked, [stem(word) for word in words(item.description or "")])
    return [f"{named} in the description"] if named else []


def _named(asked: Sequence[str], held: Sequence[str]) -> str:
    """The words of a text that were asked for, or begin as the last one asked does."""
    found = [
        word
        for word in dict.fromkeys(held)
        if word in asked or (asked and word.startswith(asked[-1]))
    ]
    return ", ".join(found[:_NAMED_MAX])
