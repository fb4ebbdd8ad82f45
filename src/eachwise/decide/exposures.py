"""What a person was shown lately: one exposure for each decision, however often it was reported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from eachwise.contracts.decision import Exposed, Reservation
from eachwise.contracts.events import Action
from eachwise.contracts.experience import OUTBOUND_CHANNELS, SILENCE
from eachwise.contracts.individual import CONTACTS_MAX, Contact
from eachwise.decide.situation import Situation
from eachwise.maths.decay import MICROSECONDS

# A convention: what was ignored a month ago counts a quarter.
IGNORED_HALF_LIFE_S = 14 * 86_400.0
_EXPOSE = Action.EXPOSE.value
# An answer to something proves that it was seen, even where the exposure itself was not reported.
_PROOFS = frozenset({_EXPOSE, Action.CLICK.value, Action.DISMISS.value, Action.HIDE.value})


def exposures(contacts: Sequence[Contact]) -> tuple[list[Exposed], frozenset[str]]:
    """The exposures among the contacts, and the decisions that they confirm.

    A decision counts once, at its earliest report; an exposure without a decision counts each time.
    """
    single: list[Exposed] = []
    of_decision: dict[str, Exposed] = {}
    for contact in contacts:
        if contact.action not in _PROOFS:
            continue
        seen = Exposed(
            contact.occurred_at_us,
            contact.experience_id,
            contact.placement_id,
            contact.channel,
            contact.decision_id,
        )
        if contact.decision_id:
            before = of_decision.get(contact.decision_id)
            of_decision[contact.decision_id] = _both(before, seen) if before else seen
        elif contact.action == _EXPOSE:
            single.append(seen)
    return single + list(of_decision.values()), frozenset(of_decision)


def lately(situation: Situation) -> tuple[list[Exposed], list[Exposed]]:
    """What the person was shown, as the contacts have it, and all that caps count.

    What went out on a transactional placement is in neither.
    """
    shown, confirmed = exposures(situation.contacts)
    every = counted(shown, situation.earlier, situation.reservations, confirmed, situation.now_us)
    uncounted = situation.plan.layout.uncounted
    if not uncounted:
        return shown, every
    return (
        [each for each in shown if each.placement_id not in uncounted],
        [each for each in every if each.placement_id not in uncounted],
    )


def ignored(situation: Situation) -> float:
    """How many outbound contacts the person has lately left without an answer, each halved in a fortnight.

    Of the kept contacts those that name their decision, are older than the placement's outcome window and were neither
    opened nor clicked nor turned against. What is transactional counts for nothing.
    """
    layout, now_us = situation.plan.layout, situation.now_us
    until_us = now_us - layout.placement.outcome_window_s * MICROSECONDS
    sent: dict[str, int] = {}
    answered = set()
    for each in situation.contacts:
        if not each.decision_id or each.placement_id in layout.uncounted:
            continue
        if each.action != _EXPOSE:
            answered.add(each.decision_id)
        elif each.channel in OUTBOUND_CHANNELS and each.occurred_at_us <= until_us:
            sent[each.decision_id] = max(each.occurred_at_us, sent.get(each.decision_id, 0))
    return sum(
        math.exp2((at_us - now_us) / (IGNORED_HALF_LIFE_S * MICROSECONDS))
        for decision_id, at_us in sent.items()
        if decision_id not in answered
    )


def _both(one: Exposed, other: Exposed) -> Exposed:
    """Two reports of one exposure: its earliest time, and the names that either gives."""
    first, second = (one, other) if one.at_us <= other.at_us else (other, one)
    return Exposed(
        first.at_us,
        first.experience_id or second.experience_id,
        first.placement_id or second.placement_id,
        first.channel or second.channel,
        first.decision_id,
    )


def history_needed(contacts: Sequence[Contact], reach_s: int, now_us: int) -> int | None:
    """Since when a person's exposures must be read from the log, so that caps of windows up to ``reach_s`` are counted
    exactly; None where the kept contacts reach back far enough.

    Microseconds; exposures at that time itself are outside of every window.
    """
    since_us = now_us - reach_s * MICROSECONDS
    return since_us if reach_s and not _reach(contacts, since_us) else None


def _reach(contacts: Sequence[Contact], since_us: int) -> bool:
    """Whether every contact after this time is among those kept."""
    if len(contacts) < CONTACTS_MAX:
        return True
    return min(each.occurred_at_us for each in contacts) <= since_us


def known_since(
    contacts: Sequence[Contact], earlier: Sequence[Exposed] | None, since_us: int
) -> bool:
    """Whether every exposure after this time is known: kept, or ``earlier`` was read from the log."""
    return earlier is not None or _reach(contacts, since_us)


def earlier_exposures(logged: Iterable[Contact], kept: Sequence[Contact]) -> list[Exposed]:
    """What ``Inputs.earlier`` holds: the exposures among contacts read from the log that are not among those kept.

    ``logged`` may hold kept ones too. A decision that both report is named with the time of its earliest report.
    """
    known = {(each.occurred_at_us, each.tie) for each in kept}
    older = [each for each in logged if (each.occurred_at_us, each.tie) not in known]
    return exposures(older)[0]


def counted(
    shown: Sequence[Exposed],
    earlier: Sequence[Exposed] | None,
    reservations: Sequence[Reservation],
    confirmed: frozenset[str],
    now_us: int,
) -> list[Exposed]:
    """All that caps count: the exposures ``shown``, those ``earlier``, and the places held, each decision once."""
    if not earlier:
        return [*shown, *held(reservations, confirmed, now_us)]
    single = [each for each in (*shown, *earlier) if not each.decision_id]
    of_decision: dict[str, Exposed] = {}
    for each in (*shown, *earlier):
        if each.decision_id:
            before = of_decision.get(each.decision_id)
            of_decision[each.decision_id] = _both(before, each) if before else each
    places = held(reservations, frozenset(of_decision), now_us)
    return [*single, *of_decision.values(), *places]


def held(
    reservations: Sequence[Reservation], confirmed: frozenset[str], now_us: int
) -> list[Exposed]:
    """The live reservations that no exposure has confirmed yet, as exposures at their time of decision."""
    return [
        Exposed(
            each.reserved_at_us,
            each.experience_id,
            each.placement_id,
            each.channel,
            each.decision_id,
        )
        for each in reservations
        if each.expires_at_us > now_us
        and each.decision_id not in confirmed
        and each.experience_id != SILENCE
    ]
