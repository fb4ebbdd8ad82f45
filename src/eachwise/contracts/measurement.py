"""What measuring answers: an estimate with its interval, or a refusal with its reasons; and what lifetime value knows.

A refusal is a result of its own: it holds the diagnostics that led to it and never a value.
"""

from __future__ import annotations

from typing import Literal

import msgspec

RefusalCode = Literal[
    "nothing_logged",
    "no_randomisation",
    "no_support",
    "too_few_effective",
    "too_few_conversions",
    "one_weight",
    "wrong_probabilities",
]


class Between(msgspec.Struct, frozen=True, array_like=True):
    """A figure ``mean`` with the interval ``low`` ≤ ``high`` that holds the truth with the stated level."""

    mean: float
    low: float
    high: float


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is estimated: a code for machines, words with the figures for people."""

    code: RefusalCode
    words: str


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log can speak for another policy. Weights are target over logged probability of what was chosen.

    ess:         effective sample size of the weights, (Σw)² / Σw² (Kish 1965)
    conversions: effective conversions, ess × rate, the rate being the lower of the logged and the weighted one
    weight_max_share: the largest weight as a share of their sum
    weight_mean: 1 but for chance where the recorded probabilities are right
    unsupported: the target's mean probability of what the log gave none, or did not record
    alarms:      in words, what speaks against trusting the figures although they are given
    """

    decisions: int
    people: int
    ess: float
    conversions: float
    weight_max_share: float
    weight_mean: float
    unsupported: float
    alarms: list[str] = []


class Evaluated(msgspec.Struct, frozen=True, kw_only=True, tag="evaluated"):
    """The value of a policy from another policy's log, a decision.

    value:      doubly robust estimate with its interval
    snips:      self-normalised inverse propensity scores, with interval: must tell the same story
    logged:     what the log's own policy earned
    difference: value − logged, paired decision by decision
    ips:        plain inverse propensity scores; no interval, since its coverage is poor
    model_only: what the reward model alone would say; no evidence (it was wrong by 8–17 % where the truth was known)
    decisive:   enough evidence to act upon, not only to show
    """

    value: Between
    snips: Between
    logged: Between
    difference: Between
    ips: float
    model_only: float
    decisive: bool
    diagnostics: Diagnostics
    level: float


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """Nothing is estimated, and why; every reason that applies is named."""

    reasons: list[Reason]
    diagnostics: Diagnostics | None = None


Evaluation = Evaluated | Refused


class StageValue(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage is worth: V = (I − γP)⁻¹ r, with the interval of its posterior draws; periods it rests on."""

    stage: str
    value: Between
    reward: float
    periods: float
    next: dict[str, float]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one exposure changes in lifetime value against silence, money.

    clv:     the change, shrunk toward what is common to all experiences, with its interval
    moves:   stage → change of the probability to be in it a period later, as observed (not shrunk)
    earned:  change of the next period's margin, as observed
    ess:     effective number of exposures and silences compared (the smaller of the two)
    """

    clv: Between
    moves: dict[str, float] = {}
    earned: float = 0.0
    ess: float = 0.0


class LifetimeModel(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version of what stages are worth and what experiences change: msgpack of this is its body.

    ``changes`` is experience → stage → change; ``unseen`` is what holds, stage by stage, for an experience without
    evidence of its own. ``discount`` γ is per period of ``period_s`` seconds.
    """

    version: int
    period_s: float
    discount: float
    stages: list[StageValue]
    changes: dict[str, dict[str, Change]]
    unseen: dict[str, Change]

    def clv_of(self, experience_id: str, stage: str) -> tuple[float, float, float]:
        """(mean, low, high): what an exposure changes in lifetime value. Raises ``KeyError`` for an unknown stage."""
        change = self.changes.get(experience_id, {}).get(stage) or self.unseen[stage]
        return change.clv.mean, change.clv.low, change.clv.high


class LifetimeChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one experience changes for people of one stage; ``used`` is what decisions add for it, money."""

    experience_id: str
    stage: str
    clv: Between
    moves: dict[str, float]
    earned: float
    ess: float
    used: float


class LifetimeView(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /v1/lifetime`` answers: what stages are worth and what experiences change, or why it cannot be said.

    ``version`` 0 and ``refused`` where the log cannot tell; both empty where nobody has looked yet. ``unseen`` is what
    holds, stage by stage, for an experience without evidence of its own. ``at``: when it was worked out.
    """

    version: int
    at: str | None
    period_days: float
    discount: float
    use: str
    stages: list[StageValue] = []
    changes: list[LifetimeChange] = []
    unseen: dict[str, Between] = {}
    people: int = 0
    decisions: int = 0
    refused: Refused | None = None
    words: list[str] = []


# What is counted of a decision: money, or whether it was taken up.
RewardKind = Literal["value", "takeup"]


class EstimateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which policy to ask the stored decisions about.

    ``settings`` are those of ``[decide]`` that the policy reads, where not as the decisions were made with.
    ``since_days`` and ``limit`` bound which decisions are asked: the newest of them.
    """

    policy: str
    settings: dict[str, float] = {}
    placement_id: str | None = None
    since_days: float = 90.0
    limit: int = 20_000
    reward: RewardKind = "value"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What another policy would have earned a decision, from the stored decisions; see ``Evaluated``.

    ``left_out``: decisions that could not be asked, by reason. ``since`` and ``until`` bound when they were made.
    """

    policy: str
    settings: dict[str, float]
    placement_id: str | None
    reward: RewardKind
    since: str
    until: str
    decisions: int
    left_out: dict[str, int]
    evaluation: Evaluation
    words: list[str]
