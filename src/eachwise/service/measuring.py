"""What measuring tells of the stored decisions: handlers of its routes."""

from __future__ import annotations

from typing import get_args

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Estimate, EstimateRequest, LifetimeView, RewardKind
from eachwise.flow.drive import arun
from eachwise.flow.policies import DECISIONS_MAX, TUNABLE
from eachwise.service.call import Call

_DEFAULT = EstimateRequest(policy="")


async def lifetime(call: Call) -> LifetimeView:
    """What stages are worth and what experiences change."""
    return call.core.lifetime.view()


async def work_out_lifetime(call: Call) -> LifetimeView:
    """The same, worked out now."""
    return await arun(call.core.lifetime.work_out())


async def estimate(call: Call) -> Estimate:
    """What another policy would have earned."""
    policy = call.text("policy")
    if not policy:
        raise InvalidInput("policy: say which, like policy=epsilon_greedy", field="policy")
    request = EstimateRequest(
        policy=policy,
        settings={
            name: _number(name, call.text(name)) for name in TUNABLE if call.text(name) != ""
        },
        placement_id=call.text("placement") or None,
        since_days=_number("since_days", call.text("since_days", str(_DEFAULT.since_days))),
        limit=call.integer("limit", _DEFAULT.limit, low=1, high=DECISIONS_MAX),
        reward=_reward(call.text("reward", "value")),
    )
    return await arun(call.core.estimating.estimate(request))


def _number(name: str, sent: str) -> float:
    try:
        return float(sent)
    except ValueError:
        raise InvalidInput(f"{name} must be a number, not {sent[:30]!r}", field=name) from None


def _reward(sent: str) -> RewardKind:
    kinds: tuple[RewardKind, ...] = get_args(RewardKind)
    for kind in kinds:
        if sent == kind:
            return kind
    raise InvalidInput(f"reward must be {' or '.join(kinds)}, not {sent[:30]!r}", field="reward")
