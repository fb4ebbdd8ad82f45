"""The 37 attribute values that items, experiences and tastes share."""

from collections.abc import Iterable, Mapping

import numpy as np

from eachwise.worlds.frozen.draws import FloatArray

Attributes = Mapping[str, str | list[str]]

FACETS: Mapping[str, tuple[str, ...]] = {
    "category": (
        "beef", "pork", "poultry", "fish", "seafood", "vegetables",
        "ready-meals", "pizza", "ice-cream", "bakery", "fruit", "potato",
    ),
    "diet": ("vegan", "vegetarian", "pescatarian", "meat"),
    "cuisine": (
        "italian", "asian", "mexican", "indian", "nordic", "french", "german", "american",
    ),
    "style": ("quick", "premium", "spicy", "healthy", "sweet", "light", "organic"),
    "occasion": ("family", "party", "grill", "weeknight", "comfort", "kids"),
}  # fmt: skip

VALUES: tuple[str, ...] = tuple(
    f"{facet}={value}" for facet, values in FACETS.items() for value in values
)
INDEX: Mapping[str, int] = {value: index for index, value in enumerate(VALUES)}

ANIMAL_CATEGORIES = frozenset({"beef", "pork", "poultry", "fish", "seafood"})
RED_MEAT_CATEGORIES = frozenset({"beef", "pork"})
SWEET_CATEGORIES = frozenset({"ice-cream", "bakery", "fruit"})


def values_of(attributes: Attributes) -> list[str]:
    """The `facet=value` names in a dictionary of attributes, in its order."""
    return [
        f"{facet}={value}"
        for facet, found in attributes.items()
        for value in ([found] if isinstance(found, str) else found)
    ]


def attributes_of(values: Iterable[str]) -> dict[str, str | list[str]]:
    """The inverse of `values_of`: one value of a facet stays a string, several become a list."""
    grouped: dict[str, list[str]] = {}
    for name in values:
        facet, value = name.split("=", 1)
        grouped.setdefault(facet, []).append(value)
    return {facet: found[0] if len(found) == 1 else found for facet, found in grouped.items()}


def indicator(values: Iterable[str]) -> FloatArray:
    """1.0 where a value is present, else 0.0; shape (37,). An unknown value raises KeyError."""
    row = np.zeros(len(VALUES))
    row[[INDEX[value] for value in values]] = 1.0
    return row


def weights(named: Mapping[str, float]) -> FloatArray:
    """A vector over the vocabulary from its entries that are not 0; shape (37,)."""
    row = np.zeros(len(VALUES))
    for value, weight in named.items():
        row[INDEX[value]] = weight
    return row
