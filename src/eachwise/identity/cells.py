"""What is remembered of each identifier, and the bounded cache that holds it between the store and the directory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from eachwise.contracts.ports import Login

# Typed identifiers: the strong ones name a person, the device-like ones a thing that people share and lose.
STRONG = ("user:", "email:")
DEVICE_LIKE = ("anon:", "device:")

# When something was said: (occurred_at_us, message_id). The order of everything in identity.
Key = tuple[int, str]


class Edge(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A strong link seen from one end: when it was first stated, and for an alias the id that names the person."""

    occurred_at_us: int
    message_id: str
    target: str = ""


class StrongCell(msgspec.Struct, array_like=True):
    """What is known of a user id or an e-mail address.

    person:  the canonical id of the person it belongs to ("" = its own)
    links:   the other end → the earliest statement of the link; the earliest ``merges_per_individual_max`` of them
    voids:   identifiers that it was parted from, device-like ones too
    devices: device-like identifier → its first login with this one; the earliest ``devices_per_individual_max``
    """

    person: str = ""
    links: dict[str, Edge] = {}
    voids: set[str] = set()
    devices: dict[str, Key] = {}


class DeviceCell(msgspec.Struct, array_like=True):
    """What is known of an anonymous id or a device.

    runs:     its timeline: the logins at which the owner changed, ascending
    pinned:   logins that the log of logins cannot tell
    voids:    strong identifiers whose logins on it do not count
    partners: of an anonymous id the devices, of a device the anonymous ids, that sent anonymous events together → the
              first time; the earliest ``devices_per_individual_max``. What holds on both sides holds
    """

    runs: list[Login] = []
    pinned: list[Login] = []
    voids: set[str] = set()
    partners: dict[str, Key] = {}


Cell = StrongCell | DeviceCell

_decode_strong = msgspec.msgpack.Decoder(StrongCell).decode
_decode_device = msgspec.msgpack.Decoder(DeviceCell).decode
_encode = msgspec.msgpack.Encoder().encode


_Ranked = TypeVar("_Ranked", Key, Edge)


def admit(kept: dict[str, _Ranked], name: str, key: _Ranked, most: int) -> tuple[bool, str]:
    """Keep the ``most`` names of the earliest keys, each with its earliest: the same set whatever the order of arrival.

    Returns whether anything changed and the name that had to go ("" for none); a name that is not among the earliest
    changes nothing.
    """
    known = kept.get(name)
    if known is not None:
        if not key < known:
            return False, ""
        kept[name] = key
        return True, ""
    if len(kept) >= most:
        last = max(kept, key=lambda other: (kept[other], other))
        if (kept[last], last) < (key, name):
            return False, ""
        del kept[last]
        kept[name] = key
        return True, last
    kept[name] = key
    return True, ""


class Cells:
    """Cells by identifier: read through ``read``, kept in two generations, changed ones held until they are durable."""

    def __init__(self, read: Callable[[str], bytes | None], kept_max: int) -> None:
        self._read = read
        self._generation_max = max(1, kept_max // 2)
        self._young: dict[str, Cell | None] = {}
        self._old: dict[str, Cell | None] = {}
        self._changed: dict[str, Cell] = {}
        self._in_flight: dict[str, Cell] = {}

    def find(self, identifier: str) -> Cell | None:
        """The cell, or None where nothing is known; one that is changed must be :meth:`put`."""
        try:
            return self._young[identifier]
        except KeyError:
            return self._load(identifier)

    def strong(self, identifier: str) -> StrongCell | None:
        """The cell of a user id or e-mail address."""
        cell = self.find(identifier)
        return cell if isinstance(cell, StrongCell) else None

    def device(self, identifier: str) -> DeviceCell | None:
        """The cell of a device-like identifier."""
        cell = self.find(identifier)
        return cell if isinstance(cell, DeviceCell) else None

    def put(self, identifier: str, cell: Cell) -> None:
        """This cell is new or was changed: it will be in the next :meth:`take_changes`."""
        self._young[identifier] = cell
        self._changed[identifier] = cell

    def take_changes(self) -> dict[str, bytes]:
        """Changed cells, encoded. They stay in memory until :meth:`settled`."""
        self._in_flight |= self._changed
        taken = {identifier: _encode(cell) for identifier, cell in sorted(self._changed.items())}
        self._changed = {}
        return taken

    def settled(self, *, failed: bool) -> None:
        """What was taken is durable; or it failed, and counts as changed again."""
        if failed:
            self._changed = self._in_flight | self._changed
        self._in_flight = {}

    def _load(self, identifier: str) -> Cell | None:
        if identifier in self._old:
            cell = self._old[identifier]
        elif identifier in self._changed:
            cell = self._changed[identifier]
        elif identifier in self._in_flight:
            cell = self._in_flight[identifier]
        else:
            cell = _decoded(identifier, self._read(identifier))
        if len(self._young) >= self._generation_max:
            self._old, self._young = self._young, {}
        self._young[identifier] = cell
        return cell


def _decoded(identifier: str, stored: bytes | None) -> Cell | None:
    if stored is None:
        return None
    return _decode_strong(stored) if identifier.startswith(STRONG) else _decode_device(stored)
