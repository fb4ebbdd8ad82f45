"""What a running server tells of stages and journeys: the part of ``RemoteEngine`` that asks for it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from eachwise.adapters.http_client import HttpClient
from eachwise.contracts.consent import ConsentView
from eachwise.contracts.relations import JourneyEffect, StageHistory, StageReport

# The lives of many people are read.
LONG_TIMEOUT_S = 900.0


class RemoteRelations(HttpClient):
    """Asks how relationships move."""

    def stages_of(self, individual_id: str) -> StageHistory:
        """A person's stages from the first event to now."""
        path = f"/v1/individuals/{quote(individual_id, safe=':')}/stages"
        return self._call("GET", path, StageHistory)

    def consent(self, individual_id: str) -> ConsentView:
        """What a person said about being reached, when, and what follows for each channel and purpose."""
        path = f"/v1/individuals/{quote(individual_id, safe=':')}/consent"
        return self._call("GET", path, ConsentView)

    def stages(
        self, since: str | None = None, until: str | None = None, period: str = "week"
    ) -> StageReport:
        """Everybody's stages, period by period (``day``, ``week``, ``30days``): who stood where, who went where."""
        asked = {"since": since, "until": until, "period": period}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return self._call("GET", f"/v1/stages?{query}", StageReport, timeout_s=LONG_TIMEOUT_S)

    def journey_effect(self, journey_id: str) -> JourneyEffect:
        """What a journey changed against its holdout, or why that cannot be said."""
        path = f"/v1/journeys/{quote(journey_id, safe='')}/effect"
        return self._call("GET", path, JourneyEffect, timeout_s=LONG_TIMEOUT_S)
