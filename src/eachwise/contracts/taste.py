"""What learned models of taste are made from, what they are once fitted, and the person as they see one.

U = people, N = items of a model, E = engagements, L = length of one history. Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints

# One fitted model: named arrays and nothing else, so that every model is stored, shipped and loaded in one way.
Parts = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """Everyone's engagements, in order: what training reads.

    item_ids: (N,) in the order of the rows
    indptr:   (U + 1,) where each person's engagements begin; in a person the oldest comes first
    rows:     (E,) the items, int32
    at_s:     (E,) when, in seconds since 1970; ascending in a person
    weights:  (E,) what each engagement is worth: 1 = a view, below 0 speaks against the item; float32
    bought:   (E,) whether the engagement was a purchase
    """

    item_ids: tuple[str, ...]
    indptr: Ints
    rows: NDArray[np.int32]
    at_s: Floats
    weights: NDArray[np.float32]
    bought: NDArray[np.bool_]

    @property
    def people(self) -> int:
        """How many people there are."""
        return len(self.indptr) - 1

    def before(self, at_s: float) -> Interactions:
        """The engagements that came before a moment; people without any are kept, empty."""
        kept = self.at_s < at_s
        owner = np.repeat(np.arange(self.people), np.diff(self.indptr))
        indptr = np.zeros(len(self.indptr), dtype=np.int64)
        np.cumsum(np.bincount(owner[kept], minlength=self.people), out=indptr[1:])
        return Interactions(
            item_ids=self.item_ids,
            indptr=indptr,
            rows=self.rows[kept],
            at_s=self.at_s[kept],
            weights=self.weights[kept],
            bought=self.bought[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """What one person bought, as far as is kept: more and longer ago than the history's newest engagements.

    rows: (K,) items, newest first; an item comes once for each line; ages_s: (K,) seconds from each to now
    """

    rows: Ints
    ages_s: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One person just before a moment, in a model's rows; what the model does not know is left out.

    rows:    (L,) items engaged with, newest first; an item comes once for each engagement
    weights: (L,) what each is worth at serving: 1 = a view, below 0 speaks against
    ages_s:  (L,) seconds from each to now
    bought:  (L,) whether it was a purchase
    session: how many of the newest belong to the visit that goes on (no gap above the session's, 30 minutes)
    carried: (d,) what the recurrent model makes of all that the person did, where its memory was carried along; None:
             it reads the rows
    taste:   (V,) the person's affinities to the catalogue's values, both horizons, shrunk by their reliability; None
             where only the history is known, as in training: then models read it from the rows
    purchases: the newest purchases, those among ``rows`` too; None: nobody kept them apart, they are read from ``rows``
    memo:    what several functions of one request derive of it, kept by the first; None: nothing is kept
    """

    rows: Ints
    weights: Floats
    ages_s: Floats
    bought: NDArray[np.bool_]
    session: int
    carried: Any = None
    taste: Floats | None = None
    purchases: Purchases | None = None
    memo: dict[Any, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """What ``eachwise train`` publishes: immutable, whole, in one version (0: nothing was trained).

    parts:   model name → its arrays, of those that earned a place
    blend:   feature name → its weight; a score is Σ weight · feature, in log units
    report:  what was tried, chosen, left out and why, with the figures on validation data: plain JSON data
    """

    version: int
    item_ids: tuple[str, ...]
    row_of: dict[str, int]
    parts: dict[str, Parts]
    blend: dict[str, float]
    report: dict[str, Any] = field(default_factory=dict)
