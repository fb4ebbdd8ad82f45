"""The best of many numbers, with one rule for ties."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats, Ints


def best(scores: Floats, count: int) -> Ints:
    """Positions of the ``count`` highest scores, highest first; among equals the lower position. O(n + count log)."""
    if count <= 0 or not len(scores):
        return np.zeros(0, dtype=np.int64)
    if count < len(scores):
        threshold = -np.partition(-scores, count - 1)[count - 1]
        above = np.flatnonzero(scores > threshold)
        equal = np.flatnonzero(scores == threshold)[: count - len(above)]
        kept = np.sort(np.concatenate([above, equal]))
    else:
        kept = np.arange(len(scores))
    return kept[np.argsort(-scores[kept], kind="stable")].astype(np.int64)
