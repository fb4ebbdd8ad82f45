"""What the server remembers for the page: the driver's last report, whether it lives, and the engine's rates."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from eachwise.demo.messages import (
    Backfill,
    EngineFigures,
    JourneyFigures,
    PanelState,
    Phase,
    Report,
)

# Rates are taken over this long; the engine is asked at most this often.
RATE_WINDOW_S = 6.0
ASK_INTERVAL_S = 0.9
STARTING = Backfill(days=0)


class Board:
    """Written by the driver's posts and by the thread that watches the driver; read by the page.

    ``status`` is the engine's status, ``listener`` hears every report, ``monotonic_s`` is the clock for rates,
    ``journeys`` tells who stands where.
    """

    def __init__(
        self,
        status: Callable[[], dict[str, Any]],
        listener: Callable[[Report], None],
        monotonic_s: Callable[[], float] = time.monotonic,
        journeys: Callable[[], list[JourneyFigures]] = list,
    ) -> None:
        self._status = status
        self._listener = listener
        self._monotonic_s = monotonic_s
        self._journeys = journeys
        self._report = Report(phase="starting", backfill=STARTING)
        self._trouble = ""
        self._samples: deque[tuple[float, int, int]] = deque()
        self._figures = EngineFigures()

    def take(self, report: Report) -> None:
        """The driver has reported."""
        self._report = report
        self._listener(report)

    def driver_ended(self, why: str) -> None:
        """The driver has ended; the shop and the engine go on without simulated visitors."""
        self._trouble = why

    def state(self) -> PanelState:
        """Everything that is the same for every visitor of the page."""
        report = self._report
        phase: Phase = "stopped" if self._trouble else report.phase
        return PanelState(
            phase=phase,
            trouble=self._trouble,
            backfill=report.backfill,
            score=report.score,
            visits_per_s=0.0 if self._trouble else report.visits_per_s,
            ticks=report.ticks,
            engine=self._engine(),
            mail=report.mail,
            journeys=self._journeys(),
        )

    def _engine(self) -> EngineFigures:
        now_s = self._monotonic_s()
        if self._samples and now_s - self._samples[-1][0] < ASK_INTERVAL_S:
            return self._figures
        status = self._status()
        counts: dict[str, int] = status["counts"]
        self._samples.append((now_s, counts.get("events", 0), counts.get("decisions", 0)))
        while now_s - self._samples[0][0] > RATE_WINDOW_S and len(self._samples) > 2:
            self._samples.popleft()
        first_s, first_events, first_decisions = self._samples[0]
        span_s = max(now_s - first_s, ASK_INTERVAL_S)
        now_us: int = status["now_us"]
        ages_s = {
            model: max(now_us - at_us, 0) / 1e6
            for model, at_us in status["model_published_at_us"].items()
            if at_us
        }
        self._figures = EngineFigures(
            counts=counts,
            events_per_s=(counts.get("events", 0) - first_events) / span_s,
            decisions_per_s=(counts.get("decisions", 0) - first_decisions) / span_s,
            models=status["models"],
            model_age_s=ages_s,
        )
        return self._figures
