"""The decision that always answers: whatever goes wrong inside the stage ends in silence, and says why."""

from __future__ import annotations

from collections.abc import Iterator

from eachwise.contracts.experience import SILENCE
from eachwise.decide.candidates import SILENCE_ALONE
from eachwise.decide.constraints import FILTERS, HIDDEN_EXPERIENCE
from eachwise.decide.decider import decide
from eachwise.decide.items import HIDDEN_ITEM
from eachwise.decide.layout import values_of
from eachwise.decide.situation import Choice, Situation

_REASON_CHARS_MAX = 300
_ROUNDING = 1e-9


def decide_safely(situation: Situation) -> Choice:
    """``decide``, held once more against what protects the person; silence with ``failed`` where that is not kept.

    An error inside the stage ends in silence too: it is nobody's right to be shown something that could not be
    checked. Such a choice is evidence for nothing; its probability is 1.
    """
    try:
        choice = decide(situation)
        failed = "; ".join(breaches(situation, choice))
    except Exception as error:
        return failed_by(error)
    return _silence(failed) if failed else choice


def breaches(situation: Situation, choice: Choice) -> Iterator[str]:
    """What of a choice must not be, in words; nothing where all is well.

    Looked up in the situation itself and not taken from the filters: consent, hides, dates, the page, budgets, and the
    items' availability, hides and declared dislikes.
    """
    if not 0.0 < choice.probability <= 1.0 + _ROUNDING:
        yield f"the probability is {choice.probability!r}"
    chosen = choice.experience_id
    if chosen == SILENCE:
        if choice.items:
            yield "silence has items"
        return
    layout = situation.plan.layout
    row = layout.row_of.get(chosen)
    if row is None:
        yield f"{chosen} is no experience of {layout.placement.placement_id}"
        return
    for each in choice.filtered:
        if each.experience_id == chosen:
            yield f"{chosen} was chosen and filtered out by {each.filter}: {each.reason}"
    if not situation.consent[0]:
        yield f"{chosen} was chosen without consent"
    if HIDDEN_EXPERIENCE + chosen in situation.hidden:
        yield f"{chosen} was chosen and the person hid it"
    if not layout.starts_us[row] <= situation.now_us < layout.ends_us[row]:
        yield f"{chosen} was chosen outside its dates"
    over = not layout.placement.transactional and chosen in situation.exhausted
    if over or chosen in situation.taken:
        yield f"{chosen} was chosen and is taken or used up"
    if situation.only is not None and chosen not in situation.only:
        yield f"{chosen} was chosen and not asked for"
    yield from _item_breaches(situation, choice)


def _item_breaches(situation: Situation, choice: Choice) -> Iterator[str]:
    row_of = situation.plan.layout.catalog.row_of
    against = {value for value, sign in situation.declared.items() if sign < 0}
    for item in choice.items:
        row = row_of.get(item.item_id)
        if row is None or not situation.showable[row]:
            yield f"item {item.item_id} is not available"
        if HIDDEN_ITEM + item.item_id in situation.hidden:
            yield f"item {item.item_id} is shown and the person hid it"
        if against and not against.isdisjoint(values_of(item.attributes)):
            yield f"item {item.item_id} is shown and the person declared against it"


def failed_by(error: Exception) -> Choice:
    """Silence, since something went wrong on the way to the decision."""
    return _silence(f"{type(error).__name__}: {error}")


def _silence(failed: str) -> Choice:
    return Choice(
        experience_id=SILENCE,
        probability=1.0,
        items=[],
        candidates=SILENCE_ALONE,
        features={},
        filtered=[],
        filters={name: 0 for name in FILTERS if name != "asked"},
        reasons=["nothing is shown: the decision failed"],
        failed=failed[:_REASON_CHARS_MAX],
    )
