"""A person's slot on a channel: whoever wants it then competes in one decision, silence included.

A journey's step does not send: it asks. When its moment has come, everything that asks for this person on this channel
is decided together, by the arbitration that decides everything else; nobody wins by having come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eachwise.contracts.decision import DecideRequest, DecisionRecord
from eachwise.contracts.delivery import Message
from eachwise.contracts.experience import ONSITE_CHANNELS, SILENCE, Placement
from eachwise.contracts.journey import Answered, Asking, Instance, Outcome
from eachwise.decide import Held
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.decide import Deciding
from eachwise.flow.sendtime import SendTimes
from eachwise.journeys import deferred
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.hashing import stable_hash

# What could not be sent for a reason that passes is tried again so soon where no better moment is known.
RETRY_US = 3_600 * MICROSECONDS


@dataclass(slots=True)
class Slot:
    """What a slot came to.

    records:  its decisions, held places and all, not durable yet
    messages: what goes out
    answers:  what each instance is told
    put_off:  the instances that try again later
    """

    records: list[DecisionRecord] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    answers: list[tuple[Instance, Answered]] = field(default_factory=list)
    put_off: list[Instance] = field(default_factory=list)


class Slots:
    """Decides slots. Nothing is durable until the caller commits what it is given."""

    def __init__(self, *, catalogue: Catalogue, deciding: Deciding, send_times: SendTimes) -> None:
        self._catalogue = catalogue
        self._deciding = deciding
        self._send_times = send_times

    def channel_of(self, instance: Instance) -> str:
        """The channel on which it wants a contact; "" where its placement is no longer defined."""
        return "" if instance.asking is None else self._channel(instance.asking.placement_id)

    def transactional(self, instance: Instance) -> bool:
        """Whether what it wants must go out, whatever else does."""
        placement = (
            None if instance.asking is None else self._placement(instance.asking.placement_id)
        )
        return placement is not None and placement.transactional

    def timed(self, instance: Instance, now_us: int) -> Instance | None:
        """The instance put off to this person's best moment; None where that is now.

        Asked once, when a contact is first wanted; from then on it holds a slot.
        """
        asking = instance.asking
        placement = None if asking is None else self._placement(asking.placement_id)
        if asking is None or placement is None or instance.wake_at_us > asking.from_us:
            return None
        if (
            asking.send_time != "best"
            or placement.channel in ONSITE_CHANNELS
            or placement.transactional
        ):
            return None
        seed = stable_hash(instance.instance_id, asking.from_us)
        best = self._send_times.best(
            instance.individual_id, placement.placement_id, now_us, asking.until_us, seed
        )
        return deferred(instance, best.at_us) if best.at_us > now_us else None

    def decide(self, individual_id: str, asking: Sequence[Instance], now_us: int) -> Slot:
        """Decide for everything that asks for one person on one channel now."""
        slot = Slot()
        try:
            self._decide_all(slot, individual_id, asking, now_us)
        except Exception:
            self._deciding.pages.undo(slot.records)
            raise
        return slot

    def _decide_all(
        self, slot: Slot, individual_id: str, asking: Sequence[Instance], now_us: int
    ) -> None:
        """One decision for all that compete, and one for each that must go out, taken into the slot."""
        by_placement: dict[str, list[Instance]] = {}
        for instance in asking:
            wish = instance.asking
            assert wish is not None
            placement = self._placement(wish.placement_id)
            if placement is None:
                reason = f"placement {wish.placement_id} is not defined"
                slot.answers.append((instance, _answer("held", now_us, reason=reason)))
            elif placement.transactional:
                # Two receipts are two: what must go out competes with nothing, and stands for nothing else.
                self._decide(slot, individual_id, {wish.placement_id: [instance]}, now_us)
            else:
                by_placement.setdefault(wish.placement_id, []).append(instance)
        if by_placement:
            self._decide(slot, individual_id, by_placement, now_us)

    def _decide(
        self,
        slot: Slot,
        individual_id: str,
        by_placement: Mapping[str, Sequence[Instance]],
        now_us: int,
    ) -> None:
        """One decision over these placements, taken into the slot."""
        asking = [instance for wishes in by_placement.values() for instance in wishes]
        request = DecideRequest(
            individual_id=individual_id,
            placements=list(by_placement),
            context=_context_of(asking),
        )
        only = {name: _wanted(wishes) for name, wishes in by_placement.items()}
        records, _ = self._deciding.pages.decide(request, individual_id, only=only)
        # Where nothing was left to choose from, nothing was decided: it is tried again, and not kept.
        slot.records += [
            each
            for each in records
            if each.candidates > 1 or each.experience_id != SILENCE or each.failed
        ]
        for record in records:
            self._settle(slot, record, by_placement[record.inputs.placement_id], now_us)

    def _settle(
        self, slot: Slot, record: DecisionRecord, asking: Sequence[Instance], now_us: int
    ) -> None:
        winners = [each for each in asking if _gets(each.asking, record.experience_id)]
        if winners:
            slot.messages.append(self._message(record, winners[0], now_us))
        for instance in asking:
            if instance in winners:
                slot.answers.append((instance, _answer("sent", now_us, record=record)))
            else:
                self._without(slot, record, instance, now_us)

    def _without(self, slot: Slot, record: DecisionRecord, instance: Instance, now_us: int) -> None:
        """An instance that got nothing: put off while it may still come to something, else told why."""
        wish = instance.asking
        assert wish is not None
        held = self._deciding.pages.held(record, wish.experiences)
        barred = bool(held) and (not wish.experiences or len(held) == len(wish.experiences))
        outcome: Outcome = "held"
        if record.failed:
            reason, again_us = record.failed, now_us + RETRY_US
        elif barred and (record.candidates == 1 or wish.experiences):
            reason, again_us = _soonest(held, now_us)
        elif record.experience_id != SILENCE:
            outcome, reason, again_us = "outbid", record.experience_id, now_us + RETRY_US
        else:
            outcome, reason, again_us = "silence", "nothing is better for this person now", 0
        if now_us < again_us <= wish.until_us:
            slot.put_off.append(deferred(instance, again_us))
        else:
            answer = _answer(outcome, now_us, reason=reason)
            slot.answers.append((instance, answer))

    def _message(self, record: DecisionRecord, instance: Instance, now_us: int) -> Message:
        placement = self._catalogue.offers.placement(record.inputs.placement_id)
        asking = instance.asking
        assert asking is not None
        return Message(
            message_id=f"m-{record.decision_id}",
            individual_id=record.individual_id,
            channel=placement.channel,
            created_at_us=now_us,
            due_at_us=now_us,
            placement_id=placement.placement_id,
            experience_id=record.experience_id,
            decision_id=record.decision_id,
            journey_id=instance.journey_id,
            instance_id=instance.instance_id,
            step=instance.step,
            expires_at_us=asking.until_us,
            transactional=placement.transactional,
            body={"event": instance.facts.get("event", {})},
        )

    def _channel(self, placement_id: str) -> str:
        placement = self._placement(placement_id)
        return "" if placement is None else placement.channel

    def _placement(self, placement_id: str) -> Placement | None:
        return self._catalogue.offers.definitions.placements.get(placement_id)


def _gets(asking: Asking | None, experience_id: str) -> bool:
    if asking is None or experience_id == SILENCE:
        return False
    return not asking.experiences or experience_id in asking.experiences


def _wanted(asking: Sequence[Instance]) -> list[str] | None:
    """What may be chosen: all that any of them wants; None where one takes anything."""
    wishes = [each.asking.experiences for each in asking if each.asking is not None]
    if not all(wishes):
        return None
    return sorted({name for wish in wishes for name in wish})


def _context_of(asking: Sequence[Instance]) -> dict[str, object]:
    """What began the one that asks is the moment's context; of several there is no one moment."""
    if len(asking) != 1:
        return {}
    event = asking[0].facts.get("event")
    return dict(event) if isinstance(event, dict) else {}


def _soonest(held: Mapping[str, Held], now_us: int) -> tuple[str, int]:
    """Why not, in words, and when it is worth another try: 0 where time alone will not help."""
    moments = {name: each.again_us for name, each in held.items() if each.again_us is not None}
    if not moments:
        first = next(iter(held.values()))
        return f"{first.filter}: {first.reason}", 0
    name = min(moments, key=lambda each: (moments[each], each))
    found = held[name]
    return f"{found.filter}: {found.reason}", max(moments[name], now_us + MICROSECONDS)


def _answer(
    outcome: Outcome,
    now_us: int,
    *,
    record: DecisionRecord | None = None,
    reason: str = "",
) -> Answered:
    return Answered(
        now_us=now_us,
        outcome=outcome,
        experience_id=record.experience_id if record else "",
        decision_id=record.decision_id if record else "",
        reason=reason,
    )
