"""What became of the people of both arms, added up: shares, money, moves, differences, and a verdict in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Bools
from eachwise.contracts.experience import STAGES
from eachwise.contracts.measurement import Between
from eachwise.contracts.relations import ArmEffect, Contrast, Effect, RatioCheck, Verdict
from eachwise.maths.intervals import wilson
from eachwise.measure import (
    BUYERS_MIN,
    PEOPLE_MIN,
    Arms,
    Compared,
    compare_means,
    compare_shares,
    sample_ratio,
    transitions_of,
    verdict_of,
)

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Became:
    """One person whose goal's time is over.

    share: the holdout's of the version; before, after: rungs; against: kind of disconnect → times
    crossed: was in the other arm too, later
    """

    version: int
    withheld: bool
    share: float
    crossed: bool
    reached: bool
    before: int
    after: int
    orders: int
    money: float
    against: Mapping[str, int]
    instances: int
    contacts: int


def effect_of(
    version: int, people: Sequence[Became], left_out: Mapping[str, int], goal: bool
) -> Effect:
    """The effect on these people. ``goal``: whether there is one to reach."""
    everyone = _arms(people)
    ratio = sample_ratio(everyone)
    comparable = everyone.comparable()
    missed = Counter(left_out)
    if comparable.any():
        missed["their version is withheld from nobody"] += int((~comparable).sum())
        people = [each for each, kept in zip(people, comparable.tolist(), strict=True) if kept]
        found = _compared(everyone.only(comparable), people, goal)
    else:
        found = dict.fromkeys(_FIGURES)
    contrasts = {name: each.contrast if each else None for name, each in found.items()}
    # Arms that are not as they were drawn cannot be compared, whatever the figures say.
    if ratio is not None and ratio.suspect:
        contrasts = dict.fromkeys(contrasts)
    verdict = verdict_of(contrasts["reached"], ratio)
    sides = [[each for each in people if each.withheld == side] for side in (False, True)]
    treated = {name: each.treated if each else None for name, each in found.items()}
    holdout = {name: each.holdout if each else None for name, each in found.items()}
    crossed = sum(each.crossed for each in people)
    return Effect(
        version=version,
        verdict=verdict,
        treated=_arm(sides[0], treated, goal),
        holdout=_arm(sides[1], holdout, goal),
        goal=contrasts["reached"],
        rose=contrasts["rose"],
        disconnected=contrasts["against"],
        money=contrasts["money"],
        ratio=ratio,
        crossed=crossed,
        left_out={why: count for why, count in sorted(missed.items()) if count},
        words=[
            *_people_words(sides, missed, crossed),
            *_words(verdict, min(map(len, sides)), contrasts, ratio, goal),
        ],
    )


_FIGURES = ("reached", "rose", "against", "money")


def _arms(people: Sequence[Became]) -> Arms:
    return Arms(
        withheld=np.array([each.withheld for each in people], dtype=np.bool_),
        share=np.array([each.share for each in people], dtype=np.float64),
    )


def _compared(arms: Arms, people: Sequence[Became], goal: bool) -> dict[str, Compared | None]:
    def shares(hits: Sequence[bool]) -> Compared:
        marked: Bools = np.array(hits, dtype=np.bool_)
        return compare_shares(arms, marked, LEVEL)

    return {
        "reached": shares([each.reached for each in people]) if goal else None,
        "rose": shares([each.after > each.before for each in people]),
        "against": shares([bool(each.against) for each in people]),
        "money": compare_means(arms, np.array([each.money for each in people]), LEVEL),
    }


def _arm(people: Sequence[Became], told: Mapping[str, Between | None], goal: bool) -> ArmEffect:
    moves = np.zeros((len(STAGES), len(STAGES)), dtype=np.int64)
    against: Counter[str] = Counter()
    for each in people:
        moves[each.before, each.after] += 1
        against.update(each.against)
    reached = sum(each.reached for each in people)
    rose = sum(each.after > each.before for each in people)
    disconnected = sum(bool(each.against) for each in people)
    return ArmEffect(
        people=len(people),
        instances=sum(each.instances for each in people),
        contacts=sum(each.contacts for each in people),
        reached=reached,
        reached_share=(told["reached"] or _alone(reached, len(people))) if goal else None,
        rose=rose,
        rose_share=told["rose"] or _alone(rose, len(people)),
        disconnected=disconnected,
        disconnected_share=told["against"] or _alone(disconnected, len(people)),
        disconnects=dict(sorted(against.items())),
        orders=sum(each.orders for each in people),
        money=told["money"],
        transitions=transitions_of(STAGES, moves, LEVEL),
    )


def _alone(count: int, people: int) -> Between | None:
    """A share of people who are compared with nobody."""
    found = wilson(count, people, LEVEL)
    return None if found is None else Between(found.value, found.low, found.high)


# -- words -------------------------------------------------------------------------------------------------


def _people_words(
    sides: Sequence[Sequence[Became]], missed: Mapping[str, int], crossed: int
) -> list[str]:
    treated, withheld = (len(side) for side in sides)
    lines = [f"{treated:,} people were treated and {withheld:,} held out, their goal's time over"]
    lines += [f"{count:,} are left out: {why}" for why, count in sorted(missed.items()) if count]
    if crossed:
        lines.append(f"{crossed:,} were in the other arm later; they count where they first were")
    return lines


def _words(
    verdict: Verdict,
    fewest: int,
    contrasts: Mapping[str, Contrast | None],
    ratio: RatioCheck | None,
    goal: bool,
) -> list[str]:
    if ratio is not None and ratio.suspect:
        counts = f"{ratio.observed:,} were held out where {ratio.expected:,.1f} were due"
        chance = f"people were lost unevenly (p = {ratio.p_value:.1g})"
        return [f"no difference is told: {counts}: {chance}"]
    if ratio is None:
        return [
            "no difference is told: it is withheld from nobody, so there is nothing to compare it with"
        ]
    if fewest < PEOPLE_MIN:
        return [f"no difference is told: each arm needs {PEOPLE_MIN} people"]
    lines = []
    if not goal:
        lines.append("it has no goal, so there is no verdict")
    elif contrasts["reached"] is not None:
        lines.append(_difference("reached the goal", contrasts["reached"]) + f": {_SAID[verdict]}")
    names = (("rose", "stood higher at the end"), ("against", "unsubscribed, hid or complained"))
    for name, what in names:
        if (found := contrasts[name]) is not None:
            lines.append(_difference(what, found))
    money = contrasts["money"]
    if money is None:
        return [*lines, f"of money nothing is told: each arm needs {BUYERS_MIN} people who bought"]
    always = money.anytime
    lines.append(
        f"money a person: {always.mean:+.2f} ({always.low:+.2f} to {always.high:+.2f}) against the holdout"
    )
    return lines


_SAID: dict[Verdict, str] = {
    "better": "the journey helps",
    "worse": "the journey does harm",
    "undecided": "this may be chance; it may be looked at again at any time",
    "refused": "nothing is told",
}


def _difference(what: str, contrast: Contrast) -> str:
    always = contrast.anytime
    return (
        f"{what}: {100.0 * always.mean:+.1f} points "
        f"({100.0 * always.low:+.1f} to {100.0 * always.high:+.1f}) against the holdout"
    )
