"""What the driver tells the server, and what the page is told."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eachwise.demo.score import Score

Phase = Literal["starting", "backfill", "live", "stopped"]


class DriverOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's orders, the first line of its standard input. ``mail_fd``: the listening socket of the mailbox."""

    url: str
    secret_key: str
    folder: str
    people: int
    days: int
    seed: int
    mail_fd: int | None = None


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """How far the simulated past has been imported; ``share`` is 0..1, estimated by days."""

    days: int
    share: float = 0.0
    events: int = 0
    rejected: int = 0
    events_per_s: float = 0.0
    took_s: float = 0.0


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """One decision for another visitor, for the ticker. ``truth`` is the world's word on the person's diet."""

    number: int
    who: str
    truth: str
    decision_id: str
    experience_id: str
    title: str
    probability: float
    outcome: str
    against: bool
    reason: str


class MailFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the inhabitants did with their mail."""

    received: int = 0
    opened: int = 0
    clicked: int = 0
    bought: int = 0
    unsubscribed: int = 0


class StepFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a journey: what it does, how many people stand at it now, and some of them."""

    step_id: str
    kind: str
    here: int
    people: list[str]


class JourneyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One journey with its counts."""

    journey_id: str
    title: str
    statuses: dict[str, int]
    steps: list[StepFigures]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver posts, about twice a second."""

    phase: Phase
    backfill: Backfill
    score: Score | None = None
    visits_per_s: float = 0.0
    ticks: list[Tick] = []
    mail: MailFigures = MailFigures()


class EngineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's counts, rates over the last seconds, and the age of its models."""

    counts: dict[str, int] = {}
    events_per_s: float = 0.0
    decisions_per_s: float = 0.0
    models: dict[str, int] = {}
    model_age_s: dict[str, float] = {}


class PanelState(msgspec.Struct, frozen=True, kw_only=True):
    """What the page asks for every second."""

    phase: Phase
    trouble: str
    backfill: Backfill
    score: Score | None
    visits_per_s: float
    ticks: list[Tick]
    engine: EngineFigures
    mail: MailFigures
    journeys: list[JourneyFigures]


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate of a decision, for the page."""

    experience_id: str
    title: str
    probability: float
    priority: float
    p_takeup: float
    value: float
    p_disconnect: float
    fatigue: float
    chosen: bool


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One decision explained for the page: candidates with their factors, and what each filter took out."""

    decision_id: str
    placement_id: str
    experience_id: str
    title: str
    probability: float
    policy: str
    models: dict[str, int]
    reasons: list[str]
    considered: int
    leading: list[Weighed]
    filters: dict[str, int]
    filtered: list[dict[str, str]]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine believes of the person at the page, and why it showed what it showed."""

    profile: Any
    why: list[Why]
