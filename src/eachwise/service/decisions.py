"""What became of decisions, and why: handlers of their routes."""

from __future__ import annotations

from eachwise.contracts.decision import DecisionPage, Explanation, PersonalExplanation
from eachwise.contracts.errors import InvalidInput
from eachwise.flow.drive import arun
from eachwise.flow.why import LIMIT_DEFAULT, LIMIT_MAX
from eachwise.service.call import Call

_READERS = ("operator", "person")


async def why(call: Call) -> DecisionPage:
    """A person's newest decisions, and what became of one experience in each."""
    individual_id = call.text("individual")
    if not individual_id:
        raise InvalidInput(
            "individual: say whose decisions, like individual=user:42", field="individual"
        )
    asked = call.core.asking.why(
        individual_id,
        call.text("experience") or None,
        placement_id=call.text("placement") or None,
        limit=call.integer("limit", LIMIT_DEFAULT, low=1, high=LIMIT_MAX),
        before=call.text("before") or None,
    )
    return await arun(asked)


async def explain(call: Call) -> Explanation | PersonalExplanation:
    """One decision in words, for the operator or for the person."""
    reader = call.text("for", "operator")
    if reader not in _READERS:
        raise InvalidInput(f"for must be {' or '.join(_READERS)}, not {reader[:30]!r}", field="for")
    if reader == "person":
        return call.core.asking.personal(call.path("id"))
    return call.core.explain(call.path("id"))
