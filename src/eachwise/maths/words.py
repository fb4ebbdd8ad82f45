"""Names as people read them."""

from __future__ import annotations

from functools import lru_cache


def value_words(value: str) -> str:
    """An attribute's value without its name: ``ice cream`` of ``category=ice-cream``."""
    return value.partition("=")[2].replace("-", " ").replace("_", " ")


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """A name whatever its case, underscores, blanks: ``product_viewed`` is ``Product Viewed``."""
    return " ".join(name.replace("_", " ").casefold().split())
