"""What taking in an event changes about the events before it, and where a person's events are to be found."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from eachwise.contracts.ports import Login


class Change(msgspec.Struct, frozen=True):
    """What one observed event changed about events that were observed before it. Apply ``merges`` in order, first.

    merges: (from, into): the state of ``from`` is added to that of ``into``, and ``from`` is gone
    refold: persons whose state must be computed anew from the log: events of :meth:`Directory.sources_of` whose
            :meth:`Directory.person_of` is the person. One that has no events any more is gone
    """

    merges: tuple[tuple[str, str], ...] = ()
    refold: frozenset[str] = frozenset()


class Sources(msgspec.Struct, frozen=True):
    """The raw ids under which a person's events may be in the log."""

    user_ids: tuple[str, ...] = ()
    anonymous_ids: tuple[str, ...] = ()
    device_ids: tuple[str, ...] = ()


UNCHANGED = Change()


class Effects:
    """Collects what one observation changes."""

    def __init__(self, logins: Callable[[str], list[Login]]) -> None:
        self.logins = logins
        self.merges: list[tuple[str, str]] = []
        self.refold: set[str] = set()

    def change(self) -> Change:
        """The whole: what is merged into, or out of, a stale state is stale."""
        if not self.merges and not self.refold:
            return UNCHANGED
        for source, target in self.merges:
            if source in self.refold:
                self.refold.add(target)
        return Change(tuple(self.merges), frozenset(self.refold))
