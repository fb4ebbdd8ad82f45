"""What would make a person eligible: the parts of an experience's eligibility that do not hold, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from eachwise.contracts.experience import Eligibility
from eachwise.decide.counterfactuals.altered import with_layout
from eachwise.decide.counterfactuals.waiting import whole_milliseconds
from eachwise.decide.eligibility import eligibility
from eachwise.decide.situation import Situation
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.times import day_words

# Names of rules that time alone changes, with what is known of the person as it stands.
_CLOCK = frozenset({"hour", "weekday", "date", "days_since_last_seen"})
# Zones are apart by quarters of an hour, so that hours and days begin on them.
_STEP_US = 900 * MICROSECONDS
_STEPS_MAX = 8 * 96

Grant = Callable[[Situation], Situation]


def eligible(situation: Situation, row: int) -> tuple[str, Situation, int | None]:
    """(in words, the situation in which it holds, the moment to wait for or None): what would make the person eligible.

    Every part is held against the filter by itself, so that each one that does not hold is named, not only the first.
    """
    words, changed, at_us = [], situation, None
    for part, said, grant in _parts(situation.plan.layout.experiences[row].eligibility):
        if _reason(situation, row, part):
            words.append(said)
            changed = grant(changed)
    rule = Eligibility(when=situation.plan.layout.experiences[row].eligibility.when)
    unmet = _reason(situation, row, rule) if rule.when else ""
    if unmet:
        at_us = _in_time(situation, row, rule)
        if at_us is None:
            words.append(f"its rule held ({unmet})")
            changed = _unruled(changed, row)
        else:
            words.append(f"one waits until its rule holds, on {day_words(at_us)} ({unmet})")
            changed = replace(changed, now_us=at_us)
    return " and ".join(words), changed, at_us


def _parts(wanted: Eligibility) -> Iterator[tuple[Eligibility, str, Grant]]:
    """Each statement by itself, what would make it hold in words, and the change that does."""
    if wanted.stages:
        stage = wanted.stages[0]
        yield (
            Eligibility(stages=wanted.stages),
            f"the stage were {_either(list(wanted.stages))}",
            lambda situation: replace(situation, stage=stage),
        )
    if wanted.lapsed is not None:
        lapsed = wanted.lapsed
        yield (
            Eligibility(lapsed=lapsed),
            "the person had lapsed" if lapsed else "the person had not lapsed",
            lambda situation: replace(situation, lapsed=lapsed),
        )
    for name, values in wanted.traits.items():
        yield (
            Eligibility(traits={name: values}),
            f"trait {name} were {_either(values)}",
            _with_trait(name, values[0]),
        )
    for name, values in wanted.context.items():
        yield (
            Eligibility(context={name: values}),
            f"context {name} were {_either(values)}",
            _with_context(name, values[0]),
        )


def _with_trait(name: str, value: Any) -> Grant:
    return lambda situation: replace(situation, traits={**situation.traits, name: value})


def _with_context(name: str, value: Any) -> Grant:
    return lambda situation: replace(situation, context={**situation.context, name: value})


def _reason(situation: Situation, row: int, part: Eligibility) -> str:
    """Why this part of an experience's eligibility does not hold, in the filter's own words; empty where it does."""
    return eligibility(_only(situation, row, part)).get(row, "")


def _only(situation: Situation, row: int, part: Eligibility) -> Situation:
    """The situation in which nothing but this part is asked of anybody."""
    layout = situation.plan.layout
    experiences = list(layout.experiences)
    experiences[row] = msgspec.structs.replace(experiences[row], eligibility=part)
    own = tuple(each._replace(rows=(row,)) for each in layout.ruled if row in each.rows)
    return with_layout(
        situation,
        experiences=tuple(experiences),
        guarded=() if part.when else (row,),
        ruled=own if part.when else (),
    )


def _in_time(situation: Situation, row: int, rule: Eligibility) -> int | None:
    """The first whole millisecond within eight days at which the rule holds, if time alone can make it."""
    names = {
        path[0]
        for each in situation.plan.layout.ruled
        if row in each.rows and each.rule is not None
        for path in each.rule.names
    }
    if names.isdisjoint(_CLOCK):
        return None

    alone = _only(situation, row, rule)

    def holds(at_us: int) -> bool:
        return row not in eligibility(replace(alone, now_us=at_us))

    first_us = situation.now_us // _STEP_US * _STEP_US
    high_us = next(
        (
            first_us + step * _STEP_US
            for step in range(1, _STEPS_MAX + 1)
            if holds(first_us + step * _STEP_US)
        ),
        None,
    )
    if high_us is None:
        return None
    low_us = max(high_us - _STEP_US, situation.now_us)
    while high_us - low_us > 1:
        middle_us = (low_us + high_us) // 2
        if holds(middle_us):
            high_us = middle_us
        else:
            low_us = middle_us
    return whole_milliseconds(high_us)


def _unruled(situation: Situation, row: int) -> Situation:
    """Its rule is taken as held."""
    ruled = [
        each._replace(rows=tuple(bound for bound in each.rows if bound != row))
        for each in situation.plan.layout.ruled
    ]
    return with_layout(situation, ruled=tuple(each for each in ruled if each.rows))


def _either(values: list[Any]) -> str:
    words = ", ".join(map(str, values))
    return words if len(values) == 1 else f"one of {words}"
