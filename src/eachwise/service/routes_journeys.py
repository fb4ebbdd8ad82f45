"""The routes of journeys."""

from __future__ import annotations

from typing import Any

from eachwise.contracts.journey import EnterRequest, InstanceView, JourneyView
from eachwise.service import journeys
from eachwise.service.route import JSON, YAML, Query, Route

_TEXT = {"type": "string"}

ROUTES: tuple[Route, ...] = (
    Route(
        method="PUT",
        path="/v1/journeys",
        handler=journeys.put_journeys,
        key="secret",
        summary="Add journeys, or give them their next version",
        request=dict[str, list[Any]],
        response=list[JourneyView],
        media=(JSON, YAML),
    ),
    Route(
        method="GET",
        path="/v1/journeys",
        handler=journeys.list_journeys,
        key="secret",
        summary="List the journeys with how many people stand where",
        response=list[JourneyView],
    ),
    Route(
        method="GET",
        path="/v1/journeys/{id}",
        handler=journeys.get_journey,
        key="secret",
        summary="Read one journey with how many people stand where",
        response=JourneyView,
    ),
    Route(
        method="GET",
        path="/v1/journeys/{id}/people",
        handler=journeys.people,
        key="secret",
        summary="List who stands where in a journey",
        response=list[InstanceView],
        query=(
            Query("step", _TEXT, "Only those at this step"),
            Query("status", _TEXT | {"enum": list(journeys.STATUSES)}, "Only those of this status"),
            Query("after", _TEXT, "List only instances after this id"),
            Query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": journeys.PEOPLE_MAX},
                "List at most so many",
            ),
        ),
    ),
    Route(
        method="POST",
        path="/v1/journeys/{id}/enter",
        handler=journeys.enter,
        key="secret",
        summary="Begin a journey for one person",
        request=EnterRequest,
        response=InstanceView,
    ),
    # Before the individual itself, whose path it would match.
    Route(
        method="GET",
        path="/v1/individuals/{id:path}/journeys",
        handler=journeys.of_person,
        key="secret",
        summary="Read where one person stands in journeys",
        response=list[InstanceView],
    ),
)
