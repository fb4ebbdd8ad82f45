"""Which strong identifiers are one person: a function of the set of their links in their own time order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from eachwise.identity.cells import Edge, StrongCell
from eachwise.settings import IdentitySettings

# An accepted link: its statement and its two ends, the smaller identifier first.
Accepted = tuple[Edge, str, str]


@dataclass(slots=True)
class _Group:
    """Identifiers united so far. ``users`` holds sets of user ids: those of one set are one user by alias."""

    members: list[str]
    users: list[set[str]]
    emails: int
    unions: int = 0
    target: str = ""
    links: list[Accepted] = field(default_factory=list)

    @classmethod
    def of(cls, identifier: str) -> _Group:
        """The group of one identifier alone."""
        is_user = identifier.startswith("user:")
        return cls([identifier], [{identifier}] if is_user else [], 0 if is_user else 1)

    @property
    def person(self) -> str:
        """The canonical id: the target of the latest alias, else the smallest user id, else the smallest e-mail."""
        if self.target:
            return self.target
        return min((user for one in self.users for user in one), default=min(self.members))

    def with_alias(self, left: str, right: str) -> list[set[str]]:
        """The users, once these two are one."""
        joined = [one for one in self.users if left in one or right in one]
        rest = [one for one in self.users if left not in one and right not in one]
        return [*rest, set().union(*joined)]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who is who among some identifiers: identifier → person, and each person's accepted links in order."""

    person: dict[str, str]
    links: dict[str, list[Accepted]]


def holds(left: str, mine: StrongCell, right: str, other: StrongCell | None) -> bool:
    """Whether a link counts at all: among the earliest of both ends, and never parted."""
    return (
        right in mine.links
        and other is not None
        and left in other.links
        and right not in mine.voids
    )


def component(
    start: Iterable[str], find: Callable[[str], StrongCell | None]
) -> dict[str, StrongCell]:
    """Every identifier that links which count (refused ones too) connect with these, with its cell."""
    found: dict[str, StrongCell] = {}
    waiting = [identifier for identifier in start if identifier]
    while waiting:
        identifier = waiting.pop()
        if identifier in found:
            continue
        cell = found[identifier] = find(identifier) or StrongCell()
        waiting += [o for o in cell.links if o not in found and holds(identifier, cell, o, find(o))]
    return found


def resolved(members: Mapping[str, StrongCell], settings: IdentitySettings) -> Resolution:
    """Unite in the order of first statement; a link that would take a person over a limit is refused.

    ``members`` must be whole components. Limits: users (those joined by alias count as one), e-mail addresses, unions.
    """
    edges = sorted(
        (edge, left, right)
        for left, cell in members.items()
        for right, edge in cell.links.items()
        if left < right and right in members and holds(left, cell, right, members[right])
    )
    groups = {identifier: _Group.of(identifier) for identifier in members}
    for edge, left, right in edges:
        _unite(groups, edge, left, right, settings)
    return Resolution(
        {identifier: group.person for identifier, group in groups.items()},
        {group.person: group.links for group in groups.values()},
    )


def _unite(
    groups: dict[str, _Group], edge: Edge, left: str, right: str, settings: IdentitySettings
) -> None:
    """Take one link in, or leave the groups as they are."""
    a, b = groups[left], groups[right]
    if a is b:
        joined = a
    else:
        joined = _Group(
            members=a.members + b.members,
            users=a.users + b.users,
            emails=a.emails + b.emails,
            unions=a.unions + b.unions + 1,
            target=_latest_target(a, b),
            links=sorted(a.links + b.links),
        )
    users = joined.with_alias(left, right) if edge.target else joined.users
    if a is not b and (
        len(users) > settings.users_per_individual_max
        or joined.emails > settings.emails_per_individual_max
        or joined.unions > settings.merges_per_individual_max
    ):
        return
    joined.users = users
    joined.links.append((edge, left, right))
    joined.target = edge.target or joined.target
    for member in joined.members:
        groups[member] = joined


def _latest_target(a: _Group, b: _Group) -> str:
    """The target of the later alias of two groups."""
    links = sorted(a.links + b.links, reverse=True)
    return next((edge.target for edge, _, _ in links if edge.target), "")
