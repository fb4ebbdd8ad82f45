"""The running score: every method plays the same visits in a copy of the same world, and people watch it live.

Because people look at any time, the intervals are confidence sequences, which hold at every look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from eachwise.maths.intervals import Interval, confidence_sequence

INDIVIDUALS = "individuals"
BLANKET = "blanket"
ORACLE = "oracle"
SEGMENT = "segment:"

# The number of visits at which the intervals are narrowest: a few minutes of the demo. Fixed beforehand.
TIGHTEST_AT = 3_000
# The sequence is asymptotic: with fewer visits nothing is claimed.
VERDICT_VISITS_MIN = 300
VALUE_VISITS_MIN = 100

State = Literal["learning", "individuals", "segments"]


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What one method got for one visit, by the world's truth."""

    silent: bool
    clicked: bool
    hidden: bool
    against: bool
    value: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with its interval, both None while there are too few visits."""

    value: float
    low: float | None = None
    high: float | None = None


class ArmScore(msgspec.Struct, frozen=True, kw_only=True):
    """One method's score. Rates are of all decisions, but ``against_rate`` and ``hide_rate`` of what was sent."""

    arm: str
    label: str
    n: int
    clicks: int
    click_rate: Figure
    value: Figure
    against_rate: float
    hide_rate: float
    silence_rate: float


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What may honestly be said by now, in words."""

    state: State
    headline: str
    detail: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Every method's score, and the verdict."""

    visits: int
    arms: list[ArmScore]
    verdict: Verdict


class Tally:
    """Sums of one method's outcomes: sufficient for its rates and their intervals."""

    def __init__(self, arm: str, label: str) -> None:
        self.arm = arm
        self.label = label
        self.n = 0
        self.clicks = 0
        self._hidden = 0
        self._against = 0
        self._silent = 0
        self._value = 0.0
        self._value_squares = 0.0

    def add(self, played: Played) -> None:
        """Count one visit."""
        self.n += 1
        self.clicks += played.clicked
        self._hidden += played.hidden
        self._against += played.against
        self._silent += played.silent
        self._value += played.value
        self._value_squares += played.value * played.value

    def click_interval(self) -> Interval | None:
        """The click rate's confidence sequence, cut to [0, 1].

        Its variance is p̃(1 − p̃) with p̃ = (clicks + 1)/(n + 2), so that no clicks yet does not read as certainty.
        """
        if not self.n:
            return None
        smoothed = (self.clicks + 1) / (self.n + 2)
        found = confidence_sequence(
            self.n, self.clicks / self.n, smoothed * (1.0 - smoothed), tightest_at=TIGHTEST_AT
        )
        if found is None:
            return None
        return Interval(found.value, max(found.low, 0.0), min(found.high, 1.0), found.n)

    def score(self) -> ArmScore:
        """The figures as they stand."""
        n = max(self.n, 1)
        sent = max(self.n - self._silent, 1)
        clicks = self.click_interval()
        value = self._value_interval()
        return ArmScore(
            arm=self.arm,
            label=self.label,
            n=self.n,
            clicks=self.clicks,
            click_rate=_figure(self.clicks / n, clicks),
            value=_figure(self._value / n, value),
            against_rate=self._against / sent,
            hide_rate=self._hidden / sent,
            silence_rate=self._silent / n,
        )

    def _value_interval(self) -> Interval | None:
        """Money per decision; None below 100 visits, where rare large orders would mislead."""
        if self.n < VALUE_VISITS_MIN:
            return None
        mean = self._value / self.n
        variance = (self._value_squares - self.n * mean * mean) / (self.n - 1)
        return confidence_sequence(self.n, mean, max(variance, 0.0), tightest_at=TIGHTEST_AT)


class Scoreboard:
    """Tallies of all methods over the same visits.

    A confidence sequence may be believed at the first look at which it separates, so a verdict, once
    reached, stays until the opposite one is; that the intervals touch again later is said.
    """

    def __init__(self, labels: dict[str, str]) -> None:
        self._tallies = {arm: Tally(arm, label) for arm, label in labels.items()}
        self._reached: Verdict | None = None
        self._reached_at = 0

    @property
    def visits(self) -> int:
        """How many visits every method has played."""
        return self._tallies[INDIVIDUALS].n

    def add(self, played: dict[str, Played]) -> None:
        """Count one visit, played by every method. Raises ``KeyError`` where a method is missing."""
        for arm, tally in self._tallies.items():
            tally.add(played[arm])

    def score(self) -> Score:
        """All figures and the verdict."""
        tallies = list(self._tallies.values())
        return Score(
            visits=self.visits,
            arms=[tally.score() for tally in tallies],
            verdict=self._kept(verdict(tallies)),
        )

    def _kept(self, found: Verdict) -> Verdict:
        if found.state != "learning":
            if self._reached is None or self._reached.state != found.state:
                self._reached_at = self.visits
            self._reached = found
            return found
        if self._reached is None:
            return found
        words = f"{found.detail} They first came apart at visit {self._reached_at:,}."
        return Verdict(state=self._reached.state, headline=self._reached.headline, detail=words)


def verdict(tallies: Sequence[Tally]) -> Verdict:
    """Who wins, once the intervals of the individuals and of every segmentation are apart; until then "learning".

    Separation from all segmentations, and not only from the one that happens to lead, needs no correction for
    having looked for the leader.
    """
    individuals = next(tally for tally in tallies if tally.arm == INDIVIDUALS)
    segments = [tally for tally in tallies if tally.arm.startswith(SEGMENT)]
    mine = individuals.click_interval()
    theirs = [
        (tally, interval) for tally in segments if (interval := tally.click_interval()) is not None
    ]
    if mine is None or not theirs or individuals.n < VERDICT_VISITS_MIN:
        return Verdict(
            state="learning",
            headline="Learning",
            detail=f"{individuals.n} visits so far; nothing is claimed below {VERDICT_VISITS_MIN}.",
        )
    best, rival = max(theirs, key=lambda pair: pair[1].value)
    name = best.label.partition(" (")[0]
    gap = f"{_points(mine.value - rival.value)} points"
    rates = (
        f"{_percent(mine.value)} of visits clicked, against {_percent(rival.value)} for the {name}"
    )
    if all(mine.low > interval.high for _, interval in theirs):
        times = f", {mine.value / rival.value:.1f} times as many" if rival.value else ""
        return Verdict(
            state="individuals",
            headline=f"Individuals win by {_points(mine.value - rival.value)} points",
            detail=f"{rates}{times}. The intervals no longer touch.",
        )
    if rival.low > mine.high:
        return Verdict(
            state="segments",
            headline=f"The {name} win by {_points(rival.value - mine.value)} points",
            detail=f"{rates}. The intervals no longer touch.",
        )
    return Verdict(
        state="learning",
        headline="Still learning",
        detail=f"{rates}: {gap} so far, and the intervals still touch.",
    )


def _figure(value: float, interval: Interval | None) -> Figure:
    if interval is None:
        return Figure(value=value)
    return Figure(value=value, low=interval.low, high=interval.high)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
