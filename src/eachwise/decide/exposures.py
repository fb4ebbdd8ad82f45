"""What a person was shown lately: one exposure for each decision, however often it was reported."""

from __future__ import annotations

from collections.abc import Sequence

from eachwise.contracts.decision import Exposed, Reservation
from eachwise.contracts.events import Action
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.individual import Contact

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
            contact.occurred_at_us, contact.experience_id, contact.placement_id, contact.channel
        )
        if contact.decision_id:
            before = of_decision.get(contact.decision_id)
            of_decision[contact.decision_id] = _both(before, seen) if before else seen
        elif contact.action == _EXPOSE:
            single.append(seen)
    return single + list(of_decision.values()), frozenset(of_decision)


def _both(one: Exposed, other: Exposed) -> Exposed:
    """Two reports of one exposure: its earliest time, and the names that either gives."""
    first, second = (one, other) if one.at_us <= other.at_us else (other, one)
    return Exposed(
        first.at_us,
        first.experience_id or second.experience_id,
        first.placement_id or second.placement_id,
        first.channel or second.channel,
    )


def held(
    reservations: Sequence[Reservation], confirmed: frozenset[str], now_us: int
) -> list[Exposed]:
    """The live reservations that no exposure has confirmed yet, as exposures at their time of decision."""
    return [
        Exposed(each.reserved_at_us, each.experience_id, each.placement_id, each.channel)
        for each in reservations
        if each.expires_at_us > now_us
        and each.decision_id not in confirmed
        and each.experience_id != SILENCE
    ]
