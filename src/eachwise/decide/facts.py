"""What rules may ask of a situation (docs/reference/rules.md), each looked up when the first rule asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex
from eachwise.contracts.catalog import Item
from eachwise.contracts.experience import Experience
from eachwise.contracts.individual import OrderSummary
from eachwise.decide.ruled import experience_value
from eachwise.decide.situation import Situation
from eachwise.maths.zones import local_time
from eachwise.rules import WEEKDAYS, Lookup, Path

_DAY_US = 86_400_000_000.0


class Moment(Protocol):
    """One person at one moment: what rules about nobody's experience ask of. A ``Situation`` is one."""

    @property
    def now_us(self) -> int:
        """The moment, microseconds."""
        ...

    @property
    def timezone(self) -> str:
        """The zone of people whose own is not known."""
        ...

    @property
    def traits(self) -> Mapping[str, Any]:
        """Trait → value."""
        ...

    @property
    def context(self) -> Mapping[str, Any]:
        """What is known of the moment."""
        ...

    @property
    def stage(self) -> str:
        """Where the relationship stands."""
        ...

    @property
    def lapsed(self) -> bool:
        """Whether it has lapsed."""
        ...

    @property
    def engagement(self) -> float:
        """The score, 0–100."""
        ...

    @property
    def orders(self) -> OrderSummary | None:
        """The person's orders (None: not known)."""
        ...

    @property
    def last_seen_us(self) -> int:
        """When the last event was, microseconds; 0 before the first."""
        ...

    @property
    def affinity(self) -> AffinityVectors:
        """Affinities over the catalogue's values."""
        ...

    @property
    def catalog(self) -> CatalogIndex:
        """The catalogue that affinities and items are of."""
        ...


class Facts:
    """The values that names stand for, of one person at one moment; None where something is not known."""

    __slots__ = ("_found", "_situation")

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._found: dict[Path, object] = {}

    def lookup(self, path: Path) -> object:
        """What a name stands for that does not ask for the experience."""
        if path not in self._found:
            root = _OF_DECISION.get(path[0])
            self._found[path] = (
                person_value(self._situation, path) if root is None else root(self._situation, path)
            )
        return self._found[path]

    def about(self, experience: Experience) -> Lookup:
        """The same, with ``experience`` as one of the names."""

        def lookup(path: Path) -> object:
            return (
                experience_value(experience, path) if path[0] == "experience" else self.lookup(path)
            )

        return lookup


def _below(holder: object, names: Path) -> object:
    """What lies under these names, in plain mappings only."""
    for name in names:
        if not isinstance(holder, dict):
            return None
        holder = holder.get(name)
    return holder


def _trait(situation: Moment, path: Path) -> object:
    return _below(situation.traits.get(path[1]), path[2:])


def _context(situation: Moment, path: Path) -> object:
    return _below(situation.context.get(path[1]), path[2:])


def _orders(situation: Moment, path: Path) -> object:
    orders = situation.orders
    if orders is None:
        return None
    figures: dict[str, float | None] = {
        "count": orders.count,
        "revenue": orders.revenue,
        "refunded": orders.refunded,
        # Without orders there is no mean, and without two no rhythm.
        "mean_value": orders.mean_value if orders.count else None,
        "gap_days": _gap_days(orders),
        "due": _due(orders),
    }
    return figures[path[1]]


def _gap_days(orders: OrderSummary) -> float | None:
    """The person's own rhythm: days between orders, on average; not known before the second."""
    return orders.recency_days / (orders.count - 1) if orders.count > 1 else None


def _due(orders: OrderSummary) -> float | None:
    """Days since the last order over the person's own days between orders: 1 when the next one is due."""
    gap = _gap_days(orders)
    return (orders.age_days - orders.recency_days) / gap if gap else None


def _since_order(situation: Moment, _: Path) -> object:
    """Days; not known without orders."""
    orders = situation.orders
    return orders.age_days - orders.recency_days if orders and orders.count else None


def _since_seen(situation: Moment, _: Path) -> object:
    """Days since the person's last event; not known before the first."""
    seen_us = situation.last_seen_us
    return max(0.0, (situation.now_us - seen_us) / _DAY_US) if seen_us else None


def _affinity(situation: Moment, path: Path) -> object:
    """The affinity for a value that the catalogue carries: log-odds, or the figure that is named."""
    column = situation.catalog.value_of.get(path[1])
    if column is None:
        return None
    found = situation.affinity
    general, spread = float(found.general[column]), float(found.general_sd[column])
    figures: dict[str, Callable[[], float | None]] = {
        "": lambda: general,
        "z": lambda: general / spread if spread > 0.0 else None,
        "now": lambda: float(found.moment[column]),
        "evidence": lambda: float(found.evidence[column]),
        "declared": lambda: float(found.declared[column]),
    }
    return figures["".join(path[2:])]()


def _clock(situation: Moment, path: Path) -> object:
    """The hour, weekday or date on the person's clock; not known in a zone that is not known."""
    local = local_time(situation.now_us, situation.traits, situation.context, situation.timezone)
    if local.moment is None:
        return None
    if path[0] == "hour":
        return local.moment.hour
    return WEEKDAYS[local.moment.weekday()] if path[0] == "weekday" else str(local.moment.date())


def _item(situation: Situation, path: Path) -> object:
    """The item that the moment is about: the one that the context names."""
    catalog = situation.catalog
    item_id = situation.context.get("item_id", situation.context.get("product_id"))
    row = catalog.row_of.get(item_id) if isinstance(item_id, str) else None
    if row is None:
        return None
    item: Item = catalog.items[row]
    if path[1] == "attributes":
        return item.attributes.get(path[2])
    if path[1] == "available":
        return bool(situation.showable[row])
    return item.price if path[1] == "price" else item.item_id


def _placement(situation: Situation, path: Path) -> object:
    placement = situation.plan.layout.placement
    return placement.channel if path[1] == "channel" else placement.placement_id


_OF_PERSON: Mapping[str, Callable[[Moment, Path], object]] = {
    "trait": _trait,
    "context": _context,
    "stage": lambda moment, _: moment.stage,
    "lapsed": lambda moment, _: moment.lapsed,
    "engagement": lambda moment, _: moment.engagement,
    "orders": _orders,
    "days_since_last_order": _since_order,
    "days_since_last_seen": _since_seen,
    "affinity": _affinity,
    "hour": _clock,
    "weekday": _clock,
    "date": _clock,
}
_OF_DECISION: Mapping[str, Callable[[Situation, Path], object]] = {
    "item": _item,
    "placement": _placement,
}


def person_value(moment: Moment, path: Path) -> object:
    """What a name that asks for the person, or the moment, stands for; None where it is not known, or asks for else."""
    root = _OF_PERSON.get(path[0])
    return None if root is None else root(moment, path)
