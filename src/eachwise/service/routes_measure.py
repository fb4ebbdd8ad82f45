"""The routes of measuring."""

from __future__ import annotations

from eachwise.contracts.measurement import Estimate, LifetimeView
from eachwise.flow.policies import DECISIONS_MAX, TUNABLE
from eachwise.service import measuring
from eachwise.service.route import Query, Route

_NUMBER = {"type": "number", "minimum": 0}

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/lifetime",
        handler=measuring.lifetime,
        key="secret",
        summary="Read what stages are worth and what experiences change in lifetime value",
        response=LifetimeView,
    ),
    Route(
        method="POST",
        path="/v1/lifetime",
        handler=measuring.work_out_lifetime,
        key="secret",
        summary="Work lifetime value out now, and publish it",
        response=LifetimeView,
    ),
    Route(
        method="GET",
        path="/v1/estimate",
        handler=measuring.estimate,
        key="secret",
        summary="Estimate what another policy would have earned, from the stored decisions",
        response=Estimate,
        query=(
            Query("policy", {"type": "string"}, "The policy's name"),
            *(Query(name, _NUMBER, f"As decide.{name}") for name in TUNABLE),
            Query("placement", {"type": "string"}, "Ask only decisions for this placement"),
            Query("since_days", _NUMBER, "Ask only decisions of so many days"),
            Query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": DECISIONS_MAX},
                "Ask the newest so many",
            ),
            Query("reward", {"type": "string", "enum": ["value", "takeup"]}, "What is counted"),
        ),
    ),
)
