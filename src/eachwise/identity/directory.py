"""Whose event is it: a function of the set of links in their own time order, never of the order of arrival.

A strong identifier belongs to a person (``clusters``); a device-like one has a timeline of logins (``timelines``). An
event belongs to its user id; else to whom its anonymous id was in the hands of; else, where nobody ever logged in
there, to whom its device was; else to the anonymous id (or device) itself, which then is a person of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from eachwise.contracts.events import Event
from eachwise.contracts.individual import MergedPart
from eachwise.contracts.ports import Login
from eachwise.identity.cells import (
    DEVICE_LIKE,
    STRONG,
    Cells,
    DeviceCell,
    Edge,
    Key,
    StrongCell,
    admit,
)
from eachwise.identity.changes import UNCHANGED, Change, Effects, Sources
from eachwise.identity.clusters import component, resolved
from eachwise.identity.links import Link, Names, Reader
from eachwise.identity.parts import merged_parts
from eachwise.identity.timelines import changed_owners, compressed, owner_at
from eachwise.settings import IdentitySettings

# The person of an event that names nobody (an unmerge; ids that are all blocked): to be folded into no one.
NOBODY = ""
# Identifiers whose cells are kept in memory, and devices whose latest event is.
CELLS_MAX = 100_000
LATEST_MAX = 50_000
# The reserved identifier under which the latest time observed is kept.
HIGH = "~high"

_NEVER = -(2**63)
_END_OF_MOMENT = "\U0010ffff"


class Directory:
    """Who is who. One writer; ``read`` gives the stored cell of an identifier, as ``take_changes`` handed it out."""

    def __init__(self, read: Callable[[str], bytes | None], settings: IdentitySettings) -> None:
        self._settings = settings
        self._reader = Reader(settings)
        self._cells = Cells(read, CELLS_MAX)
        stored = read(HIGH)
        # No event observed so far is later than `_high`; none of a device that `_latest` lacks than `_floor`.
        self._high: int = msgspec.msgpack.decode(stored, type=int) if stored else _NEVER
        self._high_taken = self._floor = self._high
        self._latest: dict[str, int] = {}

    # -- reading -------------------------------------------------------------------------------------------

    def person_of(self, event: Event) -> str:
        """The person an event belongs to by the links observed so far; ``NOBODY`` where it names no one."""
        names = self._reader.names(event)
        if names.user:
            return self._person(names.user)
        runs = self._runs(names)
        if not runs:
            return names.anonymous or names.device
        return self._person(owner_at(runs, (event.occurred_at_us, event.message_id)))

    def names_of(self, event: Event) -> Names:
        """The typed identifiers that say who sent an event; all empty where it names nobody."""
        return self._reader.names(event)

    def owners(self, names: Names) -> list[tuple[int, str]]:
        """Whose the events sent under these names are by the links observed so far: (from when, person), ascending.

        The first person's begin with time. Of the microsecond of a login all events count as the new owner's.
        """
        runs = [] if names.user else self._runs(names)
        if not runs:
            device = names.anonymous or names.device
            return [(_NEVER, self._person(names.user) if names.user else device)]
        return [
            (run.occurred_at_us if place else _NEVER, self._person(run.identifier))
            for place, run in enumerate(runs)
        ]

    def _runs(self, names: Names) -> list[Login]:
        """The timeline that says whose events without a user id are, of their anonymous id or else their device."""
        device = names.anonymous or names.device
        cell = self._cells.device(device) if device else None
        if (cell is None or not cell.runs) and names.anonymous and names.device:
            other = self._cells.device(names.device)
            if other is not None and other.runs:
                partners = self._partners(names.anonymous, cell, names.device, other)
                return other.runs if partners else []
        return cell.runs if cell is not None else []

    def resolve(self, identifier: str, at_us: int | None = None) -> str:
        """The person behind a typed identifier, at a time (None: by the latest login). Old ids keep resolving."""
        if identifier.startswith(STRONG):
            return self._person(self._reader.valid(identifier) or identifier)
        if not identifier.startswith(DEVICE_LIKE):
            return identifier
        cell = self._cells.device(identifier)
        if cell is None:
            return identifier
        runs = cell.runs
        if not runs and identifier.startswith("anon:"):
            for name in sorted(cell.partners, key=lambda other: cell.partners[other]):
                other = self._cells.device(name)
                if other is not None and other.runs and identifier in other.partners:
                    runs = other.runs
        if not runs:
            return identifier
        moment = (at_us, _END_OF_MOMENT) if at_us is not None else (2**63, "")
        return self._person(owner_at(runs, moment))

    def linked(self, left: str, right: str) -> bool:
        """Whether two typed identifiers belong, or for a device-like one at any time belonged, to one person."""
        return bool(self._people_of(left) & self._people_of(right))

    def sources_of(self, person: str) -> Sources:
        """Which raw ids' events may belong to a person; none for an id that is no person's canonical one."""
        if self.resolve(person) != person and person.startswith(STRONG):
            return Sources()
        kinds: dict[str, set[str]] = {"user": set(), "anon": set(), "device": set(), "email": set()}
        members = self._members(person) if person.startswith(STRONG) else {}
        devices = (device for cell in members.values() for device in cell.devices)
        for identifier in (person, *members, *devices):
            kind, _, value = identifier.partition(":")
            kinds.setdefault(kind, set()).add(value)
        return Sources(
            tuple(sorted(kinds["user"])),
            tuple(sorted(kinds["anon"])),
            tuple(sorted(kinds["device"])),
        )

    def parts(self, person: str) -> list[MergedPart]:
        """Every link that makes a person what it is, in time order: strong links, and each device's first login."""
        if not person.startswith(STRONG):
            return []
        members = self._members(person)
        links = resolved(component(members, self._cells.strong), self._settings).links
        return merged_parts(members, links.get(person, []), self._cells.device)

    def _person(self, identifier: str) -> str:
        cell = self._cells.strong(identifier)
        return cell.person or identifier if cell is not None else identifier

    def _people_of(self, identifier: str) -> set[str]:
        cell = self._cells.device(identifier) if identifier.startswith(DEVICE_LIKE) else None
        return {self.resolve(identifier)} | (self._owners(cell.runs) if cell is not None else set())

    def _members(self, person: str) -> dict[str, StrongCell]:
        connected = component([person], self._cells.strong)
        return {name: cell for name, cell in connected.items() if (cell.person or name) == person}

    def _owners(self, runs: Iterable[Login]) -> set[str]:
        return {self._person(run.identifier) for run in runs}

    def _partners(
        self, anonymous: str, mine: DeviceCell | None, device: str, other: DeviceCell
    ) -> bool:
        """Whether an anonymous id without logins falls back to this device: among the earliest of each other."""
        most = self._settings.devices_per_individual_max
        theirs = mine.partners if mine is not None else {}
        return (anonymous in other.partners or len(other.partners) < most) and (
            device in theirs or len(theirs) < most
        )

    # -- observing -----------------------------------------------------------------------------------------

    def observe(self, event: Event, logins: Callable[[str], list[Login]]) -> Change:
        """Take the links of one newly logged event in; what that changes about events observed before.

        ``logins(device)`` gives all logins on a device-like identifier in the log, this event's among them (later ones
        may be, too). An event must be observed before it is folded, and may be observed again.
        """
        names = self._reader.names(event)
        links = self._reader.links(event, names)
        at_us = event.occurred_at_us
        if at_us > self._high:
            self._high = at_us
        change = UNCHANGED
        if links or (names.anonymous and names.device):
            effects = Effects(logins)
            for link in links:
                self._take(link, effects)
            if not names.user and names.anonymous and names.device:
                self._pair(names, (at_us, event.message_id), effects)
            change = effects.change()
        if names.anonymous:
            self._note(names.anonymous, at_us)
        if names.device:
            self._note(names.device, at_us)
        return change

    def take_changes(self) -> dict[str, bytes | None]:
        """What the next commit must write of identities. Call :meth:`settled` once that is durable, or failed."""
        changes: dict[str, bytes | None] = dict(self._cells.take_changes())
        if self._high > self._high_taken:
            changes[HIGH] = msgspec.msgpack.encode(self._high)
            self._high_taken = self._high
        return changes

    def settled(self, *, failed: bool = False) -> None:
        """The changes last taken are durable; or the commit failed, and they will be handed out again."""
        self._cells.settled(failed=failed)
        if failed:
            self._high_taken = _NEVER

    def _take(self, link: Link, effects: Effects) -> None:
        key = (link.occurred_at_us, link.message_id)
        if link.kind == "login":
            self._log_in(link, key, effects)
            self._note(link.left, link.occurred_at_us)
        elif link.kind == "void":
            self._part(link.left, link.right, effects)
        else:
            target = link.right if link.kind == "alias" else ""
            self._join(link.left, link.right, Edge(*key, target), effects)

    def _note(self, device: str, at_us: int) -> None:
        """Remember when a device's latest event was."""
        latest = self._latest
        if at_us > latest.get(device, self._floor):
            if len(latest) >= LATEST_MAX:
                latest.clear()
                self._floor = self._high
            latest[device] = at_us

    # -- strong links --------------------------------------------------------------------------------------

    def _join(self, left: str, right: str, edge: Edge, effects: Effects) -> None:
        """Take in a strong link, where it is new or earlier than known."""
        ends = [
            (name, self._cells.strong(name) or StrongCell(), other)
            for name, other in ((left, right), (right, left))
        ]
        if all(other in cell.links and cell.links[other] <= edge for _, cell, other in ends):
            return
        connected = component((left, right), self._cells.strong)
        for name, cell, other in ends:
            changed, _ = admit(cell.links, other, edge, self._settings.merges_per_individual_max)
            if changed:
                self._cells.put(name, cell)
        self._settle(connected, effects)

    def _part(self, left: str, right: str, effects: Effects) -> None:
        """Void every direct link between two identifiers, for good."""
        if left.startswith(STRONG) and right.startswith(STRONG):
            connected = component((left, right), self._cells.strong)
            for name, other in ((left, right), (right, left)):
                cell = self._cells.strong(name) or StrongCell()
                cell.voids.add(other)
                self._cells.put(name, cell)
            self._settle(connected, effects)
            return
        if left.startswith(STRONG):
            left, right = right, left
        if right.startswith(STRONG):
            device = self._cells.device(left) or DeviceCell()
            device.voids.add(right)
            self._cells.put(left, device)
            if any(run.identifier == right for run in device.runs):
                self._rebuild(left, effects)

    def _settle(self, connected: Iterable[str], effects: Effects) -> None:
        """Resolve these identifiers anew and compare: persons that only grew are merged, all others refolded."""
        members = component(connected, self._cells.strong)
        new = resolved(members, self._settings).person
        into: dict[str, set[str]] = {}
        moved: set[tuple[str, str]] = set()
        for name, cell in members.items():
            old, person = cell.person or name, new[name]
            into.setdefault(old, set()).add(person)
            if old != person:
                moved.add((old, person))
                cell.person = "" if person == name else person
                self._cells.put(name, cell)
        if any(len(persons) > 1 for persons in into.values()):
            effects.refold.update(person for pair in moved for person in pair)
        else:
            effects.merges += sorted(moved)

    # -- devices -------------------------------------------------------------------------------------------

    def _log_in(self, link: Link, key: Key, effects: Effects) -> None:
        """Take in one login on a device-like identifier."""
        device, owner = link.left, link.right
        found, timed = self._cells.strong(owner), self._cells.device(device)
        known = found.devices.get(device) if found is not None else None
        if (
            known is not None
            and known <= key
            and timed is not None
            and owner_at(timed.runs, key) == owner
            and not link.pinned
        ):
            return
        strong, cell = found or StrongCell(), timed or DeviceCell()
        most = self._settings.devices_per_individual_max
        dropped = ""
        if known is None or key < known:
            changed, dropped = admit(strong.devices, device, key, most)
            if changed:
                self._cells.put(owner, strong)
        login = Login(*key, owner)
        if link.pinned and login not in cell.pinned:
            cell.pinned.append(login)
            self._cells.put(device, cell)
        if dropped:
            self._rebuild(dropped, effects)
        if device not in strong.devices or owner in cell.voids:
            return
        if not cell.runs:
            self._retime(device, cell, [login], effects)
        elif owner_at(cell.runs, key) != owner:
            last = cell.runs[-1].occurred_at_us
            if key[0] > max(last, self._latest.get(device, self._floor)):
                cell.runs.append(login)
                self._cells.put(device, cell)
            else:
                self._rebuild(device, effects)

    def _rebuild(self, device: str, effects: Effects) -> None:
        """Make a timeline anew from every login there is."""
        cell = self._cells.device(device) or DeviceCell()

        def counts(identifier: str) -> bool:
            if identifier in cell.voids or self._reader.valid(identifier) != identifier:
                return False
            strong = self._cells.strong(identifier)
            return strong is not None and device in strong.devices

        runs = compressed([*effects.logins(device), *cell.pinned], counts)
        self._retime(device, cell, runs, effects)

    def _retime(self, device: str, cell: DeviceCell, runs: list[Login], effects: Effects) -> None:
        """Give a device another timeline, and say whose events that moves."""
        old, cell.runs = cell.runs, runs
        if old == runs:
            return
        self._cells.put(device, cell)
        if old and runs:
            for before, after in changed_owners(old, runs):
                pair = {self._person(before), self._person(after)}
                if len(pair) > 1:
                    effects.refold |= pair
            return
        # From nobody's to somebody's, or back: the device's own person gives its events away, or gets them.
        owners = self._owners(old or runs)
        others: set[str] = set()
        for name in cell.partners:
            partner = self._cells.device(name)
            if partner is None or device not in partner.partners:
                continue
            if name.startswith("device:"):
                others |= self._owners(partner.runs)
            elif not partner.runs:
                others.add(name)
        if runs and len(owners) == 1 and (others <= owners or device.startswith("device:")):
            effects.merges.append((device, next(iter(owners))))
            if not others <= owners:
                effects.refold |= owners | others
        else:
            effects.refold |= {device} | owners | others

    def _pair(self, names: Names, key: Key, effects: Effects) -> None:
        """An anonymous id and a device sent an anonymous event together: should the first stay without a login, the
        second's timeline says whose it is."""
        most = self._settings.devices_per_individual_max
        for name, other in ((names.anonymous, names.device), (names.device, names.anonymous)):
            cell = self._cells.device(name)
            if cell is not None and other in cell.partners and cell.partners[other] <= key:
                continue
            cell = cell or DeviceCell()
            full = other not in cell.partners and len(cell.partners) >= most
            changed, dropped = admit(cell.partners, other, key, most)
            if changed:
                self._cells.put(name, cell)
            if changed and full:
                self._repair(name, other, effects)
                self._repair(name, dropped, effects)

    def _repair(self, name: str, other: str, effects: Effects) -> None:
        """A pair came in, or fell out, late: events may move between the anonymous id and the device's owners."""
        anonymous, device = (name, other) if name.startswith("anon:") else (other, name)
        mine, theirs = self._cells.device(anonymous), self._cells.device(device)
        if theirs is not None and theirs.runs and (mine is None or not mine.runs):
            effects.refold |= {anonymous} | self._owners(theirs.runs)
