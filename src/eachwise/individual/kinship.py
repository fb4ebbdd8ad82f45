"""How tastes for different values go together in the population: the prior under which one person's taste is estimated.

A person's taste a (K,) is the log-odds deviation from the population's choice. One engaged item with values x and the
residual ρ = x − E[x | the facets it has] carries the information C = Σ_i π_i ρ_i ρ_iᵀ (π the items' popularity): the
multinomial choice model linearised at the population's mean. With the prior a ~ N(0, Σ) and the
residuals g = y − n·r of a person with n engaged items, the posterior is

    mean = (n C + Σ⁻¹)⁻¹ g,   covariance = (n C + Σ⁻¹)⁻¹

Both are one product once Σ = W Wᵀ and Wᵀ C W = diag(d):

    mean = W (Wᵀ g / (1 + n d)),   variance_v = Σ_k W_vk² / (1 + n d_k)

Σ = own² I + T. T comes from the transitions: two different items of one person are alike beyond chance as far as
tastes are, E[ρ_i ρ_jᵀ] = C T C. In coordinates where C is the identity its noise is symmetric around 0 and a taste's
variance is not negative, so the most negative eigenvalue shows the noise, and eigenvalues shrink by twice that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, TasteModel
from eachwise.individual.facets import Facets

# Values estimated together: those that tell most. The rest is estimated one by one.
VALUES_MAX = 64
# What the covariances are counted over; beyond this more of them would not change a digit that matters.
ITEMS_MAX, PAIRS_MAX = 20_000, 200_000
# Up to so many items their pairs are laid out as a square: two products of it take a tenth of the time.
SQUARE_ITEMS_MAX = 2_048
# Pairs summed at once where they are not.
_PAIRS_AT_ONCE = 8_192
# Spread of a person's own tastes that no other taste foretells, in log-odds (docs/discussions/affinity.md).
OWN_SD = 0.5
# Noise that eigenvalues shrink by, in units of the most negative one; measured with 60 to 3,500 people.
NOISE = 2.0
# Transitions below which nothing is concluded from them.
TRANSITIONS_MIN = 1000.0
# Directions of C below this share of the largest are not identified (a facet's values sum to one).
IDENTIFIED = 1e-3
# Prior engagements of ``recommend.smoothing``, to read counts back from a model's weights.
_PRIOR = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinship:
    """The prior of a taste over K values, ready to be used.

    values:      (K,) as ``name=value``
    basis:       (K, K) W; W Wᵀ is the prior's covariance
    squares:     (K, K) W², elementwise
    information: (K,) d ≥ 0, what one engaged item tells along each column of W
    """

    values: tuple[str, ...]
    basis: Floats
    squares: Floats
    information: Floats

    def estimate(self, residuals: Floats, items: Floats) -> tuple[Floats, Floats]:
        """Posterior means and standard deviations, (H, K) each, from residuals (H, K) over so many items (H,)."""
        kept = 1.0 / (1.0 + items[:, None] * self.information)
        mean = ((residuals @ self.basis) * kept) @ self.basis.T
        return mean, np.sqrt(kept @ self.squares.T)


def kinship_of(model: TasteModel, catalog: CatalogIndex, facets: Facets) -> Kinship | None:
    """The prior that this model's counts and this catalogue give; None for a catalogue without values.

    A pure function of the three, so a replay finds the same.
    """
    columns = _telling(facets.expected)
    if not len(columns):
        return None
    rows = _rows(model, catalog)
    popularity = _popularity(model, catalog, rows)
    residuals = _residuals(catalog, facets, columns)[rows]
    information = (residuals * popularity[:, None]).T @ residuals
    own = OWN_SD**2 * np.eye(len(columns))
    prior = own + _shared(_alike(model, catalog, rows, residuals), information)
    root = np.linalg.cholesky(prior)
    strength, turned = np.linalg.eigh(root.T @ information @ root)
    basis = root @ turned
    return Kinship(
        values=tuple(catalog.values[column] for column in columns.tolist()),
        basis=basis,
        squares=np.square(basis),
        information=np.maximum(strength, 0.0),
    )


def _telling(expected: Floats) -> Ints:
    """Columns of the values whose presence tells most, p(1 − p), ascending."""
    told = expected * (1.0 - expected)
    order = np.argsort(-told, kind="stable")[:VALUES_MAX]
    return np.sort(order[told[order] > 0.0]).astype(np.int64)


def _rows(model: TasteModel, catalog: CatalogIndex) -> Ints:
    """Rows of the catalogue that are counted over: the most popular."""
    count = len(catalog.items)
    if count <= ITEMS_MAX:
        return np.arange(count)
    at = np.array([model.row_of.get(item_id, -1) for item_id in catalog.item_ids])
    known = np.where(at >= 0, model.popularity[at] if len(model.popularity) else 0.0, 0.0)
    return np.sort(np.argsort(-known, kind="stable")[:ITEMS_MAX]).astype(np.int64)


def _popularity(model: TasteModel, catalog: CatalogIndex, rows: Ints) -> Floats:
    """Shares of engagement of these rows, of sum 1; all alike where nothing is known."""
    at = np.array([model.row_of.get(catalog.item_ids[row], -1) for row in rows.tolist()])
    share = np.where(at >= 0, model.popularity[at], 0.0) if len(model.popularity) else at * 0.0
    whole = share.sum()
    return share / whole if whole > 0.0 else np.full(len(rows), 1.0 / max(len(rows), 1))


def _residuals(catalog: CatalogIndex, facets: Facets, columns: Ints) -> Floats:
    """ρ of every item over these values, (N, K)."""
    count = len(catalog.items)
    owner = np.repeat(np.arange(count), np.diff(catalog.indptr))
    place = np.full(len(catalog.values), -1)
    place[columns] = np.arange(len(columns))
    kept = place[catalog.indices] >= 0
    carried = np.zeros((count, len(columns)))
    carried[owner[kept], place[catalog.indices[kept]]] = 1.0
    has = np.zeros((count, facets.count + 1), dtype=bool)
    has[owner, facets.of[catalog.indices]] = True
    has[:, facets.count] = True  # values that stand for themselves are compared with all items
    residuals: Floats = carried - has[:, facets.of[columns]] * facets.shares[columns]
    return residuals


def _alike(model: TasteModel, catalog: CatalogIndex, rows: Ints, residuals: Floats) -> Floats:
    """E[ρ_i ρ_jᵀ] over two different items of one person, (K, K); zeros where too little was counted.

    Counts are read back from the model's weights (``recommend.smoothing.excess``); the neighbours that it left out are
    taken to follow popularity, whose residuals are 0.
    """
    size = residuals.shape[1]
    whole = float(model.totals.sum())
    if whole < TRANSITIONS_MIN or not len(model.indices):
        return np.zeros((size, size))
    place = {catalog.item_ids[row]: number for number, row in enumerate(rows.tolist())}
    at = np.array([place.get(item_id, -1) for item_id in model.item_ids])
    earlier = np.repeat(np.arange(len(model.item_ids)), np.diff(model.indptr))
    pairs = np.flatnonzero(
        (earlier != model.indices) & (at[earlier] >= 0) & (at[model.indices] >= 0)
    )
    step = max(1, -(-len(pairs) // PAIRS_MAX))
    pairs = pairs[::step]
    first, second = earlier[pairs], model.indices[pairs]
    scale = model.totals[first] + _PRIOR
    prior = _PRIOR * model.popularity[second]
    counts = scale * np.square(model.weights[pairs] + np.sqrt(prior / scale)) - prior
    found = _summed(at[first], at[second], counts, residuals) * (step / whole)
    symmetric: Floats = 0.5 * (found + found.T)
    return symmetric


def _summed(first: Ints, second: Ints, counts: Floats, residuals: Floats) -> Floats:
    """Σ count · ρ_first ρ_secondᵀ over pairs of rows of the residuals (N, K); (K, K)."""
    count, size = residuals.shape
    if count <= SQUARE_ITEMS_MAX:
        square = np.bincount(first * count + second, weights=counts, minlength=count * count)
        return np.asarray(residuals.T @ (square.reshape(count, count) @ residuals))
    found = np.zeros((size, size))
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        left = residuals[first[part]] * counts[part, None]
        found += left.T @ residuals[second[part]]
    return found


def _shared(alike: Floats, information: Floats) -> Floats:
    """T: what tastes have in common beyond noise."""
    strength, turned = np.linalg.eigh(information)
    kept = strength > IDENTIFIED * max(float(strength.max(initial=0.0)), 1e-12)
    white = turned[:, kept] / np.sqrt(strength[kept])
    if not alike.any() or not white.size:
        return np.zeros_like(information)
    spread, axes = np.linalg.eigh(white.T @ alike @ white)
    noise = NOISE * max(-float(spread.min()), 0.0)
    back = white @ axes
    shared: Floats = (back * np.maximum(spread - noise, 0.0)) @ back.T
    return shared
