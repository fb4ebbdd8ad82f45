"""When a person is there: counts by hour of the week, which merge, and what people at large do in each local hour.

A person's hours are counted in UTC, where a moment's hour never depends on what else is known; they are read on the
person's clock. The clock's 48 *bins* are the hours of a working day (0–23) and of a day at the weekend (24–47).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.experience import OUTBOUND_CHANNELS
from eachwise.contracts.individual import Contact

WEEK_HOURS = 168
DAY_HOURS = 24
BINS = 2 * DAY_HOURS
# What the answer to an outbound contact counts beside one act of the person's own: it says that a message was read.
ANSWER_ACTS = 3
_HOUR_US = 3_600_000_000
# 1970-01-01 was a Thursday; weeks begin on Monday.
_FIRST_HOUR = 3 * DAY_HOURS
_SATURDAY = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANSWERS = frozenset({"view", "click"})


def hour_of_week(time_us: int) -> int:
    """0–167: the hour of the week in UTC, from Monday 00:00."""
    return (time_us // _HOUR_US + _FIRST_HOUR) % WEEK_HOURS


def count_act(hours: dict[int, int], event: Event, meaning: Meaning, *, present: bool) -> None:
    """Count the hour in which a person acted, in place; nothing where they did not act themselves (``present``)."""
    if not present:
        return
    answer = meaning.decision_id and meaning.channel in OUTBOUND_CHANNELS
    hour = hour_of_week(event.occurred_at_us)
    hours[hour] = hours.get(hour, 0) + (ANSWER_ACTS if answer else 1)


def local_moment(time_us: int, zone: tzinfo) -> datetime:
    """What a clock in this zone shows."""
    return (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone)


def bin_of(moment: datetime) -> int:
    """0–47: the bin of what a clock shows."""
    return moment.hour + (DAY_HOURS if moment.weekday() >= _SATURDAY else 0)


def local_hours(hours: Mapping[int, int], now_us: int, zone: tzinfo) -> Floats:
    """(48,): a person's counts by UTC hour of the week on the clock that the zone has now.

    Habits move with the clock while counts do not: for some weeks after a change of the clocks older ones lie an hour
    off, which the smoothing over neighbouring hours bears.
    """
    offset = local_moment(now_us, zone).utcoffset() or timedelta(0)
    shift = round(offset / timedelta(hours=1))
    found = np.zeros(BINS)
    for hour, count in hours.items():
        day, local = divmod((hour + shift) % WEEK_HOURS, DAY_HOURS)
        found[local + (DAY_HOURS if day >= _SATURDAY else 0)] += count
    return found


def outbound_answers(contacts: Sequence[Contact], before_us: int) -> list[tuple[int, bool]]:
    """The outbound contacts made before a time and kept among the newest: when each was, and whether it was answered.

    An answer names the contact's decision and opens or clicks it; a contact that names none cannot be answered and is
    left out.
    """
    sent: dict[str, int] = {}
    answered = set()
    for each in contacts:
        if not each.decision_id or each.channel not in OUTBOUND_CHANNELS:
            continue
        if each.action == "expose":
            known = sent.get(each.decision_id)
            if known is None or each.occurred_at_us < known:
                sent[each.decision_id] = each.occurred_at_us
        elif each.action in _ANSWERS:
            answered.add(each.decision_id)
    return [(at_us, decision in answered) for decision, at_us in sent.items() if at_us < before_us]


class PopulationHours(msgspec.Struct, array_like=True):
    """What all people together do by bin of their own clocks: exact counts, which merge by adding.

    activity: acts; sent: outbound contacts; answered: how many of those sent in the bin were answered
    """

    activity: dict[int, int] = {}
    sent: dict[int, int] = {}
    answered: dict[int, int] = {}

    def merge(self, other: PopulationHours) -> PopulationHours:
        """Both together, as a new value."""
        return PopulationHours(
            activity=_sums(self.activity, other.activity),
            sent=_sums(self.sent, other.sent),
            answered=_sums(self.answered, other.answered),
        )

    def act(self, where: int) -> None:
        """Count one act, in place."""
        self.activity[where] = self.activity.get(where, 0) + 1

    def send(self, where: int) -> None:
        """Count one outbound contact, in place."""
        self.sent[where] = self.sent.get(where, 0) + 1

    def answer(self, where: int) -> None:
        """Count the first answer to a contact that was made in this bin, in place."""
        self.answered[where] = self.answered.get(where, 0) + 1


def in_bins(counts: Mapping[int, int]) -> Floats:
    """(48,): counts by bin as an array."""
    found = np.zeros(BINS)
    for where, count in counts.items():
        found[where] = count
    return found


def _sums(a: Mapping[int, int], b: Mapping[int, int]) -> dict[int, int]:
    keys: Iterable[int] = {**a, **b}
    return {key: a.get(key, 0) + b.get(key, 0) for key in keys}
