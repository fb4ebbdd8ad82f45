"""What individuals are compared with: popularity for all, by segment, and a reference model.

History is an array (U, N) of 0 and 1: which of U people engaged with which of N items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints

Matrix = NDArray[np.float32]

_DIMENSIONS = 64  # of the behaviour that k-means sees
# Randomised SVD: Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1.
_OVERSAMPLE, _POWER_STEPS = 16, 3
_STARTS, _STEPS_MAX = 4, 60
# λ of EASE (Steck 2019); docs/discussions/measured.md.
_EASE_RIDGE = 250.0


def popularity_by_segment(history: Matrix, segments: Ints) -> Floats:
    """How many of each segment engaged with each item: (segments, N), numbered from 0."""
    counts = np.zeros((int(segments.max()) + 1, history.shape[1]))
    for segment in range(len(counts)):
        counts[segment] = history[segments == segment].sum(axis=0, dtype=np.float64)
    return counts


def behaviour(history: Matrix, seed: int) -> Floats:
    """Each person's behaviour in at most 64 dimensions (U, D), of length 1.

    The rows weighted by inverse document frequency, brought to length 1, then projected on the
    leading right singular vectors (randomised SVD).
    """
    people = history.shape[0]
    rarity = np.log((1.0 + people) / (1.0 + history.sum(axis=0))).astype(np.float32)
    rows = _unit(history * rarity)
    size = min(_DIMENSIONS + _OVERSAMPLE, *rows.shape)
    start = np.random.default_rng(seed).standard_normal((rows.shape[1], size))
    basis = np.linalg.qr(rows @ start.astype(np.float32))[0]
    for _ in range(_POWER_STEPS):
        basis = np.linalg.qr(rows @ (rows.T @ basis))[0]
    left, scale, _ = np.linalg.svd(basis.T @ rows, full_matrices=False)
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


def ease(history: Matrix) -> Matrix:
    """EASE's scores (U, N) = X·B: P = (XᵀX + λI)⁻¹, B = −P / diag P with zero diagonal (Steck 2019)."""
    gram = (history.T @ history).astype(np.float64)
    gram[np.diag_indices_from(gram)] += _EASE_RIDGE
    precision = np.linalg.inv(gram)
    weights = (-precision / np.diag(precision)).astype(np.float32)
    np.fill_diagonal(weights, 0.0)
    scores: Matrix = history @ weights
    return scores


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
