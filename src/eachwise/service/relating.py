"""How relationships move: handlers of its routes."""

from __future__ import annotations

from eachwise.contracts.relations import JourneyEffect, StageHistory, StageReport
from eachwise.flow.drive import arun
from eachwise.service.call import Call


async def stages_of(call: Call) -> StageHistory:
    """A person's stages."""
    return await arun(call.core.relations.stages_of(call.path("id")))


async def stages(call: Call) -> StageReport:
    """Everybody's stages, period by period."""
    since, until = call.text("since") or None, call.text("until") or None
    return await arun(call.core.relations.stages(since, until, call.text("period", "week")))


async def journey_effect(call: Call) -> JourneyEffect:
    """What a journey changed."""
    return await arun(call.core.relations.journey_effect(call.path("id")))
