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
    basis = np.linalg.qr(matrix @ start)[0]
    for _ in range(_POWER_STEPS):
        basis = np.linalg.qr(matrix @ basis)[0]
    small = basis.T @ (matrix @ basis)
    values, vectors = np.linalg.eigh((small + small.T) / 2.0)
    order = np.argsort(-np.abs(values), kind="stable")[: min(dimensions, size)]
    found = basis @ (vectors[:, order] * np.sqrt(np.abs(values[order])))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (found / np.where(lengths > 1e-9, lengths, 1.0)).astype(np.float32)
    return unit


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Σ_k w_k γ^(k−1) cos(x_k, ·) over each tail; (3, C)."""
    vectors = parts["space"]
    seen = vectors[history.rows]
    places = np.arange(len(seen))
    weights = np.stack(
        [np.where(places < tail, history.weights * decay**places, 0.0) for tail, decay in _TAILS]
    )
    tastes = weights.astype(np.float32) @ seen
    own = vectors if frame.rows is None else vectors[frame.rows]
    return np.asarray((tastes @ own.T).astype(np.float64))


MODEL = Model(
    name="spectral",
    features=("spectral.near", "spectral.last", "spectral.whole"),
    fit=fit,
    score=score,
)
