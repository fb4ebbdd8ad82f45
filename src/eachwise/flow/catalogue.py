"""The catalogue and the definitions in use, their versions, and what is derived once per version."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import msgspec
import numpy as np

from eachwise.catalog import (
    build_index,
    experiences_from,
    groups_gone,
    parse_items,
    patch_index,
    placements_from,
    select,
    values_of,
    values_of_item,
)
from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, TasteModel
from eachwise.contracts.catalog import CatalogReceipt, Item, ItemQuery, RejectedItem
from eachwise.contracts.decision import ShownItem
from eachwise.contracts.errors import CannotReplay, InvalidInput, NotFound
from eachwise.contracts.experience import Definitions, Experience, Placement
from eachwise.contracts.ports import Commit, Store
from eachwise.flow.drive import Flow
from eachwise.flow.templates import check_templates
from eachwise.individual import Reference, facets_of, kinship_of, multiples, reference_of

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

# Older versions, and what is derived of them, kept at hand.
VERSIONS_KEPT = 16


class Shelf:
    """One catalogue version, with the masks of the item queries asked of it."""

    def __init__(self, index: CatalogIndex) -> None:
        self.index = index
        self._masks: dict[bytes, Bools] = {}
        self._derived: dict[Hashable, Any] = {}
        # For a model and its successor.
        self._expected: deque[tuple[TasteModel, Floats]] = deque(maxlen=2)
        self._references: deque[tuple[TasteModel, Reference]] = deque(maxlen=2)
        self._shares = np.bincount(index.indices, minlength=len(index.values)) / max(
            len(index.items), 1
        )

    def expected(self, taste: TasteModel) -> Floats:
        """The population's share of each value, (V,); the catalogue's own where nobody has engaged with it yet."""
        for known, found in tuple(self._expected):
            if known is taste:
                return found
        pairs = zip(self.index.values, self._shares.tolist(), strict=True)
        shares = np.array([taste.expected.get(value, share) for value, share in pairs])
        self._expected.appendleft((taste, shares))
        return shares

    def reference(self, taste: TasteModel) -> Reference:
        """What affinities are measured against: each value's facet, and what goes with what in the population."""
        for known, found in tuple(self._references):
            if known is taste:
                return found
        expected, multiple = self.expected(taste), self.once("multiples", multiples)
        kin = kinship_of(taste, self.index, facets_of(self.index.values, expected, multiple))
        reference = reference_of(self.index.values, expected, multiple, kin)
        self._references.appendleft((taste, reference))
        return reference

    def once(self, name: Hashable, compute: Callable[[CatalogIndex], T]) -> T:
        """What is derived of this version, computed by the first who asks."""
        if name not in self._derived:
            self._derived[name] = compute(self.index)
        found: T = self._derived[name]
        return found

    def select(self, query: ItemQuery) -> Bools:
        """The mask (N,) of the items that a query admits; computed once per version."""
        key = msgspec.msgpack.encode(query)
        mask = self._masks.get(key)
        if mask is None:
            mask = self._masks[key] = select(self.index, query)
        return mask


class Offers:
    """One version of the definitions, with each placement's experiences in id order.

    groups: experience → group, of those that are gone as well; transactional: the placements that are
    """

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.groups = definitions.groups_gone | {
            experience_id: experience.group
            for experience_id, experience in definitions.experiences.items()
            if experience.group
        }
        self.transactional = frozenset(
            name for name, each in definitions.placements.items() if each.transactional
        )
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
    """Items and definitions: changes go in through here, the newest version is at hand, older ones are reloaded.

    A change is answered when the shelf shows it. Until then, some ten milliseconds with 100,000 items, the last shelf
    stays in use: it is made anew on the executor and not between two requests.
    """

    def __init__(self, store: Store, executor: Executor) -> None:
        self._store = store
        self._executor = executor
        # Called with the next shelf, on the executor, before it is put to use.
        self.prepare: Callable[[Shelf], None] = _nothing
        self._load_newest()
        self._old_shelves: OrderedDict[int, Shelf] = OrderedDict()
        self._old_offers: OrderedDict[int, Offers] = OrderedDict()

    def _load_newest(self) -> None:
        self._version, items = self._store.catalog()
        self._items: dict[str, Item] = {item.item_id: item for item in items}
        self._values: dict[str, tuple[str, ...]] = {}
        self._shelf: Shelf | None = None
        self._unshelved: dict[str, Item | None] = {}
        self._durable = self._version
        self._renewing: Future[Shelf] | None = None
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
        """The catalogue as arrays, with every change that was answered; built on first use."""
        if self._shelf is None:
            self._shelf = Shelf(build_index(self._items.values(), self._version))
            self._unshelved = {}
        return self._shelf

    def shelf_at(self, version: int) -> Shelf:
        """The catalogue at an older version. Raises ``CannotReplay`` when it is no longer kept."""
        if version == self.shelf.index.version:
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

    def items(self, after: str = "", limit: int = 100) -> list[Item]:
        """Items in order of their ids, after one."""
        index = self.shelf.index
        start = bisect_right(index.item_ids, after)
        return list(index.items[start : start + limit])

    def values_of(self, item_id: str) -> tuple[str, ...]:
        """The item's attribute values as ``name=value``; empty where the catalogue does not know it."""
        values = self._values.get(item_id)
        if values is None:
            item = self._items.get(item_id)
            if item is None:
                return ()
            values = self._values[item_id] = values_of_item(item)
        return values

    def values_of_experience(self, experience_id: str) -> tuple[str, ...]:
        """What an experience is about as ``name=value``; empty where it is not defined (any more)."""
        experience = self.offers.definitions.experiences.get(experience_id)
        return () if experience is None else values_of(experience.attributes)

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
        items, rejected = yield self._executor.submit(parse_items, body)
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

    def import_items(self, items: Sequence[Item], commit: Commit) -> Flow[int]:
        """Take parsed items in one transaction with what else the commit holds; returns the version."""
        return (yield from self._change_items(items, [], commit))

    def _change_items(
        self, items: Sequence[Item], removed: Sequence[str], commit: Commit | None = None
    ) -> Flow[int]:
        if not items and not removed:
            if commit is not None:
                yield self._store.commit(commit)
            return self._version
        # Taken before the wait, so that two uploads at once get two versions.
        version = self._version = self._version + 1
        for item in items:
            self._items[item.item_id] = item
            self._values.pop(item.item_id, None)
        for item_id in removed:
            self._items.pop(item_id, None)
            self._values.pop(item_id, None)
        commit = commit or Commit()
        commit.items, commit.removed_items = list(items), list(removed)
        commit.catalog_version = version
        yield from self._commit(commit)
        # Commits become durable in their order: what a shelf shows is on disk, and so is all before it.
        self._unshelved.update({item.item_id: item for item in items})
        self._unshelved.update(dict.fromkeys(removed))
        self._durable = max(self._durable, version)
        yield from self._renew(version)
        return version

    def _renew(self, version: int) -> Flow[None]:
        """Wait for a shelf that shows this version; several changes that wait are shown together."""
        while self._shelf is not None and self._shelf.index.version < version:
            if self._renewing is None:
                changed, self._unshelved = self._unshelved, {}
                self._renewing = self._executor.submit(
                    _next_shelf, self._shelf.index, changed, self._durable, self.prepare
                )
            renewing = self._renewing
            # Should it fail, the next look builds it anew.
            shelf: Shelf | None = None
            try:
                shelf = yield renewing
            finally:
                if self._renewing is renewing:
                    self._renewing, self._shelf = None, shelf

    def put_experiences(self, raw: object) -> Flow[Definitions]:
        """Replace all experiences. Raises ``InvalidInput`` naming the line or index of the first fault."""
        current = self.offers.definitions
        experiences = experiences_from(raw, known_placements=current.placements)
        return (yield from self._define(msgspec.structs.replace(current, experiences=experiences)))

    def put_placements(self, raw: object) -> Flow[Definitions]:
        """Replace all placements; one that an experience still names cannot go."""
        placements = placements_from(raw)
        current = self.offers.definitions
        for experience in current.experiences.values():
            for placement_id in experience.placements:
                if placement_id not in placements:
                    raise InvalidInput(
                        f"placements: {placement_id!r} is still named by experience {experience.experience_id!r}; "
                        "change that experience first",
                        field="placements",
                    )
        return (yield from self._define(msgspec.structs.replace(current, placements=placements)))

    def put_definitions(self, definitions: Definitions) -> Flow[Definitions]:
        """Replace all definitions together, as one version."""
        return (yield from self._define(definitions))

    def _define(self, changed: Definitions) -> Flow[Definitions]:
        current = self.offers.definitions
        definitions = msgspec.structs.replace(
            changed, version=current.version + 1, groups_gone=groups_gone(current, changed)
        )
        check_templates(definitions)
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


def _nothing(_: Shelf) -> None:
    """What is prepared where nobody says what to."""


def _next_shelf(
    index: CatalogIndex,
    changed: dict[str, Item | None],
    version: int,
    prepare: Callable[[Shelf], None],
) -> Shelf:
    shelf = Shelf(patch_index(index, changed, version))
    prepare(shelf)
    return shelf


def kept(cache: OrderedDict[K, T], key: K, load: Callable[[K], T]) -> T:
    """The cached value of a key, loaded where it is missing; the least lately used goes when there are too many."""
    if key in cache:
        cache.move_to_end(key)
        return cache[key]
    value = cache[key] = load(key)
    if len(cache) > VERSIONS_KEPT:
        cache.popitem(last=False)
    return value
