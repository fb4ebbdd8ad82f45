"""The tables behind the true tastes, in units of utility."""

from collections.abc import Mapping

import numpy as np

from eachwise.worlds.frozen.draws import FloatArray
from eachwise.worlds.frozen.vocabulary import weights

# What the population likes on average; values that are not named have 0.
MEAN: FloatArray = weights({
    "category=beef": 0.38, "category=poultry": 0.25, "category=pizza": 0.15,
    "category=ice-cream": 0.2, "category=fish": 0.1, "category=seafood": -0.15,
    "category=pork": -0.1, "category=fruit": -0.05,
    "diet=meat": 0.3, "diet=vegan": -0.35, "diet=vegetarian": 0.0, "diet=pescatarian": 0.0,
    "cuisine=italian": 0.1, "cuisine=german": 0.1, "cuisine=indian": -0.1,
    "style=premium": 0.3, "style=quick": 0.1, "style=organic": -0.1, "style=light": -0.1,
    "occasion=grill": 0.2, "occasion=family": 0.15, "occasion=kids": -0.1,
})  # fmt: skip

# Correlated leanings; a loading is the utility that one standard deviation of the factor adds.
FACTORS: Mapping[str, Mapping[str, float]] = {
    "hearty": {
        "category=beef": 0.4, "category=pork": 0.5, "diet=meat": 0.4, "occasion=grill": 0.4,
        "cuisine=german": 0.3, "cuisine=american": 0.3, "diet=vegan": -0.4,
        "category=vegetables": -0.3, "style=light": -0.3,
    },
    "sea": {
        "category=fish": 0.5, "category=seafood": 0.5, "diet=pescatarian": 0.5,
        "cuisine=nordic": 0.4,
    },
    "green": {
        "category=vegetables": 0.4, "category=fruit": 0.4, "diet=vegan": 0.4,
        "diet=vegetarian": 0.3, "style=healthy": 0.5, "style=organic": 0.4, "style=light": 0.3,
    },
    "sweet-tooth": {
        "category=ice-cream": 0.5, "category=bakery": 0.5, "style=sweet": 0.6,
        "category=fruit": 0.2, "style=healthy": -0.2,
    },
    "adventure": {
        "cuisine=asian": 0.5, "cuisine=mexican": 0.4, "cuisine=indian": 0.5, "style=spicy": 0.5,
        "cuisine=german": -0.3, "category=seafood": 0.2,
    },
    "household-pace": {
        "occasion=family": 0.5, "occasion=kids": 0.6, "style=quick": 0.4, "category=pizza": 0.4,
        "category=potato": 0.3, "style=premium": -0.3,
    },
    "gourmet": {
        "style=premium": 0.5, "cuisine=french": 0.5, "cuisine=italian": 0.3,
        "occasion=party": 0.3, "category=ready-meals": -0.3, "occasion=weeknight": -0.2,
    },
}  # fmt: skip
FACTOR_NAMES = tuple(FACTORS)
LOADINGS: FloatArray = np.stack([weights(FACTORS[name]) for name in FACTOR_NAMES])

# How demography shifts a factor's mean, in its standard deviations: weakly, as it is in life.
DEMOGRAPHY_SHIFT: Mapping[str, Mapping[str, float]] = {
    "18-29": {"adventure": 0.3, "green": 0.2, "hearty": -0.1},
    "30-44": {"household-pace": 0.1},
    "45-59": {"gourmet": 0.1, "hearty": 0.15},
    "60+": {"adventure": -0.3, "sea": 0.3, "sweet-tooth": 0.15, "household-pace": -0.2},
    "female": {"green": 0.15, "hearty": -0.15},
    "male": {"hearty": 0.2, "green": -0.15},
    "single": {"household-pace": -0.2},
    "couple": {"gourmet": 0.1},
    "family": {"household-pace": 0.5, "gourmet": -0.15},
    "shared": {"adventure": 0.2},
}

# The person's own part, independent between values: the largest part of the variance.
OWN_SD = 0.6

# What a diet adds.
VEGAN_DIET: FloatArray = weights({
    "diet=vegan": 1.6, "diet=vegetarian": -2.4, "diet=pescatarian": -3.0, "diet=meat": -3.0,
    "category=beef": -3.0, "category=pork": -3.0, "category=poultry": -2.5,
    "category=fish": -2.5, "category=seafood": -2.5, "category=vegetables": 0.6,
})  # fmt: skip
FISH_OR_CHICKEN_DIET: FloatArray = weights({
    "category=beef": -3.0, "category=pork": -3.0, "diet=meat": -0.5, "category=fish": 0.8,
    "category=poultry": 0.8, "diet=pescatarian": 0.6,
})  # fmt: skip


def factor_shift(names: tuple[str, ...]) -> FloatArray:
    """Shifts of the factors' means for the levels of one demographic trait; (levels, factors)."""
    return np.array(
        [[DEMOGRAPHY_SHIFT[name].get(factor, 0.0) for factor in FACTOR_NAMES] for name in names]
    )
