"""Now and then something new comes into the freezer: an item of its own that tastes as another one does."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import numpy as np

from eachwise.contracts.catalog import CatalogReceipt
from eachwise.worlds import FrozenFoodShop

EVERY_S = 60.0
NOVELTIES_MAX = 20
_NEW = "new-"


class Shelf(Protocol):
    """The call by which the shop's catalogue grows."""

    def put_items(self, items: bytes) -> CatalogReceipt:
        """Add items, as JSON Lines."""
        ...


class Novelties:
    """Adds one item a minute, some twenty in all."""

    def __init__(self, shop: FrozenFoodShop, shelf: Shelf, *, started_at_s: float) -> None:
        self._items = shop.items()
        self._shelf = shelf
        seed = [shop.settings.seed & (2**63 - 1), int(started_at_s), 2]
        self._order = np.random.default_rng(seed).permutation(len(self._items))[:NOVELTIES_MAX]
        self._stamp = int(started_at_s)
        self._added = 0
        self._next_s = time.monotonic() + EVERY_S / 4

    def bring(self) -> None:
        """Add the next one where its time has come."""
        if time.monotonic() < self._next_s or self._added >= len(self._order):
            return
        twin = self._items[int(self._order[self._added])]
        new = twin | {
            "item_id": f"{_NEW}{self._stamp}-{twin['item_id']}",
            "title": f"New: {twin['title']}",
            "published_at": datetime.now(UTC).isoformat(),
        }
        self._shelf.put_items(msgspec.json.encode(new, enc_hook=float))
        self._added += 1
        self._next_s = time.monotonic() + EVERY_S


def twin_of(item_id: str) -> str:
    """The item whose taste a new one has; any other is its own."""
    return item_id.removeprefix(_NEW).partition("-")[2] if item_id.startswith(_NEW) else item_id
