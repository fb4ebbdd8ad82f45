"""What a simulation brought about, read from the commits of its store as they are made."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from eachwise.contracts.delivery import Message
from eachwise.contracts.journey import Asking, Entry, Instance, JourneyView
from eachwise.contracts.ports import Commit
from eachwise.contracts.simulation import (
    SimulatedContact,
    SimulatedDay,
    SimulatedJourney,
    SimulatedStep,
)
from eachwise.maths.times import iso

# What may follow an answer: an instance that was taken out while it asked was answered nothing.
_GOES_ON = frozenset({"active", "completed"})
_UNSENT = frozenset({"held", "dead"})
_DAY_CHARS = len("2026-11-22")


@dataclass(slots=True)
class _Tally:
    """Counts of one journey: of a step (what, name), of a day (placement/experience; "": who entered)."""

    entered: Counter[str] = field(default_factory=Counter)
    steps: defaultdict[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    days: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    effects: Counter[str] = field(default_factory=Counter)
    unsent: Counter[str] = field(default_factory=Counter)


class Watching:
    """Counts who began what and how, and what each contact that was asked for came to."""

    def __init__(self) -> None:
        self.contacts: list[SimulatedContact] = []
        self._last: dict[str, Instance] = {}
        self._of: defaultdict[str, _Tally] = defaultdict(_Tally)

    def began(self, instance: Instance, entry: Entry | None) -> None:
        """One instance began, by this entry (None: by hand)."""
        tally = self._of[instance.journey_id]
        tally.entered[_entry_words(entry)] += 1
        tally.days[iso(instance.entered_at_us)[:_DAY_CHARS]][""] += 1

    def saw(self, commit: Commit) -> None:
        """One commit was made."""
        for instance in commit.instances.values():
            if instance is not None:
                self._moved(instance)
        for message in commit.messages:
            self._posted(message)
        for message in commit.settled:
            if message.state in _UNSENT:
                self._of[message.journey_id].unsent[message.reason] += 1

    def journey(self, view: JourneyView) -> SimulatedJourney:
        """One journey's report; ``view``: where its people stand at the end."""
        tally = self._of[view.journey_id]
        withheld = sum(view.arms.get("holdout", {}).values())
        return SimulatedJourney(
            journey_id=view.journey_id,
            entered=dict(tally.entered),
            withheld=withheld,
            statuses=view.statuses,
            live=view.steps,
            steps=[_step(name, counts) for name, counts in sorted(tally.steps.items())],
            days=[_day(name, counts) for name, counts in sorted(tally.days.items())],
            effects=dict(tally.effects),
            unsent=dict(tally.unsent),
        )

    def _moved(self, instance: Instance) -> None:
        before = self._last.get(instance.instance_id)
        self._last[instance.instance_id] = instance
        if before is None or before.asking is None:
            return
        answered = before.asking != instance.asking and instance.path >= before.path
        deferred = instance.asking is not None and instance.path == before.path
        if answered and not deferred and instance.status in _GOES_ON:
            self._answered(before, before.asking, instance)

    def _answered(self, before: Instance, asking: Asking, instance: Instance) -> None:
        told = instance.facts["contact"]
        outcome, reason = told["outcome"], told["reason"]
        counts = self._of[instance.journey_id].steps[before.step]
        counts["outcome", outcome] += 1
        if outcome == "held":
            counts["held", reason.partition(":")[0]] += 1
        if outcome == "sent":
            counts["sent", told["experience"]] += 1
        self.contacts.append(
            SimulatedContact(
                at=iso(instance.moved_at_us),
                individual_id=instance.individual_id,
                journey_id=instance.journey_id,
                step=before.step,
                outcome=outcome,
                key=instance.key,
                placement_id=asking.placement_id,
                experience_id=told["experience"],
                reason=reason,
            )
        )

    def _posted(self, message: Message) -> None:
        tally = self._of[message.journey_id]
        if message.decision_id:
            day = iso(message.created_at_us)[:_DAY_CHARS]
            tally.days[day][f"{message.placement_id}/{message.experience_id}"] += 1
        else:
            tally.effects[message.channel] += 1


def _entry_words(entry: Entry | None) -> str:
    if entry is None:
        return "by hand"
    if entry.schedule is not None:
        return "schedule"
    return entry.event or entry.stage or entry.catalog


def _step(name: str, counts: Counter[tuple[str, str]]) -> SimulatedStep:
    def of(kind: str) -> dict[str, int]:
        return {each: count for (what, each), count in sorted(counts.items()) if what == kind}

    return SimulatedStep(
        step=name, outcomes=of("outcome"), held_by=of("held"), experiences=of("sent")
    )


def _day(name: str, counts: Counter[str]) -> SimulatedDay:
    contacts = {each: count for each, count in sorted(counts.items()) if each}
    return SimulatedDay(day=name, entered=counts[""], contacts=contacts)
