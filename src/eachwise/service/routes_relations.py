"""The routes of stages over time and of journeys' effects."""

from __future__ import annotations

from typing import get_args

from eachwise.contracts.relations import JourneyEffect, PeriodName, StageHistory, StageReport
from eachwise.service import relating
from eachwise.service.route import Query, Route

_DAY = {"type": "string", "format": "date"}

# Before ``/v1/individuals/{id:path}``, which takes all that follows.
OF_A_PERSON = Route(
    method="GET",
    path="/v1/individuals/{id:path}/stages",
    handler=relating.stages_of,
    key="secret",
    summary="Read a person's stages from the first event to now",
    response=StageHistory,
)
ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/stages",
        handler=relating.stages,
        key="secret",
        summary="Read everybody's stages, period by period, with rates and intervals",
        response=StageReport,
        query=(
            Query("since", _DAY, "The first day (default: twelve periods before until)"),
            Query("until", _DAY, "The day after the last (default: today)"),
            Query(
                "period",
                {"type": "string", "enum": list(get_args(PeriodName))},
                "How long a period is (default week)",
            ),
        ),
    ),
    Route(
        method="GET",
        path="/v1/journeys/{id}/effect",
        handler=relating.journey_effect,
        key="secret",
        summary="Read what a journey changed against its holdout",
        response=JourneyEffect,
    ),
)
