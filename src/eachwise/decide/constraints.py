"""Filters that protect the person and the page: suppression, frequency caps, what is taken or used up, conflicts,
nothing to show; and all in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Ints
from eachwise.contracts.decision import Exposed, Filtered
from eachwise.contracts.experience import Cap
from eachwise.decide.caps import Counted, Tally, duration_words
from eachwise.decide.eligibility import (
    Verdicts,
    asked,
    consent,
    eligibility,
    moment_words,
    quiet_time,
    schedule,
)
from eachwise.decide.exposures import known_since
from eachwise.decide.items import Screen
from eachwise.decide.situation import Situation
from eachwise.maths.decay import MICROSECONDS

HIDDEN_EXPERIENCE = "experience:"


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
    """Out: experiences for which a cap is reached: their own, their group's, the channel's, or the person's.

    Counted are exposures after now − window, each decision once, and the places held by live reservations. What
    cannot be known fails closed: an exposure that names no experience counts for each, and where neither the kept
    contacts nor what was read from the log reaches back through the window the cap counts as reached.
    """
    situation = evidence.situation
    layout = situation.plan.layout
    caps = layout.caps
    if not caps.reach_s:
        return {}
    tally = Tally(evidence.shown, layout.placement, layout.group_of)
    for what, cap in caps.shared:
        if reason := _reached(cap, what, tally, situation):
            return dict.fromkeys(range(len(layout.experiences)), reason)
    since_us = situation.now_us - caps.reach_s * MICROSECONDS
    surely_free = not tally.has_unnamed and known_since(
        situation.contacts, situation.earlier, since_us
    )
    found: Verdicts = {}
    for what, bound in caps.of_rows.items():
        if surely_free and not tally.seen(what):
            continue
        for row, cap in bound:
            if row not in found and (reason := _reached(cap, what, tally, situation)):
                found[row] = reason
    return found


def taken(evidence: Evidence) -> Verdicts:
    """Out: what another placement of the page has already, and whatever is of the same group."""
    situation = evidence.situation
    layout = situation.plan.layout
    found: Verdicts = {}
    groups = {layout.group_of[each]: each for each in situation.taken if each in layout.group_of}
    if groups:
        for row, experience in enumerate(layout.experiences):
            if experience.group in groups:
                other = groups[experience.group]
                found[row] = f"{other} of the same group {experience.group} is on the page"
    for each in situation.taken:
        if each in layout.row_of:
            found[layout.row_of[each]] = "it is on the page already"
    return found


def budget(evidence: Evidence) -> Verdicts:
    """Out: experiences whose budget is used up; a transactional placement goes on."""
    row_of = evidence.situation.plan.layout.row_of
    if evidence.situation.plan.layout.placement.transactional:
        return {}
    return {
        row_of[each]: reason or "its budget is used up"
        for each, reason in evidence.situation.exhausted.items()
        if each in row_of
    }


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
    "asked": _of_situation(asked),
    "schedule": _of_situation(schedule),
    "eligibility": _of_situation(eligibility),
    "consent": _of_situation(consent),
    "quiet_hours": _of_situation(quiet_time),
    "suppression": suppression,
    "frequency": frequency,
    "taken": taken,
    "budget": budget,
    "conflict": conflict,
    "no_items": no_items,
}


def apply_filters(evidence: Evidence) -> tuple[Ints, list[Filtered], dict[str, int]]:
    """Rows that passed every filter, the others with filter and reason in id order, and the count of each filter.

    ``asked`` is only counted where something was asked for by name, or would have to be.
    """
    layout = evidence.situation.plan.layout
    found: list[tuple[str, Verdicts]] = []
    counts = dict.fromkeys(FILTERS, 0)
    if evidence.situation.only is None and not layout.placement.transactional:
        del counts["asked"]
    # Which filter took a row out, by its place in ``found``; −1: none.
    taker = np.full(len(layout.experiences), -1, dtype=np.int64)
    for name, check in FILTERS.items():
        verdicts = check(evidence)
        if verdicts:
            rows = np.fromiter(verdicts, dtype=np.int64, count=len(verdicts))
            rows = rows[taker[rows] < 0]
            taker[rows] = len(found)
            counts[name] = len(rows)
            found.append((name, verdicts))
    if not found:
        return layout.rows, [], counts
    out = (taker >= 0).nonzero()[0]
    filtered = [
        Filtered(experience_id=experience_id, filter=found[place][0], reason=found[place][1][row])
        for row, place, experience_id in zip(
            out.tolist(), taker[out].tolist(), layout.ids[out].tolist(), strict=True
        )
    ]
    return (taker < 0).nonzero()[0], filtered, counts


def _reached(cap: Cap, what: Counted, tally: Tally, situation: Situation) -> str:
    """Why a cap leaves no room for one more exposure, in words; empty when it does."""
    since_us = situation.now_us - cap.window_s * MICROSECONDS
    window = duration_words(cap.window_s)
    count = tally.after(what, since_us)
    if count >= cap.count:
        reason = f"shown {count} times within {window}, cap {cap.count}"
    elif not known_since(situation.contacts, situation.earlier, since_us):
        reason = (
            f"cap {cap.count} within {window} cannot be counted: "
            f"the last {len(situation.contacts)} contacts do not reach back so far"
        )
    else:
        return ""
    return f"{_whose(what, situation)}{reason}"


def _whose(what: Counted, situation: Situation) -> str:
    """What is counted, where that is not the experience itself."""
    kind, name = what
    if kind == "channel":
        return f"channel {situation.plan.layout.placement.channel}: "
    words = {
        "group": f"group {name}: ",
        "outbound": "all outbound channels: ",
        "person": "anything: ",
    }
    return words.get(kind, "")
