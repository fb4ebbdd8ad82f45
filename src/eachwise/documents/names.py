"""Names that people write: what may be one, which was meant, and what a value is called in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NAME_CHARS_MAX = 256  # of an id, an attribute's name or its value
_CONTROL = frozenset(map(chr, (*range(0x20), 0x7F)))


def name_fault(text: str) -> str:
    """Why a text cannot be an id, a name or a value; empty where it can."""
    if not text:
        return "must not be empty"
    if text != text.strip():
        return "must not begin or end with a blank"
    if len(text) > NAME_CHARS_MAX:
        return f"must have at most {NAME_CHARS_MAX} characters, not {len(text)}"
    if not _CONTROL.isdisjoint(text):
        return "must not contain control characters"
    return ""


def kind_of(value: object) -> str:
    """What a decoded JSON value is, in words."""
    kinds = {bool: "true or false", dict: "an object", list: "a list", str: "a string"}
    if value is None:
        return "null"
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "such a value")


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` where a known name is close, else nothing."""
    names = sorted(known)
    close = [one for one in names if one.endswith(f"_{name}")]
    close = close or difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
