"""Raw JSON → ``Item``, or a rejection that names the field and what would be right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from eachwise.contracts.catalog import Item, RejectedItem
from eachwise.contracts.errors import InvalidInput
from eachwise.documents import kind_of, name_fault, nearest
from eachwise.maths.times import parse_time_us

# Far above any catalogue seen; they keep one line from filling the memory of every process.
ITEM_BYTES_MAX = 64 * 1024
ATTRIBUTES_MAX = 64
VALUES_MAX = 64  # of one attribute

Attributes = dict[str, str | list[str]]
_FIELDS = frozenset(Item.__struct_fields__)


class _Refused(Exception):
    """One field cannot be taken."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def values_of(attributes: Mapping[str, str | list[str]]) -> tuple[str, ...]:
    """Every ``name=value`` of the attributes, sorted, each once."""
    found: list[str] = []
    for name, value in attributes.items():
        if isinstance(value, str):
            found.append(f"{name}={value}")
        else:
            found += [f"{name}={one}" for one in value]
    return tuple(sorted(set(found)))


def values_of_item(item: Item) -> tuple[str, ...]:
    """Every ``name=value`` that an item carries, sorted, each once."""
    return values_of(item.attributes)


def parse_item(raw: object, line: int) -> Item | RejectedItem:
    """Validate one decoded item; ``line`` is its place in the upload, counted from 1.

    An integer ``item_id`` is taken as its digits. Times without an offset are UTC. Unknown fields
    are refused, so that a misspelt ``available`` cannot go unseen; ``extra`` takes whatever else an
    item has.
    """
    try:
        return _item(raw)
    except _Refused as refused:
        return RejectedItem(line=line, field=refused.field, reason=refused.reason)


def parse_items(body: bytes) -> tuple[list[Item], list[RejectedItem]]:
    """Read an upload, JSON Lines or one JSON list: the items in order, and what was not taken.

    Lines are counted from 1 (in a list: its elements); blank lines are skipped. Where an id comes
    twice both are returned, and the later one is meant to win. Raises ``InvalidInput`` where a list
    is not valid JSON.
    """
    items: list[Item] = []
    rejected: list[RejectedItem] = []
    for line, raw in _rows(body):
        parsed = raw if isinstance(raw, RejectedItem) else parse_item(raw, line)
        if isinstance(parsed, Item):
            items.append(parsed)
        else:
            rejected.append(parsed)
    return items, rejected


def _rows(body: bytes) -> Iterator[tuple[int, object]]:
    """Each decoded row with its line, or the rejection of a line that is no JSON."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if body.lstrip()[:1] == b"[":
        try:
            rows = msgspec.json.decode(body, type=list[Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"items: the list is not valid JSON: {error}"
            raise InvalidInput(message, field="items") from None
        yield from enumerate(rows, start=1)
        return
    decode = msgspec.json.Decoder().decode
    for line, text in enumerate(body.split(b"\n"), start=1):
        if not text.strip():
            continue
        if len(text) > ITEM_BYTES_MAX:
            reason = f"the line has {len(text)} bytes; at most {ITEM_BYTES_MAX} are taken"
            yield line, RejectedItem(line=line, field="", reason=reason)
            continue
        try:
            yield line, decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield (
                line,
                RejectedItem(line=line, field="", reason=f"the line is not valid JSON: {error}"),
            )


def _item(raw: object) -> Item:
    if not isinstance(raw, dict):
        raise _Refused("", f"an item must be an object, not {kind_of(raw)}")
    for name in raw:
        if name not in _FIELDS:
            hint = nearest(str(name), _FIELDS)
            reason = f"unknown field{hint}; put what else an item has under extra"
            raise _Refused(str(name), reason)
    given = {name: value for name, value in raw.items() if value is not None}
    if "item_id" not in given:
        raise _Refused("item_id", "is required: a non-empty string")
    fields = {name: _READERS[name](name, value) for name, value in given.items()}
    _check_order(fields)
    return Item(**fields)


def _check_order(fields: dict[str, Any]) -> None:
    start, end = fields.get("available_from"), fields.get("expires_at")
    if start is not None and end is not None and parse_time_us(start) >= parse_time_us(end):
        raise _Refused("expires_at", f"must lie after available_from ({start})")


def _identifier(field: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    text = _text(field, value)
    reason = name_fault(text)
    if reason:
        raise _Refused(field, reason)
    return text


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise _Refused(field, f"must be a string, not {kind_of(value)}")
    return value


def _attributes(field: str, value: object) -> Attributes:
    fault = attributes_fault(value)
    if fault:
        path, reason = fault
        raise _Refused(".".join((field, *map(str, path))), reason)
    assert isinstance(value, dict)
    return value


def _price(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(field, f"must be a number such as 4.95, not {kind_of(value)}")
    if not (math.isfinite(value) and value >= 0):
        raise _Refused(field, "must be a number of at least 0")
    return float(value)


def _currency(field: str, value: object) -> str:
    text = _text(field, value)
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise _Refused(field, 'must be an ISO 4217 code of three capitals such as "EUR"')
    return text


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _Refused(field, f"must be true or false, not {kind_of(value)}")
    return value


def _time(field: str, value: object) -> str:
    text = _text(field, value)
    try:
        parse_time_us(text)
    except (ValueError, OverflowError):
        reason = 'must be an ISO 8601 time such as "2026-05-01T08:00:00Z" or a date'
        raise _Refused(field, reason) from None
    return text


def _address(field: str, value: object) -> str:
    """A link that a page may carry: never ``javascript:`` or another scheme that runs."""
    text = _text(field, value)
    if not text.lower().startswith(("http://", "https://", "/")):
        raise _Refused(field, 'must start with "https://", "http://" or "/"')
    return text


def _extra(field: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Refused(field, f"must be an object, not {kind_of(value)}")
    return value


_READERS: dict[str, Callable[[str, object], Any]] = {
    "item_id": _identifier,
    "title": _text,
    "attributes": _attributes,
    "price": _price,
    "currency": _currency,
    "available": _flag,
    "published_at": _time,
    "available_from": _time,
    "expires_at": _time,
    "url": _address,
    "image_url": _address,
    "description": _text,
    "extra": _extra,
}


def attributes_fault(value: object) -> tuple[tuple[str | int, ...], str] | None:
    """What is wrong with ``attributes``: the path below it and the reason, or None.

    Right is an object of names to a string, or to a list of strings; ``=`` parts name and value, so
    no name has it.
    """
    if not isinstance(value, dict):
        return (), f"must be an object of names and values, not {kind_of(value)}"
    if len(value) > ATTRIBUTES_MAX:
        return (), f"has {len(value)} names; at most {ATTRIBUTES_MAX} are taken"
    for name, one in value.items():
        if not isinstance(name, str):
            return (), f"every name must be a string; {name!r} is {kind_of(name)}"
        fault = name_fault(name) or ('must not contain "="' if "=" in name else "")
        if fault:
            return (name,), f"as a name {fault}"
        if isinstance(one, list):
            if len(one) > VALUES_MAX:
                return (name,), f"has {len(one)} values; at most {VALUES_MAX} are taken"
            for position, entry in enumerate(one):
                if fault := _value_fault(entry):
                    return (name, position), fault
        elif fault := _value_fault(one):
            return (name,), fault
    return None


def _value_fault(value: object) -> str:
    if isinstance(value, bool | int | float):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f'must be a string or a list of strings: write "{text}"'
    if not isinstance(value, str):
        return f"must be a string or a list of strings, not {kind_of(value)}"
    return name_fault(value)
