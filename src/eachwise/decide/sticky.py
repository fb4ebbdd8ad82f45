"""Whether a decision of the same visit may be answered once more."""

from __future__ import annotations

from dataclasses import replace

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.events import Action
from eachwise.contracts.experience import SILENCE
from eachwise.decide.sifting import sift
from eachwise.decide.situation import Situation


def still_stands(situation: Situation, record: DecisionRecord) -> bool:
    """Whether what a record chose passes every filter now, and each of its items may be shown.

    Its own exposure is not counted, nor what it used of a budget: what is shown again within a visit is the same
    exposure. Silence does not stand:
    something may be worth showing by now. Raises nothing: what cannot be checked does not stand.
    """
    layout = situation.plan.layout
    row = layout.row_of.get(record.experience_id)
    if record.experience_id == SILENCE or row is None or record.inputs.count != situation.count:
        return False
    try:
        own = without_own(situation, record)
        if _has_its_unit(situation, record):
            others = {k: v for k, v in own.exhausted.items() if k != record.experience_id}
            own = replace(own, exhausted=others)
        sifted = sift(own)
    except Exception:
        return False
    rows = [layout.catalog.row_of.get(each.item_id) for each in record.items]
    allowed = sifted.screened.allowed
    return row in sifted.passed and all(each is not None and allowed[each] for each in rows)


def _has_its_unit(situation: Situation, record: DecisionRecord) -> bool:
    """Whether the budgets of what was chosen count this very exposure: it is seen, or still waited for.

    A stock is used by take-ups: it counts once it is taken up.
    """
    own = record.decision_id
    layout = situation.plan.layout
    stock = any(
        each.unit == "takeups"
        for each in layout.experiences[layout.row_of[record.experience_id]].budgets
    )
    told = [each.action for each in situation.contacts if each.decision_id == own]
    held = any(each.decision_id == own for each in situation.reservations)
    return Action.CLICK in told if stock else bool(told) or held


def without_own(situation: Situation, record: DecisionRecord) -> Situation:
    """The situation without what a decision itself put before the person, or holds a place for."""
    own = record.decision_id
    return replace(
        situation,
        contacts=[each for each in situation.contacts if each.decision_id != own],
        reservations=[each for each in situation.reservations if each.decision_id != own],
        earlier=None
        if situation.earlier is None
        else [each for each in situation.earlier if each.decision_id != own],
    )
