"""What became of one experience in one decision: from the decision made again, or from its record alone."""

from __future__ import annotations

from eachwise.contracts.decision import DecisionRecord, Fate, Standing
from eachwise.contracts.experience import SILENCE
from eachwise.decide.counterfactuals.figures import counterfactuals
from eachwise.decide.counterfactuals.lifts import verdicts_on
from eachwise.decide.explain import compare
from eachwise.decide.situation import Choice, Situation

_DIFFERS = " (made again, the decision differs from its record: replay it to see where)"


def standing_of(
    situation: Situation, choice: Choice, record: DecisionRecord, experience_id: str
) -> Standing:
    """How an experience of the placement (or silence) stood, with what would have been needed. ``choice`` is what the
    situation led to, ``record`` what was logged of it."""
    if record.failed:
        return _failed(record, experience_id)
    note = "" if compare(record, choice).agrees else _DIFFERS
    row = situation.plan.layout.row_of.get(experience_id)
    needed = counterfactuals(situation, choice, experience_id)
    found = choice.candidates.named(experience_id)
    if found is None:
        verdicts = [] if row is None else verdicts_on(situation, row)
        first, *more = [f"{each.filter}: {each.reason}" for each in verdicts] or [""]
        also = f"; and by {', and by '.join(more)}" if more else ""
        return Standing(
            experience_id=experience_id,
            fate="filtered",
            words=f"{experience_id} was taken out by {first}{also}{note}",
            filter=verdicts[0].filter if verdicts else None,
            filtered=verdicts,
            counterfactuals=needed,
            recomputed=True,
        )
    gap, best = choice.candidates.behind(experience_id), choice.candidates.best
    was = f"{experience_id} was {_worth(found.probability, found.priority)}"
    lead = "the best by expectation" if gap == 0.0 else f"{gap:.4g} behind {best}, the best"
    fate: Fate = "chosen" if record.experience_id == experience_id else "candidate"
    return Standing(
        experience_id=experience_id,
        fate=fate,
        words=f"{was}, {lead}; {_drawn(record, experience_id)}{note}",
        probability=found.probability,
        priority=found.priority,
        gap=gap,
        best=best,
        counterfactuals=needed,
        recomputed=True,
    )


def standing_elsewhere(
    record: DecisionRecord, experience_id: str, placements: list[str] | None
) -> Standing:
    """Of an experience that the placement did not have; ``placements`` are its own (None: there was no such one)."""
    if placements is None:
        words = f"there was no experience {experience_id!r} then"
        return Standing(experience_id=experience_id, fate="unknown", words=words)
    words = (
        f"{experience_id} is not declared for {record.inputs.placement_id}, "
        f"but for {', '.join(placements)}"
    )
    return Standing(experience_id=experience_id, fate="elsewhere", words=words)


def standing_recorded(record: DecisionRecord, experience_id: str, why: str) -> Standing:
    """What the record alone says of an experience; ``why`` it could not be computed again."""
    if record.failed:
        return _failed(record, experience_id)
    for found in record.leading:
        if found.experience_id == experience_id:
            worth = _worth(found.probability, found.priority)
            return Standing(
                experience_id=experience_id,
                fate="chosen" if record.experience_id == experience_id else "candidate",
                words=f"{experience_id} was {worth}; {_drawn(record, experience_id)} ({why})",
                probability=found.probability,
                priority=found.priority,
            )
    for verdict in record.filtered:
        if verdict.experience_id == experience_id:
            return Standing(
                experience_id=experience_id,
                fate="filtered",
                words=f"{experience_id} was taken out by {verdict.filter}: {verdict.reason} ({why})",
                filter=verdict.filter,
                filtered=[verdict],
            )
    words = f"the record does not name {experience_id} among the first of its candidates ({why})"
    return Standing(experience_id=experience_id, fate="unrecorded", words=words)


def _failed(record: DecisionRecord, experience_id: str) -> Standing:
    words = f"the decision fell back to silence: {record.failed}"
    return Standing(experience_id=experience_id, fate="failed", words=words)


def _worth(probability: float, priority: float) -> str:
    return f"a candidate with probability {probability:.4f} and priority {priority:+.4f}"


def _drawn(record: DecisionRecord, experience_id: str) -> str:
    if record.experience_id == experience_id:
        return "it was drawn"
    what = "silence" if record.experience_id == SILENCE else record.experience_id
    chance = ", for the sake of learning," if record.explored else ""
    return f"{what} was drawn{chance} with probability {record.probability:.4f}"
