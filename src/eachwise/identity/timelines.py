"""In whose hands a device was, and when: logins compressed to the moments at which the owner changed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from eachwise.contracts.ports import Login
from eachwise.identity.cells import Key


def owner_at(runs: Sequence[Login], key: Key) -> str:
    """The login in force at a moment, else the next one; "" where nobody ever logged in."""
    if not runs:
        return ""
    if len(runs) == 1:
        return runs[0].identifier
    place = bisect_right(runs, key, key=_key)
    return runs[max(0, place - 1)].identifier


def compressed(logins: Iterable[Login], counts: Callable[[str], bool]) -> list[Login]:
    """The timeline that a set of logins makes, of those whose identifier ``counts``."""
    runs: list[Login] = []
    for login in sorted(set(logins)):
        if counts(login.identifier) and (not runs or runs[-1].identifier != login.identifier):
            runs.append(login)
    return runs


def changed_owners(old: Sequence[Login], new: Sequence[Login]) -> set[tuple[str, str]]:
    """(old owner, new owner) of every stretch of time whose owner differs between two timelines, neither empty."""
    moments: list[Key] = [(-(2**63), ""), *(_key(login) for login in (*old, *new))]
    owners = ((owner_at(old, moment), owner_at(new, moment)) for moment in moments)
    return {pair for pair in owners if pair[0] != pair[1]}


def _key(login: Login) -> Key:
    return login.occurred_at_us, login.message_id
