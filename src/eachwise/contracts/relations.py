"""How relationships move: a person's stages through time, everybody's, and what a journey changed against its holdout.

Intervals hold the truth with the stated ``level``; a share of nobody has none.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from eachwise.contracts.measurement import Between

# ``better``, ``worse``: the interval that holds at any time leaves 0 out. ``refused``: too few, or nobody to compare.
Verdict = Literal["better", "worse", "undecided", "refused"]
PeriodName = Literal["day", "week", "30days"]


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer: immutable, by keyword."""


class StageMove(_Told, frozen=True):
    """From ``at`` on the relationship stood here; ``before``: where it stood until then ("": never seen)."""

    at: str
    stage: str
    lapsed: bool
    before: str = ""
    was_lapsed: bool = False


class StageHistory(_Told, frozen=True):
    """A person's stages, oldest first: looked at after each event and at the end of each day (UTC).

    ``stage``, ``lapsed``: where the relationship stands now, since ``since``.
    """

    individual_id: str
    at: str
    stage: str
    lapsed: bool
    since: str
    events: int
    moves: list[StageMove]
    words: list[str]


class StageTransition(_Told, frozen=True):
    """Of those who stood ``before`` at a period's start, how many stood ``after`` at its end.

    count, of:  periods that went so, of all that began there; people: how many people these are
    rate:       count / of, with its interval, people as the units
    """

    before: str
    after: str
    count: int
    of: int
    people: int
    rate: Between


class StagePeriod(_Told, frozen=True):
    """One period.

    stood: stage → people at its start; lapsed: how many of them had; came: those first seen in it, by stage at its end
    """

    since: str
    until: str
    stood: dict[str, int]
    lapsed: int
    came: dict[str, int]
    transitions: list[StageTransition]


class RungTime(_Told, frozen=True):
    """How long it takes from first standing at a rung to first standing higher (Kaplan & Meier 1958).

    people:       who first stood there between since and until; rose: who were seen to rise
    median_days:  half of them rose within so many days, with [low, high]; None where fewer than half were seen to
    risen_30d:    share that rises within 30 days, with its interval; None where nobody was followed so long
    """

    stage: str
    people: int
    rose: int
    median_days: float | None
    low_days: float | None
    high_days: float | None
    risen_30d: Between | None


class StageReport(_Told, frozen=True):
    """Everybody's stages through time. Of ``people`` known, ``read`` were (a fixed sample where these are fewer).

    stood:       stage → how many of those read stand there at ``until``, and how many have lapsed
    transitions: of all periods together
    """

    since: str
    until: str
    period_days: int
    people: int
    read: int
    level: float
    stood: dict[str, int]
    lapsed: int
    transitions: list[StageTransition]
    rungs: list[RungTime]
    periods: list[StagePeriod]
    words: list[str]


class Contrast(_Told, frozen=True):
    """Treated − holdout.

    difference: with the interval for one look at a moment fixed before
    anytime:    with the interval that holds however often one looks: what verdicts rest on
    """

    difference: Between
    anytime: Between


class ArmEffect(_Told, frozen=True):
    """One arm: people whose goal's time is over, each counted from the first entry.

    instances: how often they entered; contacts: what they were sent; reached, disconnected, rose: how many people, and
    their share (weighted like the other arm's where versions differ in their holdout); disconnects: kind → events
    money: of orders in the goal's time, a person; transitions: stage at the entry → stage when the goal's time was over
    """

    people: int
    instances: int
    contacts: int
    reached: int
    reached_share: Between | None
    rose: int
    rose_share: Between | None
    disconnected: int
    disconnected_share: Between | None
    disconnects: dict[str, int]
    orders: int
    money: Between | None
    transitions: list[StageTransition]


class RatioCheck(_Told, frozen=True):
    """Whether the holdout has the share of people that it should: chi-square with one degree of freedom.

    A ``p_value`` below 0.001 (``suspect``) says that people were lost unevenly: then no figure can be trusted.
    """

    expected: float
    observed: int
    chi_square: float
    p_value: float
    suspect: bool


class Effect(_Told, frozen=True):
    """What a journey, or one version of it (``version`` 0: all), changed. See ``ArmEffect`` and ``Contrast``.

    left_out: why people are not compared → how many; differences are None where they are not told
    crossed:  in the other arm later (the holdout changed, two people were one): they count where they first were
    verdict:  of the goal; ``words`` say why
    """

    version: int
    verdict: Verdict
    treated: ArmEffect
    holdout: ArmEffect
    goal: Contrast | None
    rose: Contrast | None
    disconnected: Contrast | None
    money: Contrast | None
    ratio: RatioCheck | None
    crossed: int
    left_out: dict[str, int]
    words: list[str]


class JourneyEffect(_Told, frozen=True):
    """What a journey changed against its holdout, all versions together (``total``) and each by itself.

    Of ``people`` who entered, ``read`` were (a fixed sample where these are fewer).
    """

    journey_id: str
    at: str
    people: int
    read: int
    level: float
    total: Effect
    versions: list[Effect]
