"""What properties hold: texts, numbers, items, attributes. Lenient in form, never NaN."""

from __future__ import annotations

import math
import re
from typing import Any

from eachwise.contracts.events import Line

# In order: the first that is there names the item.
_ITEM_KEYS = (
    *("product_id", "item_id", "sku", "productId", "itemId"),
    *("content_asset_id", "asset_id", "content_id", "article_id", "recipe_id"),
    *("video_id", "song_id", "track_id", "episode_id", "id"),
)
# Arrays of items, as objects or as bare ids.
_LIST_KEYS = ("products", "items", "product_ids", "item_ids", "content_asset_ids")
_LISTS = frozenset(_LIST_KEYS)
_ATTRIBUTE_KEYS = ("category", "brand")
_NUMBER = re.compile(r"-?[\d.,'\s]*\d", re.ASCII)
_THOUSANDS = re.compile(r"-?\d{1,3}(?:[,.]\d{3})+")
_AMOUNT_MAX = 1e12


def text(properties: dict[str, Any], *keys: str) -> str:
    """The first non-blank text or whole number under these keys, as text; else ``""``."""
    for key in keys:
        if (value := properties.get(key)) is not None:
            found = _as_text(value)
            if found:
                return found
    return ""


def listed(value: object) -> list[str]:
    """A text or a list of texts, as a list of the non-blank ones."""
    values = value if isinstance(value, list) else [value]
    return [found for one in values if (found := _as_text(one))]


def number(value: object) -> float | None:
    """A finite number, or the one in a text such as ``€ 1,234.50``; None where there is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = _number_in(value)
    if isinstance(value, int | float) and -_AMOUNT_MAX <= value <= _AMOUNT_MAX:
        return float(value)
    return None


def lines_of(properties: dict[str, Any]) -> tuple[Line, ...]:
    """The items that an event is about: of its arrays, else its own ids."""
    for key in () if _LISTS.isdisjoint(properties) else _LIST_KEYS:
        inner = properties.get(key)
        if isinstance(inner, list) and inner:
            lines = tuple(line for one in inner if (line := _line(one)) is not None)
            if lines:
                return lines
    line = _line(properties)
    return () if line is None else (line,)


def attributes_of(properties: dict[str, Any]) -> tuple[str, ...]:
    """``name=value`` of category and brand, of the event and of its products, each once."""
    found: dict[str, None] = {}
    products = properties.get("products")
    holders = [properties, *products] if isinstance(products, list) else [properties]
    for holder in holders:
        if isinstance(holder, dict):
            for key in _ATTRIBUTE_KEYS:
                if key in holder:
                    found.update({f"{key}={value}": None for value in listed(holder[key])})
    return tuple(found)


def amount_of(properties: dict[str, Any], lines: tuple[Line, ...]) -> float:
    """Money of an order or refund: total, revenue or value, else the sum of its lines; ≥ 0."""
    for key in ("total", "revenue", "value"):
        amount = number(properties.get(key))
        if amount is not None:
            return abs(amount)
    return math.fsum(line.quantity * line.price for line in lines if line.price is not None)


def _line(holder: object) -> Line | None:
    if not isinstance(holder, dict):
        item_id = _as_text(holder)
        return Line(item_id) if item_id else None
    # The spec's own key first: most lines are read here, and many a line in a list.
    named = holder.get("product_id")
    item_id = (
        named
        if type(named) is str and named and named == named.strip()
        else text(holder, *_ITEM_KEYS)
    )
    if not item_id:
        return None
    quantity, price = holder.get("quantity"), holder.get("price")
    if quantity is None and price is None:
        return Line(item_id)
    counted, asked = number(quantity), number(price)
    return Line(
        item_id,
        counted if counted is not None and counted > 0 else 1.0,
        asked if asked is not None and asked >= 0 else None,
    )


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ""


def _number_in(written: str) -> float | None:
    found = _NUMBER.search(written)
    if found is None:
        return None
    digits = re.sub(r"['\s]", "", found.group())
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:  # the later one is the decimal sign
        digits = digits.replace("," if comma < point else ".", "").replace(",", ".")
    elif comma >= 0 and (digits.count(",") > 1 or _THOUSANDS.fullmatch(digits)):
        digits = digits.replace(",", "")
    elif point >= 0 and digits.count(".") > 1 and _THOUSANDS.fullmatch(digits):
        digits = digits.replace(".", "")
    else:
        digits = digits.replace(",", ".")
    try:
        value = float(digits)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
