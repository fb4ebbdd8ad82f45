"""What can be shown, sold, read or watched."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

# What a person lately engaged with: left out, shown like anything else, or as was learnt of such items.
Repeats = Literal["never", "allowed", "learnt"]


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item. ``attributes`` hold what taste is about (``{"category": "seafood", "diet": ["vegan"]}``).

    Shown only while ``available`` and ``available_from`` ≤ now < ``expires_at`` (ISO 8601 as received; the
    microsecond twins are filled in by ``catalog.parse_item``).
    """

    item_id: str
    title: str = ""
    attributes: dict[str, str | list[str]] = {}
    price: float | None = None
    currency: str | None = None
    available: bool = True
    published_at: str | None = None
    available_from: str | None = None
    expires_at: str | None = None
    url: str | None = None
    image_url: str | None = None
    description: str | None = None
    extra: dict[str, Any] = {}


class ItemQuery(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Which items an experience or placement may fill itself with: every named attribute has one of the values.

    ``repeats``: whether it may show what the person lately engaged with. True is ``allowed``, False ``never``;
    ``learnt`` leaves out what people hardly ever take again (a freezer, and not coffee).
    """

    where: dict[str, str | list[str]] = {}
    exclude: dict[str, str | list[str]] = {}
    count: int = 6
    repeats: bool | Repeats = True

    @property
    def repeat_rule(self) -> Repeats:
        """``repeats`` as a word."""
        if isinstance(self.repeats, bool):
            return "allowed" if self.repeats else "never"
        return self.repeats


class CatalogReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a catalogue upload."""

    success: bool
    accepted: int
    version: int
    rejected: list[RejectedItem] = []


class RejectedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an upload that was not taken."""

    line: int
    field: str
    reason: str
