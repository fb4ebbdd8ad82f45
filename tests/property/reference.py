"""Identity by brute force over the whole set of events: slow, plain, and blind to the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence

from eachwise.contracts.events import Event
from eachwise.identity import Link, links_of
from eachwise.identity.links import Reader
from eachwise.settings import IdentitySettings

Key = tuple[int, str]


class Reference:
    """Who is who, given every event there is."""

    def __init__(self, events: Sequence[Event], settings: IdentitySettings) -> None:
        self.settings = settings
        self.reader = Reader(settings)
        links = [link for event in events for link in links_of(event, settings)]
        self.voids = {frozenset((x.left, x.right)) for x in links if x.kind == "void"}
        self._resolve(links)
        self._time(links)
        self._pair(events)

    def _resolve(self, links: Sequence[Link]) -> None:
        first: dict[frozenset[str], tuple[Key, str]] = {}
        for link in links:
            if link.kind in ("same", "alias"):
                stated = (_key(link), link.right if link.kind == "alias" else "")
                pair = frozenset((link.left, link.right))
                first[pair] = min(first.get(pair, stated), stated)
        most = self.settings.merges_per_individual_max
        names = {name for pair in first for name in pair}
        earliest: dict[str, set[frozenset[str]]] = {}
        for name in names:
            mine = [(first[pair], min(pair - {name}), pair) for pair in first if name in pair]
            earliest[name] = {pair for *_, pair in sorted(mine, key=lambda x: x[:2])[:most]}
        persons = {name: _Person({name}) for name in names}
        for pair in sorted(first, key=lambda pair: (first[pair], *sorted(pair))):
            left, right = sorted(pair)
            if pair in self.voids or not all(pair in earliest[name] for name in pair):
                continue
            key, target = first[pair]
            joined = persons[left].joined(persons[right], (key, left, right, target))
            if persons[left] is persons[right] or joined.allowed(self.settings):
                for member in joined.members:
                    persons[member] = joined
        self.persons = persons

    def _time(self, links: Sequence[Link]) -> None:
        logins: dict[str, list[tuple[Key, str]]] = {}
        first: dict[str, dict[str, Key]] = {}
        for link in links:
            if link.kind == "login":
                key, device, owner = _key(link), link.left, link.right
                logins.setdefault(device, []).append((key, owner))
                known = first.setdefault(owner, {})
                known[device] = min(known.get(device, key), key)
        most = self.settings.devices_per_individual_max
        self.devices = {
            owner: set(sorted(known, key=lambda d: (known[d], d))[:most])
            for owner, known in first.items()
        }
        self.timelines = {
            device: sorted(
                (key, owner)
                for key, owner in all_of
                if device in self.devices[owner] and frozenset((device, owner)) not in self.voids
            )
            for device, all_of in logins.items()
        }

    def _pair(self, events: Sequence[Event]) -> None:
        first: dict[str, dict[str, Key]] = {}
        for event in events:
            names = self.reader.names(event)
            if names.anonymous and names.device and not names.user:
                key = (event.occurred_at_us, event.message_id)
                for one, other in (
                    (names.anonymous, names.device),
                    (names.device, names.anonymous),
                ):
                    known = first.setdefault(one, {})
                    known[other] = min(known.get(other, key), key)
        most = self.settings.devices_per_individual_max
        self.partners = {
            one: set(sorted(known, key=lambda d: (known[d], d))[:most])
            for one, known in first.items()
        }

    def person(self, identifier: str) -> str:
        """The canonical id behind a strong identifier."""
        return self.persons[identifier].canonical() if identifier in self.persons else identifier

    def owner(self, device: str, key: Key) -> str | None:
        """Whose a device was: the login in force, else the next."""
        timeline = self.timelines.get(device, [])
        if not timeline:
            return None
        before = [owner for at, owner in timeline if at <= key]
        return self.person(before[-1] if before else timeline[0][1])

    def person_of(self, event: Event) -> str:
        """The person an event belongs to."""
        names = self.reader.names(event)
        key = (event.occurred_at_us, event.message_id)
        if names.user:
            return self.person(names.user)
        if names.anonymous:
            owner = self.owner(names.anonymous, key)
            if owner is not None:
                return owner
            if (
                names.device
                and names.device in self.partners[names.anonymous]
                and names.anonymous in self.partners[names.device]
            ):
                return self.owner(names.device, key) or names.anonymous
            return names.anonymous
        if names.device:
            return self.owner(names.device, key) or names.device
        return ""


class _Person:
    """Strong identifiers united, with the links that did it."""

    def __init__(
        self, members: set[str], links: tuple[tuple[Key, str, str, str], ...] = ()
    ) -> None:
        self.members = members
        self.links = links

    def joined(self, other: _Person, link: tuple[Key, str, str, str]) -> _Person:
        return _Person(
            self.members | other.members, tuple(sorted({*self.links, *other.links, link}))
        )

    def allowed(self, settings: IdentitySettings) -> bool:
        users = [{name} for name in self.members if name.startswith("user:")]
        for _, left, right, target in self.links:
            if target:
                mixed = [one for one in users if left in one or right in one]
                users = [one for one in users if one not in mixed] + [set().union(*mixed)]
        return (
            len(users) <= settings.users_per_individual_max
            and sum(name.startswith("email:") for name in self.members)
            <= settings.emails_per_individual_max
            and self.unions() <= settings.merges_per_individual_max
        )

    def unions(self) -> int:
        return len(self.members) - 1

    def canonical(self) -> str:
        targets = [target for *_, target in self.links if target]
        if targets:
            return targets[-1]
        users = [name for name in self.members if name.startswith("user:")]
        return min(users or self.members)


def _key(link: Link) -> Key:
    return link.occurred_at_us, link.message_id
