"""Who stands where in the journeys, for the page: asked of the engine now and then, not with every look."""

from __future__ import annotations

import time
from collections.abc import Callable

from eachwise.contracts.journey import JourneyView
from eachwise.demo.messages import JourneyFigures, StepFigures
from eachwise.flow.journeys import Journeys

ASK_INTERVAL_S = 1.5
NAMED_MAX = 3


class JourneyWatch:
    """Counts and a few people of each step."""

    def __init__(
        self, journeys: Journeys, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._journeys = journeys
        self._monotonic_s = monotonic_s
        self._asked_s = 0.0
        self._figures: list[JourneyFigures] = []

    def figures(self) -> list[JourneyFigures]:
        """As of the last second or two."""
        now_s = self._monotonic_s()
        if not self._asked_s or now_s - self._asked_s >= ASK_INTERVAL_S:
            self._asked_s = now_s
            self._figures = [self._of(view) for view in self._journeys.views()]
        return self._figures

    def _of(self, view: JourneyView) -> JourneyFigures:
        return JourneyFigures(
            journey_id=view.journey_id,
            title=view.journey.get("title", view.journey_id),
            statuses=view.statuses,
            steps=[
                StepFigures(
                    step_id=step["id"],
                    kind=next(key for key in step if key not in ("id", "then", "else")),
                    here=view.steps.get(step["id"], 0),
                    people=self._some(view.journey_id, step["id"], view.steps),
                )
                for step in view.journey["steps"]
            ],
        )

    def _some(self, journey_id: str, step: str, here: dict[str, int]) -> list[str]:
        if not here.get(step):
            return []
        found = self._journeys.people(
            journey_id, step=step, status="active", after="", limit=NAMED_MAX
        )
        return [each.individual_id.partition(":")[2] for each in found]
