"""Frequency caps: whose exposures each one counts, and how many there were."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eachwise.contracts.decision import Exposed
from eachwise.contracts.experience import (
    ANY_CHANNEL,
    OUTBOUND_CHANNELS,
    Cap,
    ContactPolicy,
    Experience,
    Placement,
)

# What a cap counts: ("experience", ID), ("group", NAME), ("channel", "") of the placement, ("outbound", "") all
# outbound channels, ("person", "") anything.
Counted = tuple[str, str]

CHANNEL: Counted = ("channel", "")
OUTBOUND: Counted = ("outbound", "")
PERSON: Counted = ("person", "")
_OF_ALL = {"channel": CHANNEL, "outbound": OUTBOUND, "person": PERSON}
_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The caps of one placement and its experiences.

    shared:  those that bind everything in the placement alike
    of_rows: what is counted → the experiences that a cap on it binds: (row, cap)
    reach_s: the longest window; 0 without caps
    """

    shared: tuple[tuple[Counted, Cap], ...]
    of_rows: Mapping[Counted, tuple[tuple[int, Cap], ...]]
    reach_s: int


def prepared_caps(
    placement: Placement, experiences: Sequence[Experience], contact: ContactPolicy | None = None
) -> Caps:
    """The caps by what they count; ``experiences`` in the order of their rows.

    A placement's cap ``of: experience`` binds each of its experiences by itself, ``of: group`` each group. The contact
    policy's caps and gaps (a gap is a cap of one) bind outbound placements besides; a transactional one none at all.
    """
    if placement.transactional:
        return Caps(shared=(), of_rows={}, reach_s=0)
    shared = []
    each_by_itself = []
    outbound = contact is not None and placement.channel in OUTBOUND_CHANNELS
    for otherwise, caps in (
        (CHANNEL, placement.caps),
        (OUTBOUND, contact.caps if contact is not None and outbound else []),
    ):
        for cap in caps:
            if cap.of in ("experience", "group"):
                each_by_itself.append(cap)
            else:
                shared.append((_OF_ALL.get(cap.of, otherwise), cap))
    if contact is not None and outbound:
        for counted, name in ((OUTBOUND, ANY_CHANNEL), (CHANNEL, placement.channel)):
            if name in contact.gaps:
                shared.append((counted, Cap(count=1, window_s=contact.gaps[name])))
    of_rows: dict[Counted, list[tuple[int, Cap]]] = {}
    for row, experience in enumerate(experiences):
        for cap in experience.caps:
            of_rows.setdefault(_counted(cap, experience), []).append((row, cap))
        for cap in each_by_itself:
            if cap.of == "experience" or experience.group:
                of_rows.setdefault(_counted(cap, experience), []).append((row, cap))
    windows = [cap.window_s for _, cap in shared]
    windows += [cap.window_s for bound in of_rows.values() for _, cap in bound]
    return Caps(
        shared=tuple(shared),
        of_rows={counted: tuple(bound) for counted, bound in of_rows.items()},
        reach_s=max(windows, default=0),
    )


def _counted(cap: Cap, experience: Experience) -> Counted:
    if cap.of in _OF_ALL:
        return _OF_ALL[cap.of]
    if cap.of == "group" and experience.group:
        return ("group", experience.group)
    return ("experience", experience.experience_id)


class Tally:
    """How often a person was shown what a cap counts. What is not known of an exposure counts for each: an exposure
    without experience for every experience and group, one without channel for every channel."""

    __slots__ = ("_times", "_unnamed")

    def __init__(
        self, shown: Sequence[Exposed], placement: Placement, group_of: Mapping[str, str]
    ) -> None:
        times: dict[Counted, list[int]] = {PERSON: [], CHANNEL: [], OUTBOUND: []}
        unnamed: list[int] = []
        for each in shown:
            times[PERSON].append(each.at_us)
            if (
                each.channel in ("", placement.channel)
                or each.placement_id == placement.placement_id
            ):
                times[CHANNEL].append(each.at_us)
            if not each.channel or each.channel in OUTBOUND_CHANNELS:
                times[OUTBOUND].append(each.at_us)
            if not each.experience_id:
                unnamed.append(each.at_us)
                continue
            times.setdefault(("experience", each.experience_id), []).append(each.at_us)
            group = group_of.get(each.experience_id)
            if group:
                times.setdefault(("group", group), []).append(each.at_us)
        self._unnamed = sorted(unnamed)
        self._times = {counted: sorted(found) for counted, found in times.items()}

    @property
    def has_unnamed(self) -> bool:
        """Whether some exposures count for every experience."""
        return bool(self._unnamed)

    def seen(self, counted: Counted) -> bool:
        """Whether there is anything of this to count."""
        return counted in self._times

    def after(self, counted: Counted, since_us: int) -> int:
        """How many exposures of this came after a time."""
        found = self._times.get(counted, [])
        count = len(found) - bisect_right(found, since_us)
        if counted[0] in ("experience", "group"):
            count += len(self._unnamed) - bisect_right(self._unnamed, since_us)
        return count


def duration_words(seconds: int) -> str:
    """``1 day``, ``36 hours``, ``90 seconds``."""
    for size, unit in _UNITS:
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit if count != 1 else unit[:-1]}"
    return f"{seconds} seconds"
