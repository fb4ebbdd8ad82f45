"""What a cell of a table holds → what a field of an event holds."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from eachwise.cli.feeds.mapping import EPOCHS, Column, Time
from eachwise.maths.times import iso, parse_time_us

_YES = frozenset({"true", "t", "yes", "y", "1"})
_NO = frozenset({"false", "f", "no", "n", "0"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLANKS = re.compile(r"[\s\u00a0\u202f']")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN_CHARS_MAX = 60


class Unfit(Exception):
    """A cell cannot become what its field is to hold; the text says why."""


def field_value(cell: object, rule: Column, decimal: str) -> Any:
    """The value of a field; None where the cell is empty. Raises ``Unfit``."""
    plain = _plain(cell)
    if plain is None:
        return None
    if rule.values:
        found = rule.values.get(_text(plain))
        if found is None:
            known = ", ".join(rule.values)
            raise Unfit(f"{shown(plain)} is none of the values that the mapping names: {known}")
        plain = found
    if rule.type == "plain":
        return plain
    if rule.type == "text":
        return _text(plain)
    if rule.type == "list":
        return _listed(plain, rule.separator)
    if rule.type == "boolean":
        return _flag(plain)
    number = _number(plain, decimal)
    if rule.type == "number":
        return number
    if number != int(number):
        raise Unfit(f"{shown(plain)} is not a whole number")
    return int(number)


def time_value(cell: object, time: Time, zone: ZoneInfo) -> str | None:
    """A moment as ISO 8601 in UTC; None where the cell is empty. Raises ``Unfit``."""
    if isinstance(cell, datetime):
        return iso(_us(cell, zone))
    if isinstance(cell, date):
        return iso(_us(datetime(cell.year, cell.month, cell.day, tzinfo=zone), zone))
    plain = _plain(cell)
    if plain is None:
        return None
    try:
        if time.format in EPOCHS:
            return iso(int(float(plain) * EPOCHS[time.format]))
        text = _text(plain)
        if time.format == "iso":
            return iso(_iso_us(text, zone))
        # A moment that names no zone gets the mapping's.
        moment = datetime.strptime(text, time.format)  # noqa: DTZ007
        return iso(_us(moment, zone))
    except (ValueError, OverflowError, TypeError):
        raise Unfit(
            f"{shown(plain)} is not a time as `time.format` {time.format!r} has it"
        ) from None


def shown(value: object) -> str:
    """A value as a reason quotes it."""
    return repr(
        value if len(str(value)) <= _SHOWN_CHARS_MAX else str(value)[:_SHOWN_CHARS_MAX] + "…"
    )


def _plain(cell: object) -> Any:
    """A cell as plain JSON data: empty texts, NaN and nothing are None. Raises ``Unfit``."""
    if isinstance(cell, str):
        return cell.strip() or None
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, Decimal):
        cell = float(cell)
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, datetime):
        return iso(_us(cell, ZoneInfo("UTC")))
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, list | tuple):
        return [plain for one in cell if (plain := _plain(one)) is not None]
    if isinstance(cell, dict):
        return {str(name): _plain(value) for name, value in cell.items()}
    raise Unfit(f"holds {type(cell).__name__}, which no field of an event can hold")


def _text(plain: object) -> str:
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, float) and plain.is_integer():
        return str(int(plain))
    return str(plain)


def _listed(plain: object, separator: str) -> list[str]:
    if isinstance(plain, list):
        return [_text(one) for one in plain]
    return [part.strip() for part in _text(plain).split(separator) if part.strip()]


def _flag(plain: object) -> bool:
    word = _text(plain).lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise Unfit(f"{shown(plain)} is neither yes nor no")


def _number(plain: object, decimal: str) -> float:
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return float(plain)
    text = _BLANKS.sub("", plain) if isinstance(plain, str) else ""
    if decimal == ",":
        text = text.replace(".", "").replace(",", ".")
    if not _NUMBER.fullmatch(text):
        raise Unfit(f"{shown(plain)} is not a number")
    number = float(text)
    if not math.isfinite(number):
        raise Unfit(f"{shown(plain)} is too large a number")
    return number


def _iso_us(text: str, zone: ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return parse_time_us(text)
    if text.isdigit():
        return parse_time_us(text)
    return _us(moment, zone)


def _us(moment: datetime, zone: ZoneInfo) -> int:
    """Microseconds since 1970; a moment without a zone is in this one."""
    since = (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
