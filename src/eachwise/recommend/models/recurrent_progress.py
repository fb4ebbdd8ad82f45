"""How far a training of the recurrent net has come: kept in a file after every epoch, to go on from there."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from eachwise.contracts.taste import Parts
from eachwise.maths.hashing import stable_hash
from eachwise.recommend.models.recurrent_net import State
from eachwise.recommend.models.recurrent_stream import Sequences

_FILE = "recurrent.npz"
_NUMBERS = ("epoch", "falls_at", "ends_at", "best", "best_epoch", "spent_s")


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where a training stands.

    falls_at, ends_at: the epochs before which the learning rate begins to fall and the training ends
    best, best_epoch, kept: the best epoch so far, how good it was, and what serves of it
    """

    state: State
    falls_at: int
    ends_at: int
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    spent_s: float = 0.0
    kept: Parts = field(default_factory=dict)


def fingerprint(sequences: Sequences, seed: int, settings: tuple[int, ...]) -> int:
    """What a training is of: another one's progress must not be taken up."""
    rows, indptr = zlib.crc32(sequences.rows.tobytes()), zlib.crc32(sequences.indptr.tobytes())
    return stable_hash(rows, indptr, len(sequences.rows), seed, *settings)


def save(work: Path | None, mark: int, progress: Progress) -> None:
    """Write the progress into a folder (None: nowhere), whole or not at all."""
    if work is None:
        return
    arrays: dict[str, Any] = {name: np.array(getattr(progress, name)) for name in _NUMBERS}
    arrays["mark"] = np.array(mark)
    arrays |= {f"kept/{name}": array for name, array in progress.kept.items()}
    for part, weights in _named(progress.state):
        arrays |= {f"{part}/{name}": np.asarray(array) for name, array in weights.items()}
    arrays["steps"] = np.asarray(progress.state.steps)
    work.mkdir(parents=True, exist_ok=True)
    unfinished = work / f"{_FILE}.part"
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(work / _FILE)


def load(work: Path | None, mark: int) -> Progress | None:
    """The progress of this training, where the folder holds one that can be read."""
    if work is None or not (work / _FILE).is_file():
        return None
    try:
        with np.load(work / _FILE, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    if int(arrays["mark"]) != mark:
        return None
    weights, first, second, average = (
        {name: jnp.asarray(array) for name, array in _under(arrays, part)} for part in _PARTS
    )
    state = State(weights, first, second, average, jnp.asarray(arrays["steps"]))
    numbers = {name: arrays[name].item() for name in _NUMBERS}
    return Progress(state=state, kept=dict(_under(arrays, "kept")), **numbers)


_PARTS = ("weights", "first", "second", "average")


def _named(state: State) -> Iterator[tuple[str, dict[str, Array]]]:
    return ((part, getattr(state, part)) for part in _PARTS)


def _under(arrays: Mapping[str, NDArray[Any]], part: str) -> Iterator[tuple[str, NDArray[Any]]]:
    prefix = f"{part}/"
    return (
        (name.removeprefix(prefix), array)
        for name, array in arrays.items()
        if name.startswith(prefix)
    )
