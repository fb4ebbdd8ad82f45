"""How long to wait until time alone lifts a filter: the end of quiet hours, a cap that is free again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from eachwise.contracts.experience import Cap
from eachwise.decide.constraints import frequency
from eachwise.decide.counterfactuals.altered import evidence_of
from eachwise.decide.eligibility import quiet_time
from eachwise.decide.situation import Situation
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.zones import local_time

_MILLISECOND_US = 1_000
_MINUTE_US = 60 * MICROSECONDS
# A change of the clocks may lengthen a night by three hours.
_LONGEST_MINUTES = 1_440 + 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What lifts a filter. ``waits``: it is a time, that of ``changed``; else something else about the situation."""

    words: str
    changed: Situation | None
    waits: bool = True


def whole_milliseconds(time_us: int) -> int:
    """The first whole millisecond at or after a time: what ISO 8601 with milliseconds can say."""
    return -(-time_us // _MILLISECOND_US) * _MILLISECOND_US


def first_passing(times_us: Sequence[int], passes: Callable[[int], bool]) -> int | None:
    """The first of ascending times that passes, where all after it do too; None where none does."""
    low, high = 0, len(times_us)
    while low < high:
        middle = (low + high) // 2
        if passes(times_us[middle]):
            high = middle
        else:
            low = middle + 1
    return times_us[low] if low < len(times_us) else None


def quiet_end(situation: Situation, row: int) -> Wait:
    """The minute in which the quiet hours are over on the person's clock; where that is not known, a zone that it would
    have to be. They hold for every experience alike: ``row`` makes no difference."""
    layout = situation.plan.layout
    hours = " and ".join(each.words for each in layout.quiet)
    traits, context, zone = situation.traits, situation.context, situation.settings.timezone
    first_us = situation.now_us // _MINUTE_US * _MINUTE_US
    for minute in range(1, _LONGEST_MINUTES):
        at_us = first_us + minute * _MINUTE_US
        moment = local_time(at_us, traits, context, zone).moment
        if moment is None:
            break
        if not any(each.holds(moment) for each in layout.quiet):
            words = f"one waits for the end of the quiet hours {hours}"
            return Wait(words=words, changed=replace(situation, now_us=at_us))
    for offset in range(-12, 15):
        known = replace(situation, traits={**traits, "timezone": f"Etc/GMT{-offset:+d}"})
        if not quiet_time(known):
            words = f"the person's time zone were known, and it were not {hours} there"
            return Wait(words=words, changed=known, waits=False)
    return Wait(words=f"it were not {hours} for the person", changed=None)


def cap_free(situation: Situation, row: int) -> Wait:
    """The moment at which every cap on an experience has room again, if nothing is shown meanwhile.

    A count only falls when an exposure leaves a window, a held place expires, or what is known of the person comes to
    reach back through a window: those moments are tried, and at each the filter itself is asked.
    """

    def passes(time_us: int) -> bool:
        return row not in frequency(evidence_of(replace(situation, now_us=time_us)))

    later = {whole_milliseconds(each) for each in _moments(situation, row)}
    at_us = first_passing(sorted(each for each in later if each > situation.now_us), passes)
    if at_us is None:
        return Wait(words="its cap were higher", changed=None)
    return Wait(
        words="one waits until the cap is free again", changed=replace(situation, now_us=at_us)
    )


def _moments(situation: Situation, row: int) -> Iterator[int]:
    """When something that the caps on an experience count may count no more, microseconds."""
    times_us = [each.at_us for each in evidence_of(situation).shown]
    times_us += [each.occurred_at_us for each in situation.contacts]
    for window_s in {cap.window_s for cap in _caps_on(situation, row)}:
        yield from (at_us + window_s * MICROSECONDS for at_us in times_us)
    yield from (each.expires_at_us for each in situation.reservations)


def _caps_on(situation: Situation, row: int) -> Iterator[Cap]:
    caps = situation.plan.layout.caps
    yield from (cap for _, cap in caps.shared)
    for bound in caps.of_rows.values():
        yield from (cap for owner, cap in bound if owner == row)
