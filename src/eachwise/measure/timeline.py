"""A person's relationship through time, cut into periods: what the statistics of stages and of changes count."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eachwise.contracts.errors import InvalidInput


class Followed(NamedTuple):
    """A decision's stage when it was made, the stage a period later, and the margin earned in between."""

    before: str
    after: str
    earned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """When one person came into each stage, and when each order earned its margin; times in microseconds, ascending.

    ``stages``: (since when, stage), the first one being when the person was first seen; ``earned``: (when, money).
    Raises ``InvalidInput`` where nothing says in what stage it begins, or times do not ascend.
    """

    stages: Sequence[tuple[int, str]]
    earned: Sequence[tuple[int, float]] = ()

    def __post_init__(self) -> None:
        """Refuse what has no beginning or no order."""
        if not self.stages:
            raise InvalidInput("stages: a timeline begins with one", field="stages")
        for name in ("stages", "earned"):
            times = [at for at, _ in getattr(self, name)]
            if times != sorted(times):
                raise InvalidInput(f"{name}: times must ascend", field=name)

    def stage_at(self, at_us: int) -> str:
        """The stage at a time; before the person was seen, the first one."""
        place = bisect_right(self.stages, at_us, key=_time)
        return self.stages[max(place - 1, 0)][1]

    def earned_between(self, after_us: int, until_us: int) -> float:
        """Margin of the orders in (after, until], money."""
        first = bisect_right(self.earned, after_us, key=_time)
        last = bisect_right(self.earned, until_us, key=_time)
        return float(sum(money for _, money in self.earned[first:last]))

    def periods(self, until_us: int, period_us: int) -> tuple[list[str], list[float]]:
        """Stages at the ends of the whole periods from first seen to ``until_us``, and the margin of each.

        One stage more than margins, as ``count_stages`` takes them.
        """
        start = self.stages[0][0]
        count = max(0, (until_us - start) // _positive(period_us))
        ends = [start + k * period_us for k in range(count + 1)]
        earned = [self.earned_between(end - period_us, end) for end in ends[1:]]
        if earned:
            # What is bought in the very moment in which a person is first seen belongs to the first period.
            earned[0] += self.earned_between(start - 1, start)
        return [self.stage_at(end) for end in ends], earned

    def followed(self, at_us: int, until_us: int, period_us: int) -> Followed | None:
        """What came after a decision; None while its period is not over at ``until_us``."""
        end = at_us + _positive(period_us)
        if end > until_us:
            return None
        return Followed(self.stage_at(at_us), self.stage_at(end), self.earned_between(at_us, end))


def _positive(period_us: int) -> int:
    if period_us <= 0:
        raise InvalidInput("period_us: must be above 0", field="period_us")
    return period_us


def _time(entry: tuple[int, str] | tuple[int, float]) -> int:
    return entry[0]
