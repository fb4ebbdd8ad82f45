"""What stands against a contact that somebody asked for, and when it could be tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from eachwise.contracts.decision import DecisionRecord, Filtered
from eachwise.contracts.experience import SILENCE
from eachwise.decide.counterfactuals.waiting import cap_free, quiet_end
from eachwise.decide.sifting import sift
from eachwise.decide.situation import Situation
from eachwise.decide.sticky import without_own
from eachwise.maths.decay import MICROSECONDS

# What others give back, nobody knows when: it is asked again after so long.
ASK_AGAIN_US = 3_600 * MICROSECONDS
# One filter after the other may hold: quiet hours, then a cap, then quiet hours again …
_ROUNDS_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Which filter took an experience out, why, and when to try again: None where time alone lifts nothing."""

    filter: str
    reason: str
    again_us: int | None


def held(situation: Situation) -> dict[str, Held]:
    """Of the experiences that were asked for (all, where none were by name) those that a filter took out, in id order.

    A moment to try again is one at which every filter lets it through as far as time decides, if nothing happens
    meanwhile. What is used up or taken may come back at any time: an hour later. A name that the placement does not
    have is held for good.
    """
    layout = situation.plan.layout
    wanted = list(layout.row_of) if situation.only is None else sorted(set(situation.only))
    filtered = {each.experience_id: each for each in sift(situation).filtered}
    placement_id = layout.placement.placement_id
    found = {}
    for each in wanted:
        if each not in layout.row_of:
            reason = f"it is not declared for {placement_id}"
            found[each] = Held(filter="asked", reason=reason, again_us=None)
        elif each in filtered:
            found[each] = _held(situation, filtered[each])
    return found


def hindered(situation: Situation, record: DecisionRecord) -> Held | None:
    """What stands against doing now what a record chose, its own contact not counted; None where nothing does."""
    chosen = record.experience_id
    if chosen == SILENCE:
        return Held(filter="", reason="nothing was chosen", again_us=None)
    own = without_own(situation, record)
    return held(replace(own, only=[chosen])).get(chosen)


def _held(situation: Situation, verdict: Filtered) -> Held:
    """The verdict with the moment at which no filter holds it any more."""
    row = situation.plan.layout.row_of[verdict.experience_id]
    now, taken = situation, verdict
    for _ in range(_ROUNDS_MAX):
        at_us = _LIFTED[taken.filter](now, row) if taken.filter in _LIFTED else None
        if at_us is None or at_us <= now.now_us:
            break
        now = replace(now, now_us=at_us)
        after = next(
            (each for each in sift(now).filtered if each.experience_id == taken.experience_id), None
        )
        if after is None or after.filter in _LEFT_OPEN:
            return _with(verdict, at_us)
        taken = after
    return _with(verdict, None)


def _with(verdict: Filtered, again_us: int | None) -> Held:
    return Held(filter=verdict.filter, reason=verdict.reason, again_us=again_us)


def _started(situation: Situation, row: int) -> int | None:
    starts_us = situation.plan.layout.starts_us[row]
    return starts_us if starts_us > situation.now_us else None


def _quiet_over(situation: Situation, row: int) -> int | None:
    found = quiet_end(situation, row)
    return found.changed.now_us if found.waits and found.changed is not None else None


def _cap_over(situation: Situation, row: int) -> int | None:
    found = cap_free(situation, row)
    return None if found.changed is None else found.changed.now_us


def _an_hour(situation: Situation, row: int) -> int | None:
    return situation.now_us + ASK_AGAIN_US


_LIFTED: Mapping[str, Callable[[Situation, int], int | None]] = {
    "schedule": _started,
    "quiet_hours": _quiet_over,
    "frequency": _cap_over,
    "taken": _an_hour,
    "budget": _an_hour,
}
_LEFT_OPEN = frozenset({"taken", "budget"})
