"""Array views that several stages read: the catalogue, a taste model, a propensity model, one person's affinities.

Values only; how each is built lives in its stage. N = items, V = attribute values (``name=value``), F = features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.catalog import Item
from eachwise.contracts.learning import Outcome

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogIndex:
    """The catalogue at one version, as arrays. Row i of every array is ``items[i]``; items are sorted by id.

    ``indptr``/``indices`` are the CSR structure item → value columns. Times are microseconds; an item without an
    end has ``until_us`` = 2**62.
    """

    version: int
    items: tuple[Item, ...]
    item_ids: tuple[str, ...]
    row_of: dict[str, int]
    values: tuple[str, ...]
    value_of: dict[str, int]
    indptr: Ints
    indices: Ints
    available: Bools
    from_us: Ints
    until_us: Ints
    published_us: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class TasteModel:
    """What the population's behaviour teaches about items: published, immutable.

    ``indptr``/``indices``/``weights``: CSR of item → next item: what the square root of the smoothed chance to go there
    has beyond popularity's (``recommend.smoothing``). ``totals``: each item's distance-discounted transitions to any
    other. ``popularity``: each item's share of decayed engagement (long horizon); ``recent``: the same on the short
    horizon. ``expected``: value → share of engaged items that carry it.
    """

    version: int
    item_ids: tuple[str, ...]
    row_of: dict[str, int]
    indptr: Ints
    indices: Ints
    weights: Floats
    totals: Floats
    popularity: Floats
    recent: Floats
    expected: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityVectors:
    """One person's affinities over the catalogue's values, each of shape (V,): log-odds, standard errors.

    ``general`` is the long horizon, ``moment`` the short one; ``evidence`` the item mass behind ``general``;
    ``declared`` is +1, −1 or 0 as the person said. ``upper`` is the upper 95 % bound of the general affinity by which
    firm aversions are told (None: general + 1.96 general_sd).
    """

    general: Floats
    general_sd: Floats
    moment: Floats
    moment_sd: Floats
    evidence: Floats
    declared: Floats
    upper: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PropensityHead:
    """A Gaussian posterior over the F weights of one logistic outcome model, and joint draws from it.

    ``mean`` (F,); ``covariance`` (F, F), or (F,) of a head whose weights are independent; ``draws`` (M, F): M seeded
    draws of N(0, covariance), fixed per version; M is 0 where none are needed.
    """

    mean: Floats
    covariance: Floats
    draws: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PropensityModel:
    """P(outcome) given a candidate's named features, a head for each outcome; one immutable version.

    ``updates``: how many exposures it has seen. All heads share ``names``, (F,).
    """

    version: int
    names: tuple[str, ...]
    heads: Mapping[Outcome, PropensityHead]
    index: dict[str, int] = field(default_factory=dict)
    updates: int = 0
