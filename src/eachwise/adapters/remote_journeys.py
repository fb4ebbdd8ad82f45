"""The verbs of journeys, spoken to a running server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from eachwise.adapters.http_client import HttpClient
from eachwise.contracts.journey import EnterRequest, InstanceView, JourneyView, Status


class RemoteJourneys(HttpClient):
    """What ``RemoteEngine`` says of journeys."""

    def put_journeys(self, document: str | bytes | Mapping[str, Any]) -> list[JourneyView]:
        """Take journeys in, as YAML or JSON text or as a dict; those that changed get their next version."""
        body = document.encode() if isinstance(document, str) else document
        return self._call("PUT", "/v1/journeys", list[JourneyView], body)

    def journeys(self) -> list[JourneyView]:
        """Every journey with how many people stand where."""
        return self._call("GET", "/v1/journeys", list[JourneyView])

    def journey(self, journey_id: str) -> JourneyView:
        """One journey with how many people stand where."""
        return self._call("GET", _path(journey_id), JourneyView)

    def journey_people(
        self,
        journey_id: str,
        *,
        step: str | None = None,
        status: Status | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[InstanceView]:
        """Who stands where in a journey, by instance id after one."""
        asked = {"step": step, "status": status, "after": after, "limit": limit}
        query = urlencode({name: value for name, value in asked.items() if value})
        return self._call("GET", f"{_path(journey_id)}/people?{query}", list[InstanceView])

    def enter_journey(
        self,
        journey_id: str,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        individual_id: str | None = None,
        key: str = "",
        properties: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> InstanceView:
        """Begin a journey for one person; the same ``request_id`` again answers the same instance."""
        request = EnterRequest(
            user_id=user_id,
            anonymous_id=anonymous_id,
            individual_id=individual_id,
            key=key,
            properties=dict(properties or {}),
            # Named here: a second try after a lost answer is not a second entry.
            request_id=request_id or str(uuid.uuid4()),
        )
        return self._call("POST", f"{_path(journey_id)}/enter", InstanceView, request)

    def journeys_of(self, individual_id: str) -> list[InstanceView]:
        """Where one person stands in journeys, in the order of entry."""
        path = f"/v1/individuals/{quote(individual_id, safe=':')}/journeys"
        return self._call("GET", path, list[InstanceView])


def _path(journey_id: str) -> str:
    return f"/v1/journeys/{quote(journey_id, safe='')}"
