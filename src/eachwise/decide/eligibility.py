"""Filters that ask whether an experience is meant for this person and moment: asked for, schedule, eligibility,
consent, quiet hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from eachwise.contracts.experience import Eligibility, Experience
from eachwise.decide.facts import Facts
from eachwise.decide.ruled import Ruled
from eachwise.decide.situation import Situation
from eachwise.maths.zones import local_time

_ZONE_CHARS_MAX = 40
_VALUE_CHARS_MAX = 300

# A filter's verdict: row of each experience it takes out → why, in words.
Verdicts = dict[int, str]


def asked(situation: Situation) -> Verdicts:
    """Out: what was not asked for, where something was by name; in a transactional placement all that was not."""
    layout, only = situation.plan.layout, situation.only
    if only is None:
        if not layout.placement.transactional:
            return {}
        reason = "what is transactional goes out when it is asked for by name"
        return dict.fromkeys(range(len(layout.experiences)), reason)
    wanted = {layout.row_of[each] for each in only if each in layout.row_of}
    rows = (row for row in range(len(layout.experiences)) if row not in wanted)
    return dict.fromkeys(rows, "not asked for")


def schedule(situation: Situation) -> Verdicts:
    """Out: not started yet, or ended. Shown from ``starts_at`` on and before ``ends_at``."""
    layout = situation.plan.layout
    found = {}
    for row in layout.dated:
        if situation.now_us < layout.starts_us[row]:
            found[row] = f"starts at {layout.experiences[row].starts_at}"
        elif situation.now_us >= layout.ends_us[row]:
            found[row] = f"ended at {layout.experiences[row].ends_at}"
    return found


def eligibility(situation: Situation) -> Verdicts:
    """Out: stage, lapsed flag, traits or context are not what the experience asks for, or its rule does not hold."""
    layout = situation.plan.layout
    reasons = {
        row: _mismatch(layout.experiences[row].eligibility, situation) for row in layout.guarded
    }
    found = {row: reason for row, reason in reasons.items() if reason}
    if layout.ruled:
        facts = Facts(situation)
        for ruled in layout.ruled:
            found = {**_unmet(ruled, facts, layout.experiences), **found}
    return found


def quiet_time(situation: Situation) -> Verdicts:
    """Out: everything, in quiet hours on the person's clock (the placement's or the contact policy's), or where that
    clock is not known."""
    layout = situation.plan.layout
    if not layout.quiet:
        return {}
    local = local_time(
        situation.now_us, situation.traits, situation.context, situation.settings.timezone
    )
    if local.moment is None:
        hours = " or ".join(each.words for each in layout.quiet)
        reason = f"time zone {local.zone[:_ZONE_CHARS_MAX]!r} is not known: it may be {hours} there"
    else:
        held = [each.words for each in layout.quiet if each.holds(local.moment)]
        if not held:
            return {}
        reason = f"quiet hours {held[0]}: it is {local.moment:%H:%M} in {local.zone}"
    return dict.fromkeys(range(len(layout.experiences)), reason)


def consent(situation: Situation) -> Verdicts:
    """Out: everything, where consent does not allow this placement."""
    allowed, reason = situation.consent
    if allowed:
        return {}
    return dict.fromkeys(range(len(situation.plan.layout.experiences)), reason or "no consent")


def moment_words(time_us: int) -> str:
    """A time in words, UTC."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def _unmet(ruled: Ruled, facts: Facts, experiences: Sequence[Experience]) -> Verdicts:
    """The experiences whose rule does not hold; it cannot tell them apart, so one answer stands for all."""
    if ruled.rule is None:
        return dict.fromkeys(ruled.rows, ruled.fault)
    reason = ruled.rule.unmet(facts.about(experiences[ruled.rows[0]]))
    return dict.fromkeys(ruled.rows, reason) if reason else {}


def _mismatch(wanted: Eligibility, situation: Situation) -> str:
    """The first statement that does not hold, in words; empty when all hold."""
    if wanted.stages and situation.stage not in wanted.stages:
        return f"stage is {situation.stage}, not {_either(list(wanted.stages))}"
    if wanted.lapsed is not None and situation.lapsed != wanted.lapsed:
        return "only for lapsed people" if wanted.lapsed else "not for lapsed people"
    return _missing("trait", wanted.traits, situation.traits) or _missing(
        "context", wanted.context, situation.context
    )


def _missing(label: str, wanted: Mapping[str, list[Any]], have: Mapping[str, Any]) -> str:
    """The first name whose value is not one of those wanted; a list has it if any of its entries is."""
    for name, values in wanted.items():
        if name not in have:
            return f"{label} {name} is unknown, not {_either(values)}"
        value = have[name]
        entries = value if isinstance(value, list) else [value]
        if not any(entry in values for entry in entries):
            return f"{label} {name} is {_shortened(value)}, not {_either(values)}"
    return ""


def _shortened(value: object) -> str:
    """As it is written in Python; the record that keeps the reason has the whole value once already."""
    words = repr(value)
    return words if len(words) <= _VALUE_CHARS_MAX else f"{words[:_VALUE_CHARS_MAX]}…"


def _either(values: list[Any]) -> str:
    """``a``, or ``one of a, b``."""
    words = ", ".join(map(str, values))
    return words if len(values) == 1 else f"one of {words}"
