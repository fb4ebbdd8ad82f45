"""Small recurrent nets and sequences whose next item is certain, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.catalog import build_index
from eachwise.contracts.taste import History, Interactions, Parts, TrainedModel
from eachwise.recommend.models.base import Fitting


def random_parts(count: int, seed: int = 0, d: int = 8, blocks: int = 2) -> Parts:
    """A net nobody trained, as it serves."""
    draw = np.random.default_rng(seed)

    def matrix(*shape: int) -> NDArray[np.float32]:
        drawn = draw.standard_normal(shape) / np.sqrt(shape[-2])
        return np.asarray(drawn, dtype=np.float32)

    retain = draw.uniform(0.1, 0.99, (blocks, d))
    items = matrix(count, d)
    return {
        "items": items,
        "bias": np.zeros(count, np.float32),
        "final": np.ones(d, np.float32),
        "mix": matrix(blocks, d, 2 * d),
        "out": matrix(blocks, d, d),
        "up": matrix(blocks, d, 4 * d),
        "down": matrix(blocks, 2 * d, d),
        "centre": items.mean(axis=0),
        "retain": retain.astype(np.float32),
        "admit": np.sqrt(1.0 - retain).astype(np.float32),
        "scale": np.array(4.0, dtype=np.float32),
    }


def trained_of(parts: Parts, item_ids: tuple[str, ...], version: int = 1) -> TrainedModel:
    """A trained model of nothing but this net."""
    return TrainedModel(
        version=version,
        item_ids=item_ids,
        row_of={item_id: row for row, item_id in enumerate(item_ids)},
        parts={"recurrent": parts},
        blend={"recurrent.score": 1.0},
    )


def history(*oldest_first: int) -> History:
    """A history of views, a minute apart."""
    rows = np.array(oldest_first[::-1], dtype=np.int64)
    return History(
        rows=rows,
        weights=np.ones(len(rows)),
        ages_s=60.0 * np.arange(1.0, len(rows) + 1.0),
        bought=np.zeros(len(rows), dtype=np.bool_),
        session=len(rows),
    )


def interactions(*sequences: list[int], count: int) -> Interactions:
    """People who viewed these rows in this order."""
    lengths = [len(sequence) for sequence in sequences]
    total = sum(lengths)
    return Interactions(
        item_ids=tuple(f"i{row:03d}" for row in range(count)),
        indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=np.array([row for sequence in sequences for row in sequence], dtype=np.int32),
        at_s=np.concatenate([np.arange(length, dtype=np.float64) for length in lengths]),
        weights=np.ones(total, np.float32),
        bought=np.zeros(total, dtype=np.bool_),
    )


def circle(people: int, length: int, count: int, seed: int = 0) -> Interactions:
    """Everyone goes around the items in their order, from a place of their own: the next item is certain."""
    starts = np.random.default_rng(seed).integers(0, count, people).tolist()
    return interactions(
        *([(start + step) % count for step in range(length)] for start in starts), count=count
    )


def fitting(said: list[str] | None = None, **fields: Any) -> Fitting:
    """What a fit is given; what it says goes into a list."""
    told = [] if said is None else said
    return Fitting(
        catalog=build_index((), version=1),
        memory_bytes_max=1 << 30,
        seed=0,
        say=told.append,
        **fields,
    )
