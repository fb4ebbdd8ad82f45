"""What one training is of, in a folder: so that the same command goes on with it when it was stopped on the way."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import msgspec
import numpy as np

from eachwise.contracts.catalog import Item
from eachwise.contracts.taste import Interactions

_ARRAYS, _ITEMS, _READY = "interactions.npz", "items.msgpack", "ready"
_NAMES = ("indptr", "rows", "at_s", "weights", "bought")


class _Listed(msgspec.Struct):
    """The catalogue, and the items that the engagements are of."""

    version: int
    items: list[Item]
    item_ids: tuple[str, ...]


class Snapshot:
    """The engagements and the catalogue of a training that is not finished; none where there is no such training."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, data: Interactions, items: list[Item], version: int) -> None:
        """Keep them, whole or not at all."""
        self.clear()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arrays = {name: getattr(data, name) for name in _NAMES}
        with (self.folder / _ARRAYS).open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        listed = _Listed(version, items, data.item_ids)
        _write(self.folder / _ITEMS, msgspec.msgpack.encode(listed))
        _write(self.folder / _READY, b"")

    def load(self) -> tuple[Interactions, list[Item], int] | None:
        """What was kept, or None: what was not kept whole counts as nothing."""
        if not (self.folder / _READY).is_file():
            return None
        try:
            listed = msgspec.msgpack.decode((self.folder / _ITEMS).read_bytes(), type=_Listed)
            with np.load(self.folder / _ARRAYS, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in _NAMES}
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, msgspec.MsgspecError):
            return None
        return Interactions(item_ids=listed.item_ids, **arrays), listed.items, listed.version

    def began_s(self) -> float:
        """When it was kept, in seconds since 1970; 0 where there is none."""
        ready = self.folder / _READY
        return ready.stat().st_mtime if ready.is_file() else 0.0

    def clear(self) -> None:
        """Forget it, and every file beside it: what was fitted of it too."""
        # First of all what says that the rest is whole.
        (self.folder / _READY).unlink(missing_ok=True)
        if self.folder.is_dir():
            for file in self.folder.iterdir():
                if file.is_file():
                    file.unlink()


def _write(path: Path, body: bytes) -> None:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
