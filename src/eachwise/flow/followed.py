"""What followed the decisions made for some people: both statistics of lifetime value, from lives and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import CannotReplay
from eachwise.contracts.events import LoggedEvent
from eachwise.contracts.experience import STAGES
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Store
from eachwise.flow.lives import Life, life_of
from eachwise.flow.logged import Logged
from eachwise.identity import Sources
from eachwise.individual import engagement_score, stage_of
from eachwise.measure import (
    ChangeStatistic,
    StageStatistic,
    count_changes,
    count_stages,
    log_of,
    no_changes,
)
from eachwise.settings import Settings


@dataclass(frozen=True, slots=True)
class Lived:
    """What is read of one person: events in the order of time, and decisions that did not fail."""

    person: str
    events: list[LoggedEvent]
    records: list[DecisionRecord]


class Followed(NamedTuple):
    """One person's part: (stages at the ends of periods, margin of each), and each decision with what became of it.

    decisions: (record, stage before and a period later as numbers of ``STAGES``, margin earned in between)
    lead_min: the fewest leading candidates that any of the records names
    """

    periods: tuple[list[str], list[float]]
    decisions: list[tuple[DecisionRecord, int, int, float]]
    lead_min: int


def read(store: Store, person: str, sources: Sources, decision_ids: Sequence[str]) -> Lived:
    """What the store has of one person; others' events may be among them."""
    events = store.events_of(
        user_ids=sources.user_ids,
        anonymous_ids=sources.anonymous_ids,
        device_ids=sources.device_ids,
    )
    records = [record for each in decision_ids if (record := store.decision(each)) is not None]
    evidence = [each for each in records if not (each.failed or each.transactional)]
    return Lived(person, list(events), evidence)


def follow(
    lived: Lived, logged: Logged, until_us: int, period_us: int, settings: Settings
) -> Followed | None:
    """What became of a person; None of whom there are no events.

    A decision whose period is not over, or whose settings are no longer kept, tells nothing.
    """
    ends = [record.inputs.now_us + period_us for record in lived.records]
    life = life_of(lived.events, ends, until_us, period_us, settings)
    if life is None:
        return None
    decisions = []
    leads = {2**31}
    for record, end_us in zip(lived.records, ends, strict=True):
        if end_us > until_us:
            continue
        try:
            leads.add(logged.settings_of(record).decide.lead_count)
        except CannotReplay:
            continue
        own = msgspec.structs.replace(record, individual_id=lived.person)
        decisions.append((own, *_moved(record, life, end_us, settings)))
    return Followed(life.timeline.periods(until_us, period_us), decisions, min(leads))


def counted(people: Sequence[Followed]) -> tuple[StageStatistic, ChangeStatistic]:
    """Both statistics of some people."""
    stages = count_stages(STAGES, [each.periods for each in people])
    rows = [row for each in people for row in each.decisions]
    if not rows:
        return stages, no_changes(STAGES)
    changes = count_changes(
        # All of a person's decisions belong into one log: under the fewest leading candidates.
        log_of(
            ((row[0], 0.0, False) for row in rows),
            lead_count=min(each.lead_min for each in people),
        ),
        STAGES,
        before=np.array([row[1] for row in rows], dtype=np.int64),
        after=np.array([row[2] for row in rows], dtype=np.int64),
        earned=np.array([row[3] for row in rows], dtype=np.float64),
    )
    return stages, changes


def _moved(
    record: DecisionRecord, life: Life, end_us: int, settings: Settings
) -> tuple[int, int, float]:
    """The stage that the decision saw, the one a period later, and what was earned between."""
    at_us = record.inputs.now_us
    state = msgspec.msgpack.decode(record.inputs.state, type=Individual)
    before, _ = stage_of(state, at_us, engagement_score(state, at_us), settings.stage)
    after = life.timeline.stage_at(end_us)
    earned = life.earned_after(at_us, end_us, record.decision_id)
    return STAGES.index(before), STAGES.index(after), earned
