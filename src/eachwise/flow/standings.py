"""Where one person's relationship stood since the first event: looked at after each event and at each day's end (UTC).

Engagement fades and a relationship lapses without anything happening, so the days in between are looked at too; those
in which nothing can change are passed over (``_Watch``), which changes no answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from math import floor
from typing import NamedTuple

import numpy as np

from eachwise.contracts.events import LoggedEvent, Meaning
from eachwise.contracts.experience import STAGES, Stage
from eachwise.flow.lives import Walk
from eachwise.individual.engagement import WINDOW_DAYS
from eachwise.maths.decay import MICROSECONDS
from eachwise.measure import UNSEEN, Path
from eachwise.settings import Settings

RUNG: dict[str, int] = {stage: place for place, stage in enumerate(STAGES)}
DAY_US = 86_400 * MICROSECONDS
# Stages that hang on orders: only an event changes them.
_ORDERED = frozenset({"customer", "repeat"})

# Called after each event: the walk so far, the event, what it means, the rungs before and after it.
Seen = Callable[[Walk, LoggedEvent, Meaning, int, int], None]


class Standing(NamedTuple):
    """From ``at_us`` on it stood here."""

    at_us: int
    stage: Stage
    lapsed: bool


def standings(
    logged: Iterable[LoggedEvent],
    until_us: int,
    settings: Settings,
    *,
    walk: Walk | None = None,
    seen: Seen | None = None,
) -> list[Standing]:
    """Every change of stage or lapse up to ``until_us``, oldest first; the first one is when the person was first seen.

    ``logged`` are the person's events in the order of time; empty where none lies before ``until_us``. ``seen`` is
    called after each event that ``walk`` takes.
    """
    watch = _Watch(walk or Walk(settings), settings)
    before_us: int | None = None
    for entry in logged:
        at_us = entry.event.occurred_at_us
        if at_us > until_us:
            break
        if before_us is not None:
            watch.silence(before_us, at_us)
        rung = watch.rung
        meaning = watch.walk.take(entry.event)
        watch.look(at_us)
        if seen is not None:
            seen(watch.walk, entry, meaning, rung, watch.rung)
        before_us = at_us
    if before_us is not None:
        watch.silence(before_us, until_us)
    return watch.found


def standing_at(found: Sequence[Standing], at_us: int) -> Standing | None:
    """Where it stood at a time; None before the person was seen."""
    place = bisect_right(found, at_us, key=_time)
    return found[place - 1] if place else None


def path_of(found: Sequence[Standing], boundaries_us: Sequence[int], until_us: int) -> Path | None:
    """What the statistic of transitions counts of a person; None who was seen only after the last boundary.

    Waits are those that began at the first boundary or later.
    """
    if not found or found[0].at_us > boundaries_us[-1]:
        return None
    at = [standing_at(found, boundary) for boundary in boundaries_us]
    return Path(
        stood=np.array([UNSEEN if each is None else RUNG[each.stage] for each in at]),
        lapsed=np.array([each is not None and each.lapsed for each in at]),
        waits=[
            (rung, days, rose)
            for rung, began_us, days, rose in _waits(found, until_us)
            if began_us >= boundaries_us[0]
        ],
    )


def _waits(found: Sequence[Standing], until_us: int) -> list[tuple[int, int, float, bool]]:
    """(rung, when first there, days until first higher or until the end, whether it came to that)."""
    firsts: dict[int, int] = {}
    for each in found:
        firsts.setdefault(RUNG[each.stage], each.at_us)
    waits = []
    for rung, began_us in firsts.items():
        higher = [at_us for other, at_us in firsts.items() if other > rung and at_us > began_us]
        # Who stood higher before has risen already: falling back to a rung for the first time is no beginning.
        if any(at_us < began_us for other, at_us in firsts.items() if other > rung):
            continue
        end_us = min(higher, default=until_us)
        waits.append((rung, began_us, (end_us - began_us) / DAY_US, bool(higher)))
    return waits


class _Watch:
    """Looks at a walk and keeps what changed."""

    def __init__(self, walk: Walk, settings: Settings) -> None:
        self.walk = walk
        self.found: list[Standing] = []
        self._lapse_days = floor(settings.stage.lapsed_after_days) + 1

    @property
    def rung(self) -> int:
        """The rung at the last look; −1 before the first."""
        return RUNG[self.found[-1].stage] if self.found else -1

    def look(self, at_us: int) -> None:
        """Note where it stands, if that changed; of one moment the last look counts."""
        now = Standing(at_us, *self.walk.standing(at_us))
        if self.found and self.found[-1].at_us == at_us:
            self.found.pop()
        if not self.found or self.found[-1][1:] != now[1:]:
            self.found.append(now)

    def silence(self, after_us: int, until_us: int) -> None:
        """Look at the ends of the days in (after, until], in which nothing happened."""
        last, day = until_us // DAY_US, after_us // DAY_US + 1
        contacts = self.walk.state.contacts
        # The score rises by itself only while exposures without an answer leave the window of days that it counts.
        rising = day + WINDOW_DAYS if any(each.action == "expose" for each in contacts) else day
        while day <= last and not self._quiet(day, rising):
            self.look(day * DAY_US)
            day += 1
        days = self.walk.state.days
        if days and day <= (lapses := days[-1] + self._lapse_days) <= last:
            self.look(lapses * DAY_US)

    def _quiet(self, day: int, rising: int) -> bool:
        """Whether from this day on nothing but a lapse can come by itself."""
        stage = self.found[-1].stage
        return stage in _ORDERED or (stage != "engaged" and day >= rising)


def _time(standing: Standing) -> int:
    return standing.at_us
