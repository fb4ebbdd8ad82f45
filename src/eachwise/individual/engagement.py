"""Engagement: how much a person lately does with us, 0–100."""

from __future__ import annotations

import math

from eachwise.contracts.individual import Individual
from eachwise.maths import decay

ACTIVITY_HALF_LIFE_S = 14 * 86_400.0
ACTIVITY_RATE = decay.rate(ACTIVITY_HALF_LIFE_S)
WINDOW_DAYS = 28
# Of the 100 points: what a person does, on how many days, and how often what we put forward is taken up.
ACTIVITY_POINTS, DAYS_POINTS, ANSWER_POINTS = 50.0, 30.0, 20.0
# Where each part reaches 63 % of its points; conventions that let ten views over three days score about 40.
ACTIVITY_SCALE, DAYS_SCALE = 10.0, 7.0
# Exposures a person is credited with before the first one, so that one click of one is no perfect answer rate.
ANSWER_PRIOR = 5.0

_DAY_US = 86_400_000_000


def engagement_score(state: Individual, now_us: int) -> float:
    """50·(1 − e^(−a/10)) + 30·(1 − e^(−d/7)) + 20·min(1, c/(e + 5)), in [0, 100).

    a: weighted activity, half-life 14 days; d: active days and c, e: clicks and exposures among the contacts kept, all
    three of the last 28 days. Each part rises with its figure and the score with each part. Nothing seen scores 0.
    """
    mass, reference_s = state.activity
    elapsed_s = max(0.0, decay.seconds(now_us) - reference_s)
    activity = decay.remaining(mass, elapsed_s, ACTIVITY_RATE)
    today = now_us // _DAY_US
    days = sum(1 for day in state.days if day > today - WINDOW_DAYS)
    since_us = now_us - WINDOW_DAYS * _DAY_US
    clicks = exposures = 0
    for contact in reversed(state.contacts):
        if contact.occurred_at_us <= since_us:
            break
        clicks += contact.action == "click"
        exposures += contact.action == "expose"
    return (
        ACTIVITY_POINTS * -math.expm1(-activity / ACTIVITY_SCALE)
        + DAYS_POINTS * -math.expm1(-days / DAYS_SCALE)
        + ANSWER_POINTS * min(1.0, clicks / (exposures + ANSWER_PRIOR))
    )
