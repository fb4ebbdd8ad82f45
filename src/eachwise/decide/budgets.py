"""What all people together may use of an experience, and the price that makes it last: pure bookkeeping.

A budget is used by exposures, by take-ups (a stock) or by the money that exposures cost, within a rolling window or for
ever. What a window holds is counted in 48 parts of it; a part counts until the whole of it has passed, so a limit is
never exceeded by a decision; take-ups are used when they come, and those of what is on show by then may go beyond. The
shadow price λ of one more unit follows the dual ascent of Balseiro, Lu & Mirrokni (2020) in time:

    dλ = w · (use − target · dt) / (limit / 24)          λ ≥ 0

where w is what an exposure was worth of late (the scale of money here) and the target spreads a window's limit evenly,
and a stock over what is left until the experience ends. So being a 24th of the budget ahead makes only those worth an
exposure who bring twice the usual; a stock without an end has no price and is simply used up.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eachwise.contracts.experience import Budget, Experience
from eachwise.maths.decay import MICROSECONDS

PARTS = 48
_PACE_PARTS = 24.0
# Of what an exposure is worth, so much weight has each new one.
_WORTH_SHARE = 0.02


class Spent(msgspec.Struct, array_like=True):
    """What was used of one budget: by the part of the window in which it was, and the price as it stood at a time.

    parts: the part's number → units; ``price`` at ``priced_us`` and ``worth`` in money
    """

    parts: dict[int, float] = {}
    price: float = 0.0
    priced_us: int = 0
    worth: float = 0.0


def used(spent: Spent, budget: Budget, now_us: int) -> float:
    """Units used within the window, at least."""
    first = _part(budget, now_us) - PARTS if budget.window_s else 0
    return sum(units for part, units in spent.parts.items() if part >= first)


def price_of(spent: Spent, budget: Budget, experience_ends_us: int | None, now_us: int) -> float:
    """λ, money a unit: as it stood, less what time has taken off since."""
    target = _target_each_us(spent, budget, experience_ends_us, now_us)
    if target is None:
        return 0.0
    passed_us = max(now_us - spent.priced_us, 0)
    fallen = spent.worth * target * passed_us / (budget.limit / _PACE_PARTS)
    return max(spent.price - fallen, 0.0)


def charge(
    spent: Spent, budget: Budget, units: float, worth: float, ends_us: int | None, now_us: int
) -> None:
    """Use units of a budget for an exposure worth so much money; negative units give back and leave the price."""
    price = price_of(spent, budget, ends_us, now_us)
    part = _part(budget, now_us) if budget.window_s else 0
    spent.parts[part] = spent.parts.get(part, 0.0) + units
    if budget.window_s:
        first = part - PARTS
        for old in [each for each in spent.parts if each < first]:
            del spent.parts[old]
    if units > 0.0:
        before = spent.worth or worth
        spent.worth = before + _WORTH_SHARE * (max(worth, 0.0) - before)
        if budget.window_s or ends_us is not None:
            price += spent.worth * units / (budget.limit / _PACE_PARTS)
    spent.price, spent.priced_us = price, now_us


def units_of(budget: Budget, experience: Experience, p_takeup: float) -> float:
    """Units that one exposure uses, or is expected to use."""
    return {"exposures": 1.0, "takeups": p_takeup, "cost": experience.cost}[budget.unit]


def exhausted(spent: Mapping[int, float], experience: Experience) -> str:
    """Why one more exposure is too much, in words; "" where it is not. ``spent``: budget's place → units used."""
    for place, budget in enumerate(experience.budgets):
        need = 1.0 if budget.unit == "takeups" else units_of(budget, experience, 1.0)
        if spent.get(place, 0.0) + need > budget.limit + 1e-9:
            return f"its budget of {budget.limit:g} {budget.unit} is used up"
    return ""


def _part(budget: Budget, now_us: int) -> int:
    return now_us * PARTS // (budget.window_s * MICROSECONDS)


def _target_each_us(spent: Spent, budget: Budget, ends_us: int | None, now_us: int) -> float | None:
    """Units a microsecond that would use the budget evenly; None where it may last for ever."""
    if budget.window_s:
        return budget.limit / (budget.window_s * MICROSECONDS)
    if ends_us is None:
        return None
    left = max(budget.limit - used(spent, budget, now_us), 0.0)
    return left / max(ends_us - now_us, 1)
