"""What is remembered of each identifier, and the bounded cache that holds it between the store and the directory."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from eachwise.contracts.ports import Login

# When something was said: (occurred_at_us, message_id). The order of everything in identity.
Key = tuple[int, str]


class Edge(msgspec.Struct, array_like=True, frozen=True):
    """A strong link seen from one end: when it was first stated, and for an alias the id that names the person."""

    occurred_at_us: int
    message_id: str
    target: str = ""

    @property
    def key(self) -> Key:
        """Its place in the order."""
        return self.occurred_at_us, self.message_id


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
    partners: anonymous id ↔ device ids that sent anonymous events together → the first time. On a device they are
              limited to the earliest ``devices_per_individual_max``: only those fall back to the device's timeline
    """

    runs: list[Login] = []
    pinned: list[Login] = []
    voids: set[str] = set()
    partners: dict[str, Key] = {}


Cell = StrongCell | DeviceCell

_decode_strong = msgspec.msgpack.Decoder(StrongCell).decode
_decode_device = msgspec.msgpack.Decoder(DeviceCell).decode
_encode = msgspec.msgpack.Encoder().encode


def admit(kept: dict[str, Key], name: str, key: Key, most: int) -> tuple[bool, str]:
    """Keep the ``most`` names of the earliest keys, each with its earliest: the same set whatever the order of arrival.

    Returns whether anything changed and the name that had to go ("" for none); a name that is not among the earliest
    changes nothing.
    """
    known = kept.get(name)
    if known is not None:
        if known <= key:
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
        """The cell, or None where nothing is known; not to be changed without :meth:`touch`."""
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

    def edit_strong(self, identifier: str) -> StrongCell:
        """The cell to be changed, new if need be."""
        cell = self.strong(identifier) or StrongCell()
        self._touch(identifier, cell)
        return cell

    def edit_device(self, identifier: str) -> DeviceCell:
        """The cell to be changed, new if need be."""
        cell = self.device(identifier) or DeviceCell()
        self._touch(identifier, cell)
        return cell

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

    def _touch(self, identifier: str, cell: Cell) -> None:
        self._young[identifier] = cell
        self._changed[identifier] = cell

    def _load(self, identifier: str) -> Cell | None:
        if identifier in self._old:
            cell = self._old[identifier]
        elif identifier in self._changed:
            cell = self._changed[identifier]
        elif identifier in self._in_flight:
            cell = self._in_flight[identifier]
        else:
            stored = self._read(identifier)
            strong = identifier.startswith(("user:", "email:"))
            if stored is None:
                cell = None
            else:
                cell = _decode_strong(stored) if strong else _decode_device(stored)
        if len(self._young) >= self._generation_max:
            self._old, self._young = self._young, {}
        self._young[identifier] = cell
        return cell
