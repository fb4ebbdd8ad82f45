"""Where the relationship stands. It may trigger and value; content is never chosen by it."""

from __future__ import annotations

from eachwise.contracts.experience import Stage
from eachwise.contracts.individual import Individual
from eachwise.individual.value import kept_orders
from eachwise.settings import StageSettings

_DAY_US = 86_400_000_000
_KNOWN = ("user:", "email:")


def stage_of(
    state: Individual, now_us: int, engagement: float, settings: StageSettings
) -> tuple[Stage, bool]:
    """The highest rung reached, and whether the relationship has lapsed.

    repeat: two orders or more that were not given back whole; customer: one; engaged: the score is at least
    ``engaged_score_min``, known to us or not; known: a user id or e-mail address; else new. Lapsed: the last active day
    lies more than ``lapsed_after_days`` back (being sent something is not activity); never active is not lapsed.
    """
    lapsed = bool(state.days) and now_us // _DAY_US - state.days[-1] > settings.lapsed_after_days
    orders = len(kept_orders(state)) if state.orders else 0
    stage: Stage
    if orders >= 2:
        stage = "repeat"
    elif orders == 1:
        stage = "customer"
    elif engagement >= settings.engaged_score_min:
        stage = "engaged"
    elif any(identifier.startswith(_KNOWN) for identifier in state.identifiers):
        stage = "known"
    else:
        stage = "new"
    return stage, lapsed
