"""A product of a Google Merchant feed → an item, by Google's product data specification."""

from __future__ import annotations

import re
from typing import Any

from eachwise.catalog.feeds.xml import Fields

# As they stand.
_TEXTS = {
    "id": "item_id",
    "title": "title",
    "description": "description",
    "link": "url",
    "image_link": "image_url",
    "expiration_date": "expires_at",
}
# What taste is about, with the sign between several values in one text (Google: "Red/Blue").
_ATTRIBUTES = {
    "brand": "",
    "color": "/",
    "material": "/",
    "pattern": "/",
    "size": "",
    "gender": "",
    "age_group": "",
    "condition": "",
}
_LABEL = re.compile(r"custom_label_\d")
# Levels from the general to the special, each a value: "Food > Frozen > Fish".
_LEVELS = {"product_type": "category", "google_product_category": "google_category"}
_AVAILABLE = {
    **dict.fromkeys(
        ("in_stock", "available", "limited_availability", "preorder", "backorder"), True
    ),
    **dict.fromkeys(("out_of_stock", "discontinued", "unavailable"), False),
}
_PRICE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]{3})", re.ASCII)
_SALE = ("sale_price", "sale_price_effective_date")


class Unusable(Exception):
    """A product cannot become an item; the text names the field and the fix."""


def raw_item(fields: Fields) -> dict[str, Any]:
    """The item as ``parse_item`` takes it. Raises ``Unusable``.

    ``price`` is the sale price where one stands without dates: with dates it may be over, and stays in ``extra``. What
    has no place in an item stays in ``extra`` under Google's name.
    """
    item: dict[str, Any] = {}
    attributes: dict[str, str | list[str]] = {}
    extra: dict[str, Any] = {}
    for name, texts in fields.items():
        if name in _TEXTS:
            item[_TEXTS[name]] = texts[0]
        elif name in _LEVELS:
            _set(attributes, _LEVELS[name], _split(texts, ">"))
        elif name in _ATTRIBUTES or _LABEL.fullmatch(name):
            _set(attributes, name, _split(texts, _ATTRIBUTES.get(name, "")))
        elif name not in ("availability", "price", *_SALE):
            extra[name] = texts[0] if len(texts) == 1 else texts
    if "item_id" not in item:
        raise Unusable("id: is required")
    if "availability" in fields:
        item["available"] = _available(fields["availability"][0])
    _set_price(item, extra, fields)
    if attributes:
        item["attributes"] = attributes
    if extra:
        item["extra"] = extra
    return item


def _available(text: str) -> bool:
    said = _AVAILABLE.get(text.lower().replace(" ", "_"))
    if said is None:
        raise Unusable(f"availability: {text[:60]!r} is none of {', '.join(_AVAILABLE)}")
    return said


def _set_price(item: dict[str, Any], extra: dict[str, Any], fields: Fields) -> None:
    """``price`` and ``currency``; both prices under ``extra`` where there is a sale."""
    price = _price("price", fields)
    sale = _price("sale_price", fields)
    if sale is not None:
        extra.update({name: fields[name][0] for name in ("price", *_SALE) if name in fields})
        if "sale_price_effective_date" not in fields or price is None:
            price = sale
    if price is not None:
        item["price"], item["currency"] = price


def _price(name: str, fields: Fields) -> tuple[float, str] | None:
    if name not in fields:
        return None
    text = fields[name][0]
    found = _PRICE.fullmatch(text)
    if found is None:
        raise Unusable(f"{name}: {text[:60]!r} is no amount and currency: write it like 12.34 EUR")
    return float(found[1]), found[2].upper()


def _split(texts: list[str], sign: str) -> list[str]:
    """The values of several texts, each once."""
    parts = [part.strip() for text in texts for part in (text.split(sign) if sign else [text])]
    return list(dict.fromkeys(part for part in parts if part))


def _set(attributes: dict[str, str | list[str]], name: str, values: list[str]) -> None:
    if values:
        attributes[name] = values[0] if len(values) == 1 else values
