"""Situations for tests: a small catalogue, experiences over it, and a person, all from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, PropensityHead, PropensityModel
from eachwise.contracts.catalog import Item, ItemQuery
from eachwise.contracts.experience import Experience, Placement
from eachwise.contracts.learning import OUTCOMES
from eachwise.decide import Plan, Priors, Situation, plan
from eachwise.settings import DecideSettings

NOW_US = 1_750_000_000_000_000
DAY_US = 86_400_000_000
HERO = Placement(placement_id="hero", channel="web", count=3)
CATEGORIES = ("beef", "fish", "fruit", "pizza")
DIETS = ("meat", "pescatarian", "vegan", "vegetarian")


def catalog_of(attributes: Sequence[Mapping[str, str | list[str]]]) -> CatalogIndex:
    """A catalogue of items ``i000``, ``i001`` … with these attributes."""
    items = tuple(
        Item(item_id=f"i{number:03d}", title=f"Item {number}", attributes=dict(each))
        for number, each in enumerate(attributes)
    )
    names = [
        [
            f"{name}={value}"
            for name, found in item.attributes.items()
            for value in ([found] if isinstance(found, str) else found)
        ]
        for item in items
    ]
    values = tuple(sorted({name for each in names for name in each}))
    value_of = {value: column for column, value in enumerate(values)}
    indices = np.array([value_of[name] for each in names for name in each], dtype=np.int64)
    return CatalogIndex(
        version=1,
        items=items,
        item_ids=tuple(item.item_id for item in items),
        row_of={item.item_id: row for row, item in enumerate(items)},
        values=values,
        value_of=value_of,
        indptr=np.cumsum([0] + [len(each) for each in names]),
        indices=indices,
        available=np.ones(len(items), dtype=bool),
        from_us=np.zeros(len(items), dtype=np.int64),
        until_us=np.full(len(items), 2**62),
        published_us=np.zeros(len(items), dtype=np.int64),
    )


def shop(count: int = 40) -> CatalogIndex:
    """``count`` items whose category and diet go round together."""
    return catalog_of(
        [{"category": CATEGORIES[number % 4], "diet": DIETS[number % 4]} for number in range(count)]
    )


def select_from(catalog: CatalogIndex, query: ItemQuery) -> NDArray[np.bool_]:
    """Which items have one of the wanted values of every named attribute, and none of the excluded."""

    def has(item: Item, name: str, wanted: str | list[str]) -> bool:
        found = item.attributes.get(name, [])
        have = {found} if isinstance(found, str) else set(found)
        return bool(have & ({wanted} if isinstance(wanted, str) else set(wanted)))

    return np.array(
        [
            all(has(item, name, wanted) for name, wanted in query.where.items())
            and not any(has(item, name, wanted) for name, wanted in query.exclude.items())
            for item in catalog.items
        ],
        dtype=bool,
    )


def experiences_of(*categories: str) -> list[Experience]:
    """One experience for each category: its attribute, and its items."""
    return [
        Experience(
            experience_id=f"{category}-week",
            kind="offer",
            placements=["hero"],
            attributes={"category": category},
            items=ItemQuery(where={"category": category}),
        )
        for category in categories
    ]


def indifferent(catalog: CatalogIndex, evidence: float = 50.0) -> AffinityVectors:
    """A person like everybody; arrays are fresh and may be written to."""
    count = len(catalog.values)
    return AffinityVectors(
        general=np.zeros(count),
        general_sd=np.full(count, 0.2),
        moment=np.zeros(count),
        moment_sd=np.full(count, 0.2),
        evidence=np.full(count, evidence),
        declared=np.zeros(count),
    )


def no_model(version: int = 0) -> PropensityModel:
    """A model that has learnt nothing: every weight is its prior."""
    none = np.zeros(0)
    full = PropensityHead(mean=none, covariance=np.zeros((0, 0)), draws=np.zeros((64, 0)))
    plain = PropensityHead(mean=none, covariance=none, draws=np.zeros((0, 0)))
    heads = {outcome: full if outcome == "takeup" else plain for outcome in OUTCOMES}
    return PropensityModel(version=version, names=(), heads=heads)


def simple_takeup(name: str) -> tuple[float, float]:
    """Priors of the tests' own, so that decide is tested without learn."""
    family = name.partition(":")[0]
    return {"bias": (-2.0, 0.5), "match": (0.5, 0.2), "experience": (0.0, 0.4)}.get(
        family, (0.0, 0.1)
    )


def simple_disconnect(name: str) -> tuple[float, float]:
    """The same for harm."""
    family = name.partition(":")[0]
    return {"bias": (-6.0, 0.5), "aversion": (-0.8, 0.2)}.get(family, (0.0, 0.1))


PRIORS: Priors = {
    outcome: simple_takeup if outcome == "takeup" else simple_disconnect for outcome in OUTCOMES
}


def plan_of(
    experiences: Sequence[Experience],
    catalog: CatalogIndex,
    model: PropensityModel | None = None,
    placement: Placement = HERO,
) -> Plan:
    """A plan with the tests' priors."""
    return plan(
        placement,
        experiences,
        catalog,
        model or no_model(),
        select=lambda query: select_from(catalog, query),
        priors=PRIORS,
    )


def situation_of(made: Plan, *, seed: int = 1, **changes: Any) -> Situation:
    """A person like everybody before this placement, with these changes."""
    catalog = made.layout.catalog
    fields: dict[str, Any] = {
        "now_us": NOW_US,
        "plan": made,
        "affinity": indifferent(catalog),
        "showable": np.ones(len(catalog.items), dtype=bool),
        "scores": np.linspace(1.0, 0.0, len(catalog.items)),
        "settings": DecideSettings(),
        "seed": seed,
        "consent": (True, ""),
        "engagement": 50.0,
    }
    return Situation(**{**fields, **changes})
