"""Items in a space where neighbours lie close: a singular value decomposition of what goes with what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import transitions

DIMENSIONS = 192
# docs/discussions/measured.md: W7, W1, W9
_TAILS = ((20, 0.7), (1, 1.0), (50, 0.9))
# Randomised SVD: Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1.
_OVERSAMPLE, _POWER_STEPS = 16, 2
# Vectors read at a time: they stay in the cache for all three tails, and a product with one is quicker than with three.
_BLOCK_ROWS = 1024


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """Unit rows of U √Σ, UΣVᵀ the leading part of D^−½ (K1 + K1ᵀ) D^−½, D its row sums; (N, 192)."""
    counts = transitions(data, fitting, "near")
    if not counts.nnz:
        raise DoesNotApply("nobody engaged with two items")
    both = (counts + counts.T).tocsr()
    scale = 1.0 / np.sqrt(np.maximum(np.asarray(both.sum(axis=1)).ravel(), 1e-9))
    own = np.repeat(scale, np.diff(both.indptr))
    both.data = (both.data * own * scale[both.indices]).astype(np.float32)
    return {"space": space(both, DIMENSIONS, fitting.seed)}


def space(matrix: Any, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Unit rows of the leading singular vectors of a symmetric matrix, each times √σ; (N, ≤ dimensions)."""
    count = matrix.shape[0]
    size = min(dimensions + _OVERSAMPLE, count)
    start = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    basis = _orthonormal(matrix @ start)
    for _ in range(_POWER_STEPS):
        basis = _orthonormal(matrix @ basis)
    small = basis.T @ (matrix @ basis)
    values, vectors = np.linalg.eigh((small + small.T) / 2.0)
    order = np.argsort(-np.abs(values), kind="stable")[: min(dimensions, size)]
    found = basis @ (vectors[:, order] * np.sqrt(np.abs(values[order])))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (found / np.where(lengths > 1e-9, lengths, 1.0)).astype(np.float32)
    return unit


def _orthonormal(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """An orthonormal basis of what the columns span: A V Λ^−½, AᵀA = V Λ Vᵀ; a tenth of a QR's steps.

    Directions below 1e-6 of the largest are rounding, and are left out.
    """
    values, vectors = np.linalg.eigh((columns.T @ columns).astype(np.float64))
    kept = values > 1e-6 * max(float(values[-1]), 1e-30)
    whitening = vectors[:, kept] / np.sqrt(values[kept])
    return np.asarray(columns @ whitening.astype(np.float32))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Σ_k w_k γ^(k−1) cos(x_k, ·) over each tail; (3, C)."""
    vectors = parts["space"]
    seen = vectors[history.rows]
    places = np.arange(len(seen))
    weights = np.stack(
        [np.where(places < tail, history.weights * decay**places, 0.0) for tail, decay in _TAILS]
    )
    tastes = weights.astype(np.float32) @ seen
    own = vectors if frame.rows is None else vectors.take(frame.rows, axis=0)
    found = np.empty((len(tastes), len(own)))
    for start in range(0, len(own), _BLOCK_ROWS):
        block = own[start : start + _BLOCK_ROWS]
        for line, taste in enumerate(tastes):
            found[line, start : start + _BLOCK_ROWS] = block @ taste
    return found


MODEL = Model(
    name="spectral",
    features=("spectral.near", "spectral.last", "spectral.whole"),
    fit=fit,
    score=score,
)
