"""What would lift each filter from an experience: the situation changed so, to be put through the same filter again.

What would really have to be otherwise: a time to wait for, a word of the person, a part of a rule. ``altered.spared``
takes a filter off and leaves the moment as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from eachwise.contracts.decision import Filtered
from eachwise.decide.constraints import FILTERS
from eachwise.decide.counterfactuals.altered import evidence_of, spared, unending
from eachwise.decide.counterfactuals.granting import eligible
from eachwise.decide.counterfactuals.waiting import Wait, cap_free, quiet_end, whole_milliseconds
from eachwise.decide.items import HIDDEN_ITEM, firmly_against, upper_bounds
from eachwise.decide.situation import Situation
from eachwise.maths.times import day_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """A change that lifts a filter: ``words`` go on after "if"; ``changed`` is None where nothing would do.

    ``value`` is a figure that it takes, ``at_us`` the moment to wait for.
    """

    words: str
    changed: Situation | None
    value: float | None = None
    at_us: int | None = None


def verdicts_on(situation: Situation, row: int) -> list[Filtered]:
    """Every filter that takes an experience out, not only the first, in their order."""
    evidence = evidence_of(situation)
    name = situation.plan.layout.experiences[row].experience_id
    found = []
    for label, check in FILTERS.items():
        reason = check(evidence).get(row)
        if reason is not None:
            found.append(Filtered(experience_id=name, filter=label, reason=reason))
    return found


def stopped(label: str, situation: Situation, row: int) -> bool:
    """Whether a filter takes an experience out."""
    return row in FILTERS[label](evidence_of(situation))


def lift_of(verdict: Filtered, situation: Situation, row: int) -> Lift:
    """What would lift the filter of a verdict."""
    special = _LIFTS.get(verdict.filter)
    if special is not None:
        return special(situation, row, verdict.reason)
    words = _WORDS[verdict.filter].format(
        reason=verdict.reason,
        purpose=situation.plan.layout.placement.purpose,
        channel=situation.plan.layout.placement.channel,
    )
    return Lift(words=words, changed=spared(verdict.filter, situation, row))


_WORDS: Mapping[str, str] = {
    "asked": "it had been asked for",
    "consent": "the person consented to {purpose} on {channel} ({reason})",
    "suppression": "the person had not hidden it ({reason})",
    "taken": "no other placement of the page had it, or one of its group ({reason})",
    "budget": "its budget had room ({reason})",
}


# -- what it would really take -------------------------------------------------------------------


def _in_time(situation: Situation, row: int, reason: str) -> Lift:
    """Its start; and where it has ended, that it had not."""
    layout = situation.plan.layout
    starts_us = layout.starts_us[row]
    if situation.now_us < starts_us:
        at_us = whole_milliseconds(starts_us)
        words = f"one waits for its start, on {day_words(at_us)}"
        return Lift(words=words, changed=replace(situation, now_us=at_us), at_us=at_us)
    return Lift(words=f"it had not {reason}", changed=unending(situation, row))


def _eligible(situation: Situation, row: int, reason: str) -> Lift:
    words, changed, at_us = eligible(situation, row)
    return Lift(words=words, changed=changed, at_us=at_us)


def _after(find: Callable[[Situation, int], Wait]) -> Callable[[Situation, int, str], Lift]:
    """A filter that time lifts."""

    def lift(situation: Situation, row: int, reason: str) -> Lift:
        found = find(situation, row)
        if found.changed is None:
            return Lift(words=f"{found.words} ({reason})", changed=None)
        at_us = found.changed.now_us if found.waits else None
        words = f"{found.words}, on {day_words(at_us)} ({reason})" if at_us else found.words
        return Lift(words=words, changed=found.changed, at_us=at_us)

    return lift


def _agreeing(situation: Situation, row: int, reason: str) -> Lift:
    """The dislikes that it meets taken back, and the limit of firm aversions low enough for the rest."""
    layout, settings = situation.plan.layout, situation.settings
    bound = settings.conflict_upper_bound
    values = [
        value
        for value in evidence_of(situation).screen.conflicts
        if row in layout.carriers.get(value, ())
    ]
    said = [value for value in values if situation.declared.get(value, 0.0) < 0]
    declared = {value: sign for value, sign in situation.declared.items() if value not in said}
    signs = situation.affinity.declared.copy()
    columns = [layout.catalog.value_of[each] for each in values if each in layout.catalog.value_of]
    signs[columns] = np.maximum(signs[columns], 0.0)
    affinity = replace(situation.affinity, declared=signs)
    firm = [each for each in columns if firmly_against(affinity, bound)[each]]
    words = [f"the person took back the dislike of {', '.join(said)}"] if said else []
    value = None
    if firm:
        value = min(bound, *(float(upper_bounds(affinity)[each]) for each in firm))
        words.append(f"decide.conflict_upper_bound were at most {value:.4g}, not {bound:g}")
        settings = msgspec.structs.replace(settings, conflict_upper_bound=value)
    changed = replace(situation, declared=declared, affinity=affinity, settings=settings)
    return Lift(words=f"{' and '.join(words)} ({reason})", changed=changed, value=value)


def _stocked(situation: Situation, row: int, reason: str) -> Lift:
    """The first single cause that leaves its query without items; else all of them together."""
    layout = situation.plan.layout
    rows = layout.items_of(row)
    if not len(rows):
        return Lift(words="its item query selected an item of the catalogue", changed=None)
    showable = situation.showable.copy()
    showable[rows] = True
    hidden = {name: at for name, at in situation.hidden.items() if not name.startswith(HIDDEN_ITEM)}
    tolerant = msgspec.structs.replace(situation.settings, conflict_upper_bound=-np.inf)
    neutral = replace(situation.affinity, declared=np.maximum(situation.affinity.declared, 0.0))
    liked = {value: sign for value, sign in situation.declared.items() if sign >= 0}
    causes: dict[str, dict[str, Any]] = {
        "an item of its query were available": {"showable": showable},
        "the person had not hidden the items of its query": {"hidden": hidden},
        "no item of its query ran against the person": {
            "settings": tolerant,
            "affinity": neutral,
            "declared": liked,
        },
        "an item of its query were one that the person did not have lately": {
            "engaged": None,
            "spent": None,
        },
    }
    for words, changes in causes.items():
        changed = replace(situation, **changes)
        if not stopped("no_items", changed, row):
            return Lift(words=words, changed=changed)
    together = {name: value for changes in causes.values() for name, value in changes.items()}
    return Lift(words=", and ".join(causes), changed=replace(situation, **together))


_LIFTS: Mapping[str, Callable[[Situation, int, str], Lift]] = {
    "schedule": _in_time,
    "eligibility": _eligible,
    "quiet_hours": _after(quiet_end),
    "frequency": _after(cap_free),
    "conflict": _agreeing,
    "no_items": _stocked,
}
