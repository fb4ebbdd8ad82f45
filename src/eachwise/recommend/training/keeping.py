"""Finished fits on disk, so that a training that was killed goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.taste import Interactions, Parts

# Changes when what is fitted from the same inputs changes: older files are then not found.
_FORMAT = 2


class Keeping:
    """Reads and writes the parts of one model at a time under a folder; without one nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str, digest: str) -> dict[str, NDArray[Any]] | None:
        """What was fitted of the same inputs, or None: a file that was cut short counts as none."""
        if self.folder is None:
            return None
        try:
            # Opened here: numpy leaves the file open where it turns out to be cut short.
            with (
                self._path(name, digest).open("rb") as file,
                np.load(file, allow_pickle=False) as stored,
            ):
                return {part: stored[part] for part in stored.files}
        except (FileNotFoundError, EOFError, ValueError, zipfile.BadZipFile):
            return None

    def save(self, name: str, digest: str, parts: Parts) -> None:
        """Write the parts whole or not at all."""
        if self.folder is None:
            return
        path = self._path(name, digest)
        waiting = path.with_suffix(".part")
        with waiting.open("wb") as file:
            np.savez(file, **dict(parts))  # type: ignore[arg-type]  # names may be any text
            file.flush()
            os.fsync(file.fileno())
        waiting.replace(path)

    def _path(self, name: str, digest: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{name}-{digest[:32]}.npz"


def digest_of(data: Interactions, catalog: CatalogIndex, *more: object) -> str:
    """SHA-256 of everything a fit reads."""
    found = hashlib.sha256(repr((_FORMAT, *more)).encode())
    for array in (data.indptr, data.rows, data.at_s, data.weights, data.bought):
        found.update(np.ascontiguousarray(array).data)
    for array in (catalog.indptr, catalog.indices):
        found.update(np.ascontiguousarray(array).data)
    for texts in (data.item_ids, catalog.item_ids, catalog.values):
        found.update("\0".join(texts).encode())
    for item in catalog.items:
        found.update(item.title.encode())
    return found.hexdigest()
