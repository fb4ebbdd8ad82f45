"""Names as people read them."""

from __future__ import annotations


def value_words(value: str) -> str:
    """An attribute's value without its name: ``ice cream`` of ``category=ice-cream``."""
    return value.partition("=")[2].replace("-", " ").replace("_", " ")
