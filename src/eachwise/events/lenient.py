"""JSON that is nearly right, made right: what real clients send beyond the standard.

Python's ``json`` writes NaN and Infinity; a text cut inside an emoji leaves half a surrogate pair;
some numbers fit no 64 bits. One such value must not cost the other 99 events of a batch.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_DIGITS_MAX = 512  # far below the length at which Python refuses to read an integer


def to_json(body: object) -> bytes:
    """The JSON text of a body: itself where it is bytes, else plain data encoded.

    Raises ``ValueError`` where data has no JSON form.
    """
    if isinstance(body, bytes | bytearray | memoryview | msgspec.Raw):
        return bytes(body)
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    try:
        return json.dumps(body, default=str).encode()
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no JSON form: {error}") from None


def repair(data: bytes) -> bytes:
    """Strict JSON of nearly right JSON: not-a-number → null, half a surrogate pair → U+FFFD.

    Raises ``ValueError`` where the text is no JSON at all, or is nested too deep to read.
    """
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise ValueError("nested too deep") from None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def nesting(value: object) -> int:
    """How many objects and arrays lie inside one another; 0 for a plain value."""
    deepest = 0
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        inner, depth = waiting.pop()
        if isinstance(inner, dict | list | tuple):
            deepest = max(deepest, depth + 1)
            values: Any = inner.values() if isinstance(inner, dict) else inner
            waiting.extend((one, depth + 1) for one in values)
    return deepest


def bounded(value: Any) -> Any:
    """The same plain data with every integer over 64 bits as a float, as JavaScript reads it."""
    if isinstance(value, dict):
        return {key: bounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [bounded(inner) for inner in value]
    if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
        return _finite(str(value))
    return value


def _no_constant(_: str) -> None:
    return None


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _integer(text: str) -> int | float | None:
    return int(text) if len(text) <= _DIGITS_MAX else _finite(text)
