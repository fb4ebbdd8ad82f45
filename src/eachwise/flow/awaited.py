"""Decisions whose outcome is still open, and what the log tells of them."""

from __future__ import annotations

import msgspec

from eachwise.contracts.decision import DecisionRecord, Factors
from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.experience import OUTBOUND_CHANNELS, Placement
from eachwise.contracts.individual import Individual
from eachwise.contracts.learning import Outcome
from eachwise.learn import Answer, Closed, Returned
from eachwise.maths.decay import MICROSECONDS

# What is sent may be tried again and again before it arrives.
SENDING_US = 86_400 * MICROSECONDS


class Pending(msgspec.Struct):
    """A decision whose window is open: what came back, and what the learner was told of it.

    told:  the outcomes that the learner knows of; None while it does not know of the exposure
    taken: whether its take-up is in the budgets' books
    wakes_us: when it is looked at again to be learnt; 0: not yet
    read:  sequences of what was read from the log at a restart: the log's tail tells of some of it once more
    """

    record: DecisionRecord
    placement: Placement
    people: frozenset[str]
    returned: list[Returned]
    told: frozenset[Outcome] | None = None
    taken: bool = False
    wakes_us: int = 0
    read: frozenset[int] = frozenset()

    @property
    def outbound(self) -> bool:
        """Whether it reaches the person away from the site."""
        return self.placement.channel in OUTBOUND_CHANNELS

    @property
    def unseen_us(self) -> int:
        """When it counts as not seen; what is sent may wait for its receiver first."""
        wait_us = self.placement.reserve_s * MICROSECONDS
        return self.record.inputs.now_us + max(wait_us, SENDING_US if self.outbound else 0)

    def seen_us(self, answer: Answer) -> int:
        """When it was seen first."""
        return answer.closes_us - self.placement.outcome_window_s * MICROSECONDS

    def ripe_us(self, answer: Answer, settle_s: int) -> int:
        """When the exposure may be learnt: on site at once, as answers come within moments; else once most have come.

        Were a mailing learnt when it is sent, thousands would have let it lie before the first could open it: what is
        predicted falls towards nothing, and with it what each trial is thought to tell, so that the clicks which come
        after weigh many times too much.
        """
        if not self.outbound:
            return -1
        waits_s = min(settle_s, self.placement.outcome_window_s)
        return self.seen_us(answer) + waits_s * MICROSECONDS


def closed(record: DecisionRecord, answer: Answer) -> Closed:
    """A final outcome beside what was predicted when it was decided."""
    factors = next(
        (each.factors for each in record.leading if each.experience_id == record.experience_id),
        Factors(),
    )
    return Closed(record.features, answer.outcomes, factors.p_takeup, factors.p_disconnect)


def returned(event: Event, meaning: Meaning) -> Returned:
    """What an event says of the decision that it answers."""
    return Returned(meaning.action, event.occurred_at_us, meaning.order_id, meaning.amount)


def people_of(record: DecisionRecord, state: Individual | None) -> frozenset[str]:
    """Every typed identifier under which the decision's person was known when it was made.

    ``state`` is the one that the record holds, where it is at hand.
    """
    known = state or msgspec.msgpack.decode(record.inputs.state, type=Individual)
    return frozenset({*known.identifiers, record.individual_id, *record.asked_as})
