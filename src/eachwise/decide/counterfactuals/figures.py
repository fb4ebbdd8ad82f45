"""What would have had to be otherwise for an experience to be shown: found by putting changed situations through the
same filters and the same arbitration, never by a formula of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import msgspec

from eachwise.contracts.decision import Counterfactual, Filtered
from eachwise.contracts.experience import LEVER_MAX, LEVER_MIN, SILENCE
from eachwise.decide.candidates import Candidates
from eachwise.decide.counterfactuals.altered import spared, with_layout
from eachwise.decide.counterfactuals.lifts import lift_of, stopped, verdicts_on
from eachwise.decide.decider import decide
from eachwise.decide.safely import decide_safely
from eachwise.decide.situation import Choice, Situation
from eachwise.maths.times import iso

# A figure is found to within this share of itself.
_PRECISION = 1e-6
# No value beyond this much money is looked for.
_VALUE_MAX = 1e9
# The first step up from a value of nothing, money.
_STEP_MIN = 1e-3
# Steps of the search for the least of a convex function, each to two thirds: 40 leave 1e-7 of the range.
_THIRDS = 40
_HALVINGS = 60
# The kind of what needs nothing but to be let through.
NOTHING = "nothing"

# How far a figure leaves the experience behind the best of the others, money; at most 0: it is the best by expectation.
Short = Callable[[float], float]


def counterfactuals(
    situation: Situation, choice: Choice, experience_id: str
) -> list[Counterfactual]:
    """What would have made an experience pass each filter that took it out, then the least value, the lever and the
    price with which it would have been the best by expectation. ``choice`` is what the situation led to.

    Where filters took it out, the figures are of the same moment with these filters off it. Empty for silence, for an
    experience that the placement does not have, and where the decision failed.
    """
    row = situation.plan.layout.row_of.get(experience_id)
    if row is None or experience_id == SILENCE or choice.failed:
        return []
    verdicts = verdicts_on(situation, row)
    free = situation
    for each in verdicts:
        free = spared(each.filter, free, row)
    found = [_lifted(each, situation, row) for each in verdicts]
    return [*found, *_figures(free, row, filtered=bool(verdicts))]


def by_expectation(situation: Situation) -> Candidates:
    """The candidates as the arbitration values them, without exploration and without filling lists."""
    settings = msgspec.structs.replace(situation.settings, explorations_per_day=0, thompson_draws=1)
    return decide(replace(situation, settings=settings, fill=lambda _rows, _count: [])).candidates


def with_figure(name: str, situation: Situation, row: int, figure: float) -> Situation:
    """The situation in which the ``value`` or the ``lever`` of an experience is another; rules see the declared one."""
    layout = situation.plan.layout
    changed = (layout.value if name == "value" else layout.lever).copy()
    changed[row] = figure
    return with_layout(situation, **{name: changed})


def _lifted(verdict: Filtered, situation: Situation, row: int) -> Counterfactual:
    """What lifts one filter, put through it again; of a moment, that the one before does not do."""
    lift = lift_of(verdict, situation, row)
    verified = lift.changed is not None and not stopped(verdict.filter, lift.changed, row)
    return Counterfactual(
        kind=verdict.filter,
        words=f"{verdict.filter} would let it through if {lift.words}",
        value=lift.value,
        at=None if lift.at_us is None else iso(lift.at_us),
        verified=verified,
    )


# -- figures with which it is the best by expectation --------------------------------------------


def _figures(situation: Situation, row: int, *, filtered: bool) -> list[Counterfactual]:
    """The least value, a lever within its bounds, a price where there is one; none for what is the best as it is."""
    name = _name(situation, row)
    candidates = by_expectation(situation)
    short = candidates.behind(name)
    if short is None or (short == 0.0 and not filtered):
        return []
    if short == 0.0:
        words = "it would have been the best by expectation if no filter took it out"
        return [Counterfactual(kind=NOTHING, words=words, unless_filtered=True, verified=True)]
    found = [_value(situation, row), _lever(situation, row), _price(situation, row)]
    start = "if no filter took it out, " if filtered else ""
    end = f" ({short:.4g} behind {candidates.best})"
    return [
        msgspec.structs.replace(each, words=f"{start}{each.words}{end}", unless_filtered=filtered)
        for each in found
        if each is not None
    ]


def _value(situation: Situation, row: int) -> Counterfactual:
    """The least value above the declared one."""
    declared = float(situation.plan.layout.value[row])
    figure = _least_above(_short_with("value", situation, row), declared)
    if figure is None:
        words = (
            "no value would have made it the best by expectation: what a disconnect costs grows "
            "with the candidates' values, and counts for more here than a take-up"
        )
        return Counterfactual(kind="value", words=words)
    words = (
        "it would have been the best by expectation if its value were at least "
        f"{_rounded(figure, up=True)}, not {declared:g}"
    )
    verified = _is_best(with_figure("value", situation, row, figure), row)
    return Counterfactual(kind="value", words=words, value=figure, verified=verified)


def _lever(situation: Situation, row: int) -> Counterfactual:
    """The lever nearest to the declared one, within its bounds; more of it, or less where its gain is a loss."""
    declared = float(situation.plan.layout.lever[row])
    short = _short_with("lever", situation, row)
    for bound, most in ((LEVER_MAX, "at least"), (LEVER_MIN, "at most")):
        if short(bound) > 0.0:
            continue
        figure = _bisected(short, lose=declared, win=bound)
        words = (
            f"it would have been the best by expectation if its lever were {most} "
            f"{_rounded(figure, up=bound > declared)}, not {declared:g}"
        )
        verified = _is_best(with_figure("lever", situation, row, figure), row)
        return Counterfactual(kind="lever", words=words, value=figure, verified=verified)
    words = (
        f"no lever from {LEVER_MIN:g} to {LEVER_MAX:g} would have made it the best by expectation"
    )
    return Counterfactual(kind="lever", words=words)


def _price(situation: Situation, row: int) -> Counterfactual | None:
    """The highest price of its budgets below the one it had; None where it had none, or none would do."""
    name = _name(situation, row)
    charged = situation.prices.get(name, 0.0)

    def priced(price: float) -> Situation:
        return replace(situation, prices={**situation.prices, name: price})

    @cache
    def short(price: float) -> float:
        return _behind(priced(price), name)

    if charged <= 0.0 or short(0.0) > 0.0:
        return None
    figure = _bisected(short, lose=charged, win=0.0)
    words = (
        "it would have been the best by expectation if the price of its budgets were at most "
        f"{_rounded(figure, up=False)}, not {charged:.4g}"
    )
    verified = _is_best(priced(figure), row)
    return Counterfactual(kind="price", words=words, value=figure, verified=verified)


def _name(situation: Situation, row: int) -> str:
    return situation.plan.layout.experiences[row].experience_id


def _behind(situation: Situation, name: str) -> float:
    """How far it is behind the best of the others, money; below 0 where it is ahead of them."""
    found = by_expectation(situation).ahead(name)
    return math.inf if found is None else -found


def _short_with(figure_name: str, situation: Situation, row: int) -> Short:
    name = _name(situation, row)

    @cache
    def short(figure: float) -> float:
        return _behind(with_figure(figure_name, situation, row, figure), name)

    return short


def _is_best(situation: Situation, row: int) -> bool:
    """Whether the decision itself, made again, has it as the best by expectation."""
    return decide_safely(situation).candidates.behind(_name(situation, row)) == 0.0


def _least_above(short: Short, declared: float) -> float | None:
    """The least figure above the declared one with which nothing is short; None where there is none.

    Every priority is a line over one value (κ is in units of the mean value), so that what one candidate is short of
    the best of the others is convex: it falls to the wanted figure, and once it rises it never falls again.
    """
    low, before, behind = declared, declared, short(declared)
    high = max(2.0 * declared, _STEP_MIN)
    while high <= _VALUE_MAX:
        found = short(high)
        if found <= 0.0:
            return _bisected(short, lose=low, win=high)
        if found > behind:
            lowest = _lowest(short, before, high)
            return None if short(lowest) > 0.0 else _bisected(short, lose=before, win=lowest)
        before, low, high, behind = low, high, 2.0 * high, found
    return None


def _lowest(short: Short, low: float, high: float) -> float:
    """Where a convex function is least, or a figure with which it is at most 0 already."""
    for _ in range(_THIRDS):
        left, right = low + (high - low) / 3.0, high - (high - low) / 3.0
        at_left, at_right = short(left), short(right)
        if at_left <= 0.0:
            return left
        if at_right <= 0.0:
            return right
        if at_left <= at_right:
            high = right
        else:
            low = left
    return low


def _bisected(short: Short, *, lose: float, win: float) -> float:
    """The figure nearest to ``lose`` with which nothing is short, to a millionth of itself; ``win`` is one.

    Halvings, each after a step along the chord: between two bends the function is a line, and one such step is exact.
    """
    behind, ahead = short(lose), short(win)
    for _ in range(_HALVINGS):
        precise = _PRECISION * max(abs(win), abs(lose))
        if abs(win - lose) <= precise:
            break
        for figure in (_crossing(lose, behind, win, ahead, precise), (win + lose) / 2.0):
            found = short(figure)
            if found > 0.0:
                lose, behind = figure, found
                continue
            win, ahead = figure, found
            within = math.copysign(min(precise, abs(win - lose)), lose - win)
            if short(win + within) > 0.0:
                return win
    return win


def _crossing(lose: float, behind: float, win: float, ahead: float, precise: float) -> float:
    """Where the chord crosses 0, half the precision towards ``win``; the middle where there is no chord."""
    share = behind / (behind - ahead) if math.isfinite(behind) and behind > ahead else 0.5
    figure = lose + share * (win - lose) + math.copysign(precise / 2.0, win - lose)
    return min(max(figure, min(lose, win)), max(lose, win))


def _rounded(figure: float, *, up: bool) -> str:
    """Four significant digits, rounded so that what is said does it too."""
    if figure == 0.0:
        return "0"
    digits = 3 - math.floor(math.log10(abs(figure)))
    scaled = figure * 10.0**digits
    return f"{(math.ceil(scaled) if up else math.floor(scaled)) / 10.0**digits:.10g}"
