"""The catalogue and the definitions in use, their versions, and what is derived once per version."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from eachwise.catalog import (
    build_index,
    experiences_from,
    parse_items,
    placements_from,
    select,
    values_of_item,
)
from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, TasteModel
from eachwise.contracts.catalog import CatalogReceipt, Item, ItemQuery, RejectedItem
from eachwise.contracts.decision import ShownItem
from eachwise.contracts.errors import CannotReplay, InvalidInput, NotFound
from eachwise.contracts.experience import Definitions, Experience, Placement
from eachwise.contracts.ports import Commit, Store
from eachwise.flow.drive import Flow

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

# Older versions, and what is derived of them, kept at hand.
VERSIONS_KEPT = 16


class Shelf:
    """One catalogue version, with the masks of the item queries asked of it."""

    def __init__(self, index: CatalogIndex) -> None:
        self.index = index
        self._masks: dict[bytes, Bools] = {}
        self._expected: tuple[TasteModel | None, Floats] = (None, np.zeros(0))
        self._shares = np.bincount(index.indices, minlength=len(index.values)) / max(
            len(index.items), 1
        )

    def expected(self, taste: TasteModel) -> Floats:
        """The population's share of each value, (V,); the catalogue's own where nobody has engaged with it yet."""
        known, shares = self._expected
        if known is not taste:
            pairs = zip(self.index.values, self._shares.tolist(), strict=True)
            shares = np.array([taste.expected.get(value, share) for value, share in pairs])
            self._expected = (taste, shares)
        return shares

    def select(self, query: ItemQuery) -> Bools:
        """The mask (N,) of the items that a query admits; computed once per version."""
        key = msgspec.msgpack.encode(query)
        mask = self._masks.get(key)
        if mask is None:
            mask = self._masks[key] = select(self.index, query)
        return mask


class Offers:
    """One version of the definitions, with each placement's experiences in id order."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._by_placement: dict[str, tuple[Experience, ...]] = {}
        for placement_id in definitions.placements:
            self._by_placement[placement_id] = tuple(
                experience
                for _, experience in sorted(definitions.experiences.items())
                if placement_id in experience.placements
            )

    def placement(self, placement_id: str) -> Placement:
        """A placement by id. Raises ``NotFound`` with the ids there are."""
        placement = self.definitions.placements.get(placement_id)
        if placement is None:
            known = ", ".join(sorted(self.definitions.placements)) or "none are declared yet"
            raise NotFound(f"no placement {placement_id!r}; known: {known}")
        return placement

    def experiences(self, placement_id: str) -> tuple[Experience, ...]:
        """The experiences that may appear in a placement, by id."""
        return self._by_placement.get(placement_id, ())


class Catalogue:
    """Items and definitions: changes go in through here, the newest version is at hand, older ones are reloaded."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._load_newest()
        self._old_shelves: OrderedDict[int, Shelf] = OrderedDict()
        self._old_offers: OrderedDict[int, Offers] = OrderedDict()

    def _load_newest(self) -> None:
        self._version, items = self._store.catalog()
        self._items: dict[str, Item] = {item.item_id: item for item in items}
        self._values: dict[str, tuple[str, ...]] = {}
        self._shelf: Shelf | None = None
        self.offers = Offers(self._store.definitions() or Definitions())

    def _commit(self, commit: Commit) -> Flow[None]:
        """Write; what could not be written is forgotten again."""
        try:
            yield self._store.commit(commit)
        except Exception:
            self._load_newest()
            raise

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The catalogue's newest version."""
        return self._version

    @property
    def shelf(self) -> Shelf:
        """The newest catalogue as arrays; built on first use after a change."""
        if self._shelf is None:
            self._shelf = Shelf(build_index(self._items.values(), self._version))
        return self._shelf

    def shelf_at(self, version: int) -> Shelf:
        """The catalogue at an older version. Raises ``CannotReplay`` when it is no longer kept."""
        if version == self._version:
            return self.shelf
        return kept(self._old_shelves, version, self._load_shelf)

    def offers_at(self, version: int) -> Offers:
        """The definitions at an older version. Raises ``CannotReplay`` when they are no longer kept."""
        if version == self.offers.definitions.version:
            return self.offers
        return kept(self._old_offers, version, self._load_offers)

    def channel_of(self, placement_id: str) -> str:
        """The channel of a placement; empty where the placement is not defined any more."""
        placement = self.offers.definitions.placements.get(placement_id)
        return placement.channel if placement else ""

    def item(self, item_id: str) -> Item:
        """One item. Raises ``NotFound``."""
        item = self._items.get(item_id)
        if item is None:
            raise NotFound(f"no item {item_id!r} in the catalogue")
        return item

    def values_of(self, item_id: str) -> tuple[str, ...]:
        """The item's attribute values as ``name=value``; empty where the catalogue does not know it."""
        values = self._values.get(item_id)
        if values is None:
            item = self._items.get(item_id)
            if item is None:
                return ()
            values = self._values[item_id] = values_of_item(item)
        return values

    def dress(self, shown: ShownItem) -> ShownItem:
        """A recorded item with what the catalogue says of it today; as recorded where it is gone."""
        item = self._items.get(shown.item_id)
        if item is None:
            return shown
        return msgspec.structs.replace(
            shown,
            title=item.title,
            url=item.url,
            image_url=item.image_url,
            price=item.price,
            currency=item.currency,
            attributes=item.attributes,
        )

    # -- changing ------------------------------------------------------------------------------------------

    def put_items(self, body: bytes) -> Flow[CatalogReceipt]:
        """Take JSON Lines (or a JSON list) of items; good lines are kept, bad ones reported with field and fix."""
        items, rejected = parse_items(body)
        version = yield from self._change_items(items, [])
        return CatalogReceipt(
            success=not rejected, accepted=len(items), version=version, rejected=rejected
        )

    def remove_items(self, item_ids: Sequence[str]) -> Flow[CatalogReceipt]:
        """Take items out of the catalogue; ids that are not in it are reported."""
        known = [item_id for item_id in item_ids if item_id in self._items]
        missing = [
            RejectedItem(
                line=number, field="item_id", reason=f"no item {item_id!r} in the catalogue"
            )
            for number, item_id in enumerate(item_ids)
            if item_id not in self._items
        ]
        version = yield from self._change_items([], known)
        return CatalogReceipt(
            success=not missing, accepted=len(known), version=version, rejected=missing
        )

    def _change_items(self, items: Sequence[Item], removed: Sequence[str]) -> Flow[int]:
        if not items and not removed:
            return self._version
        # Taken before the wait, so that two uploads at once get two versions.
        version = self._version = self._version + 1
        for item in items:
            self._items[item.item_id] = item
            self._values.pop(item.item_id, None)
        for item_id in removed:
            self._items.pop(item_id, None)
            self._values.pop(item_id, None)
        self._shelf = None
        yield from self._commit(
            Commit(items=list(items), removed_items=list(removed), catalog_version=version)
        )
        return version

    def put_experiences(self, raw: object) -> Flow[Definitions]:
        """Replace all experiences. Raises ``InvalidInput`` naming the line or index of the first fault."""
        current = self.offers.definitions
        experiences = experiences_from(raw, known_placements=current.placements)
        return (yield from self._define(current.placements, experiences))

    def put_placements(self, raw: object) -> Flow[Definitions]:
        """Replace all placements; one that an experience still names cannot go."""
        placements = placements_from(raw)
        experiences = self.offers.definitions.experiences
        for experience in experiences.values():
            for placement_id in experience.placements:
                if placement_id not in placements:
                    raise InvalidInput(
                        f"placements: {placement_id!r} is still named by experience {experience.experience_id!r}; "
                        "change that experience first",
                        field="placements",
                    )
        return (yield from self._define(placements, experiences))

    def put_definitions(self, definitions: Definitions) -> Flow[Definitions]:
        """Replace placements and experiences together, as one version."""
        return (yield from self._define(definitions.placements, definitions.experiences))

    def _define(
        self, placements: dict[str, Placement], experiences: dict[str, Experience]
    ) -> Flow[Definitions]:
        version = self.offers.definitions.version + 1
        definitions = Definitions(version=version, placements=placements, experiences=experiences)
        self.offers = Offers(definitions)
        yield from self._commit(Commit(definitions=definitions))
        return definitions

    def _load_shelf(self, version: int) -> Shelf:
        found, items = self._store.catalog(version)
        if found != version:
            raise CannotReplay(f"the catalogue's version {version} is no longer kept")
        return Shelf(build_index(items, version))

    def _load_offers(self, version: int) -> Offers:
        definitions = self._store.definitions(version)
        if definitions is None:
            if version == 0:
                return Offers(Definitions())
            raise CannotReplay(f"version {version} of the experiences is no longer kept")
        return Offers(definitions)


def kept(cache: OrderedDict[K, T], key: K, load: Callable[[K], T]) -> T:
    """The cached value of a key, loaded where it is missing; the least lately used goes when there are too many."""
    if key in cache:
        cache.move_to_end(key)
        return cache[key]
    value = cache[key] = load(key)
    if len(cache) > VERSIONS_KEPT:
        cache.popitem(last=False)
    return value
