"""Filters that protect the person: suppression, frequency caps, conflicts, nothing to show; and all in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.decision import Exposed, Filtered
from eachwise.contracts.experience import Cap
from eachwise.contracts.individual import CONTACTS_MAX
from eachwise.decide.eligibility import Verdicts, consent, eligibility, moment_words, schedule
from eachwise.decide.items import Screen
from eachwise.decide.situation import Situation

HIDDEN_EXPERIENCE = "experience:"
_MICROSECONDS = 1_000_000
_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What filters may look at: the situation, what was shown (held places included), and the item screen."""

    situation: Situation
    shown: Sequence[Exposed]
    screen: Screen


def suppression(evidence: Evidence) -> Verdicts:
    """Out: experiences that the person hid."""
    row_of = evidence.situation.plan.layout.row_of
    return {
        row_of[name[len(HIDDEN_EXPERIENCE) :]]: f"the person hid it on {moment_words(time_us)}"
        for name, time_us in evidence.situation.hidden.items()
        if name.startswith(HIDDEN_EXPERIENCE) and name[len(HIDDEN_EXPERIENCE) :] in row_of
    }


def frequency(evidence: Evidence) -> Verdicts:
    """Out: experiences whose own cap, or whose channel's cap, is reached.

    Counted are exposures after now − window, each decision once, and the places held by live reservations. What
    cannot be known fails closed: an exposure that names no experience counts for each, and where the kept contacts do
    not reach back through the window the cap counts as reached.
    """
    situation = evidence.situation
    layout = situation.plan.layout
    reached = ""
    if layout.placement.caps:
        reached = _reached(layout.placement.caps, _in_channel(evidence), situation)
    if reached:
        reason = f"channel {layout.placement.channel}: {reached}"
        return dict.fromkeys(range(len(layout.experiences)), reason)
    times: dict[str, list[int]] = {}
    for each in evidence.shown if layout.capped else ():
        times.setdefault(each.experience_id, []).append(each.at_us)
    unnamed = times.pop("", [])
    found = {}
    for row in layout.capped:
        experience = layout.experiences[row]
        own = times.get(experience.experience_id, []) + unnamed
        if reason := _reached(experience.caps, own, situation):
            found[row] = reason
    return found


def conflict(evidence: Evidence) -> Verdicts:
    """Out: experiences that declare an attribute which runs against the person."""
    found: Verdicts = {}
    carriers = evidence.situation.plan.layout.carriers
    for value, reason in evidence.screen.conflicts.items():
        for row in carriers.get(value, ()):
            found.setdefault(row, f"{value}: {reason}")
    return found


def no_items(evidence: Evidence) -> Verdicts:
    """Out: experiences whose item query has nothing left that may be shown."""
    layout = evidence.situation.plan.layout
    empty = layout.querying & (evidence.screen.best == -np.inf)
    return dict.fromkeys(
        empty.nonzero()[0].tolist(), "no item is left that may be shown to this person"
    )


def _of_situation(check: Callable[[Situation], Verdicts]) -> Callable[[Evidence], Verdicts]:
    """A filter that needs the situation only."""
    return lambda evidence: check(evidence.situation)


# The order in which filters apply; an experience counts for the first that takes it out.
FILTERS: dict[str, Callable[[Evidence], Verdicts]] = {
    "schedule": _of_situation(schedule),
    "eligibility": _of_situation(eligibility),
    "consent": _of_situation(consent),
    "suppression": suppression,
    "frequency": frequency,
    "conflict": conflict,
    "no_items": no_items,
}


def apply_filters(evidence: Evidence) -> tuple[list[int], list[Filtered], dict[str, int]]:
    """Rows that passed every filter, the others with filter and reason in id order, and the count of each filter."""
    verdicts: dict[int, tuple[str, str]] = {}
    counts = {}
    for name, check in FILTERS.items():
        before = len(verdicts)
        for row, reason in check(evidence).items():
            verdicts.setdefault(row, (name, reason))
        counts[name] = len(verdicts) - before
    experiences = evidence.situation.plan.layout.experiences
    passed = [row for row in range(len(experiences)) if row not in verdicts]
    filtered = [
        Filtered(
            experience_id=experiences[row].experience_id,
            filter=verdicts[row][0],
            reason=verdicts[row][1],
        )
        for row in sorted(verdicts)
    ]
    return passed, filtered, counts


def _in_channel(evidence: Evidence) -> list[int]:
    """Times of the exposures in the placement's channel; one whose channel is not known counts as in it."""
    placement = evidence.situation.plan.layout.placement
    return [
        each.at_us
        for each in evidence.shown
        if each.channel in ("", placement.channel) or each.placement_id == placement.placement_id
    ]


def _reached(caps: Sequence[Cap], times_us: Sequence[int], situation: Situation) -> str:
    """The first cap that leaves no room for one more exposure, in words; empty when all do."""
    for cap in caps:
        since_us = situation.now_us - cap.window_s * _MICROSECONDS
        count = sum(time_us > since_us for time_us in times_us)
        if count >= cap.count:
            return f"shown {count} times within {duration_words(cap.window_s)}, cap {cap.count}"
        contacts = situation.contacts
        if (
            len(contacts) >= CONTACTS_MAX
            and min(each.occurred_at_us for each in contacts) > since_us
        ):
            return (
                f"cap {cap.count} within {duration_words(cap.window_s)} cannot be counted: "
                f"the last {len(contacts)} contacts do not reach back so far"
            )
    return ""


def duration_words(seconds: int) -> str:
    """``1 day``, ``36 hours``, ``90 seconds``."""
    for size, unit in _UNITS:
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit if count != 1 else unit[:-1]}"
    return f"{seconds} seconds"
