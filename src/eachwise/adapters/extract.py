"""Engagements read so far, in a folder: training goes on where it stopped, and the next one reads only what came since.

``rows`` is appended to, as are the lists of names; ``extract.json`` says how much of each counts, and is replaced whole
after the rest is on disk. What a killed training had written beyond it is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.errors import StoreError
from eachwise.contracts.training import ROW, Extracted, InteractionPage, Sender

K = TypeVar("K", bound=Hashable)

_HEAD = "extract.json"
_ROWS, _SENDERS, _ITEMS = "rows", "senders.jsonl", "items.jsonl"


class _Head(msgspec.Struct, kw_only=True):
    rules: str = ""
    sequence: int = 0
    rows: int = 0
    sizes: dict[str, int] = {}
    actions: list[str] = []
    weights: dict[str, float] = {}


class Extract:
    """One folder's engagements. One process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open, or begin, the extract in a folder. Raises ``StoreError`` where its files cannot be used."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            head = folder / _HEAD
            found = head.read_bytes() if head.is_file() else b"{}"
            self._head = msgspec.json.decode(found, type=_Head)
            self._load()
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreError(
                f"cannot use the training folder {folder}: {error}; delete it to begin anew"
            ) from error

    def _load(self) -> None:
        for name in (_ROWS, _SENDERS, _ITEMS):
            file = self._folder / name
            size = self._head.sizes.get(name, 0)
            if (file.stat().st_size if file.is_file() else 0) < size:
                raise OSError(f"{name} is shorter than it was")
            with file.open("ab") as opened:
                opened.truncate(size)
        senders = (self._folder / _SENDERS).read_bytes()
        items = (self._folder / _ITEMS).read_bytes()
        self._senders = {
            sender: place
            for place, sender in enumerate(msgspec.json.Decoder(Sender).decode_lines(senders))
        }
        self._items = {
            item: place for place, item in enumerate(msgspec.json.Decoder(str).decode_lines(items))
        }

    @property
    def sequence(self) -> int:
        """The last event of the log that it has seen."""
        return self._head.sequence

    @property
    def rows(self) -> int:
        """How many engagements it holds."""
        return self._head.rows

    def fits(self, page: InteractionPage) -> bool:
        """Whether a page continues this extract: read by the same rules, from a log that reaches as far."""
        return self._head.rules in ("", page.rules) and page.newest >= self._head.sequence

    def clear(self) -> None:
        """Forget everything."""
        self._head = _Head()
        self._write_head()
        self._load()

    def append(self, page: InteractionPage) -> None:
        """Take the page that begins after ``sequence``; durable when this returns."""
        rows = np.empty(len(page.action), dtype=ROW)
        sender_of, new_senders = _numbered(self._senders, page.senders)
        item_of, new_items = _numbered(self._items, page.items)
        rows["sender"] = sender_of[np.frombuffer(page.sender, dtype="<u4")]
        rows["item"] = item_of[np.frombuffer(page.item, dtype="<u4")]
        actions = self._head.actions
        actions += [action for action in page.actions if action not in actions]
        action_of = np.array([actions.index(action) for action in page.actions], dtype=np.uint8)
        rows["action"] = action_of[np.frombuffer(page.action, dtype="u1")] if len(rows) else 0
        rows["at_us"] = np.frombuffer(page.at_us, dtype="<i8")
        for name, added in (
            (_ROWS, rows.tobytes()),
            (_SENDERS, msgspec.json.Encoder().encode_lines(new_senders)),
            (_ITEMS, msgspec.json.Encoder().encode_lines(new_items)),
        ):
            with (self._folder / name).open("ab") as file:
                file.write(added)
                file.flush()
                os.fsync(file.fileno())
                self._head.sizes[name] = file.tell()
        self._head.rules = page.rules
        self._head.sequence = page.sequence
        self._head.rows += len(rows)
        self._head.weights = page.weights
        self._write_head()

    def read(self) -> Extracted:
        """Everything so far; the rows are mapped from the file, not read into memory."""
        rows = (
            np.memmap(self._folder / _ROWS, dtype=ROW, mode="r", shape=(self._head.rows,))
            if self._head.rows
            else np.empty(0, dtype=ROW)
        )
        return Extracted(
            senders=list(self._senders),
            items=list(self._items),
            actions=list(self._head.actions),
            rows=rows,
            weights=self._head.weights,
        )

    def _write_head(self) -> None:
        new = self._folder / f"{_HEAD}.new"
        with new.open("wb") as file:
            file.write(msgspec.json.encode(self._head))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / _HEAD)


def _numbered(known: dict[K, int], names: list[K]) -> tuple[NDArray[np.uint32], list[K]]:
    """The number of each of these distinct names, and those that got one only now."""
    before = len(known)
    numbers = [known.setdefault(name, len(known)) for name in names]
    new = [name for name, number in zip(names, numbers, strict=True) if number >= before]
    return np.array(numbers, dtype=np.uint32), new
