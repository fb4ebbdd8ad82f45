"""What individuals are compared with: popularity for all, by segment and lately, and a reference model.

History is everyone's engagements before the test: U people, N items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import Interactions, Parts
from eachwise.proofs.ranking import Questions
from eachwise.recommend.tables import Table

Matrix = NDArray[np.float32]

_DIMENSIONS = 64  # of the behaviour that k-means sees
# Randomised SVD: Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1.
_OVERSAMPLE, _POWER_STEPS = 16, 3
_STARTS, _STEPS_MAX = 4, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparse:
    """A matrix (U, N) by rows: ``indptr`` (U + 1,), ``columns`` and ``values`` (nnz,)."""

    indptr: Ints
    columns: Ints
    values: Matrix
    width: int

    def times(self, other: Matrix) -> Matrix:
        """Itself times a dense matrix (N, D)."""
        found = np.zeros((len(self.indptr) - 1, other.shape[1]), np.float32)
        some = np.flatnonzero(np.diff(self.indptr))
        if len(some):
            entries = self.values[:, None] * other[self.columns]
            found[some] = np.add.reduceat(entries, self.indptr[some], axis=0)
        return found

    def transposed(self) -> Sparse:
        """(N, U)."""
        owner = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        order = np.argsort(self.columns, kind="stable")
        counts = np.bincount(self.columns, minlength=self.width)
        return Sparse(
            indptr=np.concatenate([[0], np.cumsum(counts)]),
            columns=owner[order],
            values=self.values[order],
            width=len(self.indptr) - 1,
        )


def history(data: Interactions) -> Sparse:
    """Who engaged with what: 1 for each distinct pair, whatever its weight."""
    count = len(data.item_ids)
    owner = np.repeat(np.arange(data.people), np.diff(data.indptr))
    pairs = np.unique(owner * count + data.rows)
    lengths = np.bincount(pairs // count, minlength=data.people)
    return Sparse(
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        columns=pairs % count,
        values=np.ones(len(pairs), np.float32),
        width=count,
    )


def popularity_by_segment(found: Sparse, segments: Ints) -> Floats:
    """How many of each segment engaged with each item: (segments, N), numbered from 0."""
    count = int(segments.max()) + 1
    groups = np.repeat(segments, np.diff(found.indptr))
    cells = np.bincount(groups * found.width + found.columns, minlength=count * found.width)
    return cells.reshape(count, found.width).astype(np.float64)


def recent_popularity(data: Interactions, since_s: float) -> Floats:
    """How often each item was engaged with from a moment on; (N,)."""
    counts = np.bincount(data.rows[data.at_s >= since_s], minlength=len(data.item_ids))
    return counts.astype(np.float64)


def behaviour(found: Sparse, seed: int) -> Floats:
    """Each person's behaviour in at most 64 dimensions (U, D), of length 1.

    The rows weighted by inverse document frequency, brought to length 1, then projected on the
    leading right singular vectors (randomised SVD).
    """
    people = len(found.indptr) - 1
    counts = np.bincount(found.columns, minlength=found.width)
    values = found.values * np.log((1.0 + people) / (1.0 + counts))[found.columns]
    owner = np.repeat(np.arange(people), np.diff(found.indptr))
    lengths = np.sqrt(np.bincount(owner, weights=values**2, minlength=people))[owner]
    values = (values / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    rows = Sparse(indptr=found.indptr, columns=found.columns, values=values, width=found.width)
    by_item = rows.transposed()
    size = min(_DIMENSIONS + _OVERSAMPLE, people, found.width)
    start = np.random.default_rng(seed).standard_normal((found.width, size))
    basis = np.linalg.qr(rows.times(start.astype(np.float32)))[0]
    for _ in range(_POWER_STEPS):
        basis = np.linalg.qr(rows.times(by_item.times(basis)))[0]
    left, scale, _ = np.linalg.svd(by_item.times(basis).T, full_matrices=False)
    kept = min(_DIMENSIONS, size)
    return _unit(basis @ left[:, :kept] * scale[:kept]).astype(np.float64)


def k_means(points: Floats, clusters: int, seed: int) -> Ints:
    """Each point's cluster (U,): Lloyd's algorithm from four k-means++ starts, the best."""
    best, found = np.inf, np.zeros(len(points), dtype=np.int64)
    for start in range(_STARTS):
        generator = np.random.default_rng([seed, start])
        inertia, labels = _lloyd(points, _spread_start(points, clusters, generator))
        if inertia < best:
            best, found = inertia, labels
    return found


def _spread_start(points: Floats, clusters: int, generator: np.random.Generator) -> Floats:
    """k-means++ (Arthur & Vassilvitskii 2007): centres drawn by squared distance."""
    chosen = [int(generator.integers(len(points)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < min(clusters, len(points)):
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        total = nearest.sum()
        if total <= 0:  # every point is a centre already
            break
        chosen.append(int(generator.choice(len(points), p=nearest / total)))
    return points[chosen]


def _lloyd(points: Floats, centres: Floats) -> tuple[float, Ints]:
    """Inertia and labels once they stop changing; an empty cluster keeps its centre."""
    labels = np.full(len(points), -1, dtype=np.int64)
    inertia = np.inf
    for _ in range(_STEPS_MAX):
        distances = (centres**2).sum(axis=1) - 2.0 * points @ centres.T
        new = distances.argmin(axis=1)
        inertia = float(distances[np.arange(len(points)), new].sum() + (points**2).sum())
        if (new == labels).all():
            break
        labels = new
        sizes = np.bincount(labels, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, points)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    return inertia, labels


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainEase:
    """An arm: EASE as published, Σ B[x, :] over the whole history whatever its order. ``parts``: the fitted model's."""

    arm: str
    questions: Questions
    parts: Parts

    def __call__(self, number: int) -> dict[str, Floats]:
        """One question's scores; (N,)."""
        table = Table.of(self.parts, "ease")
        asked = self.questions
        rows = asked.data.rows[asked.begins[number] : asked.places[number]]
        spans = [slice(table.indptr[row], table.indptr[row + 1]) for row in np.unique(rows)]
        columns = np.concatenate([table.indices[:0], *(table.indices[span] for span in spans)])
        values = np.concatenate([table.values[:0], *(table.values[span] for span in spans)])
        scores = np.bincount(columns, weights=values, minlength=len(asked.data.item_ids))
        return {self.arm: scores.astype(np.float64)}


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
