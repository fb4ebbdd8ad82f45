"""One choice for one individual at one moment: what was asked, what was answered, and the record that replays it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eachwise.contracts.experience import SILENCE


class DecideRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/decide``. One of ``user_id``, ``anonymous_id`` or ``individual_id`` is required.

    ``count`` overrides the placement's number of items; ``context`` is what is known of the moment (``url``,
    ``query``, ``item_id``, ``timezone`` …); ``request_id`` makes a repeated request answer the same decisions.
    """

    placements: list[str]
    user_id: str | None = msgspec.field(default=None, name="userId")
    anonymous_id: str | None = msgspec.field(default=None, name="anonymousId")
    individual_id: str | None = None
    count: int | None = None
    context: dict[str, Any] = {}
    request_id: str | None = None


class ShownItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item in a slot. ``probability`` is of this item given the slots above; 1 and flagged when no draw was made."""

    item_id: str
    position: int
    score: float
    probability: float = 1.0
    deterministic: bool = True
    title: str = ""
    url: str | None = None
    image_url: str | None = None
    price: float | None = None
    currency: str | None = None
    attributes: dict[str, str | list[str]] = {}
    reasons: list[str] = []


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one placement. ``experience_id`` is ``silence`` when nothing should be shown."""

    decision_id: str
    placement_id: str
    experience_id: str
    probability: float
    title: str = ""
    kind: str = ""
    content: dict[str, Any] = {}
    items: list[ShownItem] = []
    reasons: list[str] = []

    @property
    def is_silence(self) -> bool:
        """Whether the engine chose to show nothing."""
        return self.experience_id == SILENCE


class DecideResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``POST /v1/decide``: one decision for each placement asked for, in that order."""

    individual_id: str
    decisions: list[Decided]


class Factors(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that made a candidate's priority (docs/discussions/decisions.md).

    priority = (p_takeup · (value + p_purchase · margin) + clv) · lever − kappa · p_disconnect − fatigue − cost − price,
    in money. ``p_purchase`` is of a purchase after a take-up; ``clv`` what an exposure changes in lifetime value
    against silence; ``price`` the shadow price of the budgets that an exposure uses.
    """

    p_takeup: float = 0.0
    value: float = 0.0
    lever: float = 1.0
    p_disconnect: float = 0.0
    kappa: float = 0.0
    fatigue: float = 0.0
    cost: float = 0.0
    p_purchase: float = 0.0
    margin: float = 0.0
    clv: float = 0.0
    price: float = 0.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One experience that passed every filter, with its factors, its priority and its probability."""

    experience_id: str
    priority: float
    probability: float
    factors: Factors


class Filtered(msgspec.Struct, frozen=True, kw_only=True):
    """One experience that a filter took out: the filter's name and why, in words."""

    experience_id: str
    filter: str
    reason: str


class Reservation(msgspec.Struct, frozen=True, array_like=True):
    """A place held under the frequency caps by a decision whose exposure is not confirmed yet."""

    decision_id: str
    experience_id: str
    placement_id: str
    channel: str
    reserved_at_us: int
    expires_at_us: int


class Exposed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One exposure: when, of what, where, by which decision (empty: by none that is known)."""

    at_us: int
    experience_id: str
    placement_id: str
    channel: str
    decision_id: str = ""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision was computed from; ``state`` is the msgpack of the Individual as it stood.

    ``models`` names the version of each model (``taste``, ``propensity``); ``seed`` seeds every draw. ``taken`` are the
    experiences that other placements of the page have already, ``explored`` how often within the last day this person
    was shown something for the sake of learning, ``earlier`` the exposures that the state does not reach back to and a
    cap needs (None: it needs none), ``only`` the experiences that were asked for (None: any). By experience id: ``clv``
    what an exposure changes in this person's lifetime value, ``prices`` the shadow price of the budgets it uses,
    ``exhausted`` why its budget is used up.
    """

    state: bytes
    reservations: list[Reservation]
    context: dict[str, Any]
    count: int | None
    placement_id: str
    now_us: int
    catalog_version: int
    definitions_version: int
    models: dict[str, int]
    policy: str
    seed: int
    taken: list[str] = []
    explored: int = 0
    earlier: list[Exposed] | None = None
    clv: dict[str, float] = {}
    prices: dict[str, float] = {}
    exhausted: dict[str, str] = {}
    only: list[str] | None = None


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged of a decision before it is answered; enough to recompute and to explain it.

    ``asked_as`` are the typed identifiers of the request (who that was is ``individual_id``).
    ``probability`` is the actual probability with which ``experience_id`` was drawn. ``leading`` are the
    candidates of highest probability with all factors; ``filters`` counts what each filter took out and
    ``filtered`` names the first of them; ``features`` are the chosen candidate's, as the learner will read them.
    ``explored``: it was not among the best by expectation. ``failed``: why it fell back to silence; it is then evidence
    for nothing, with probability 1. So is what is ``transactional``: it was asked for by name, and nothing competed.
    ``beside``: earlier decisions that the same request was answered with (kept for a visit, or put up by a journey).
    """

    decision_id: str
    individual_id: str
    asked_as: list[str]
    request_id: str | None
    inputs: Inputs
    experience_id: str
    probability: float
    items: list[ShownItem]
    candidates: int
    leading: list[Candidate]
    filters: dict[str, int]
    filtered: list[Filtered]
    features: dict[str, float]
    reasons: list[str]
    explored: bool = False
    failed: str = ""
    transactional: bool = False
    beside: list[str] = []


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of recomputing a decision: whether every figure agreed exactly, or within 1e-9, or where not."""

    decision_id: str
    exact: bool
    agrees: bool
    differences: list[str]
    candidates: list[Candidate]
    filtered: list[Filtered]


class BudgetView(msgspec.Struct, frozen=True, kw_only=True):
    """One budget: its limit, what is used of it, and what one more unit would be worth now (its shadow price)."""

    experience_id: str
    unit: str
    window_s: int
    limit: float
    used: float
    price: float
    words: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A decision in words, for the operator, with what came back."""

    decision_id: str
    lines: list[str]
    record: DecisionRecord
    outcomes: list[OutcomeView] = []


class OutcomeView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that came back for a decision."""

    at: str
    action: str
    event: str
    message_id: str


class PersonalExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A decision in words for the person whom it was made for: from what they did themselves, and how to change it.

    Holds no money and no name that only the operator gives; ``change`` are the ways to have it otherwise.
    """

    decision_id: str
    lines: list[str]
    change: list[str]


class Counterfactual(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would have had to be otherwise for an experience: found, and checked, by deciding again.

    ``kind``: ``value``, ``lever`` or ``price`` (with it, the experience is the best by expectation), ``nothing`` (it is
    anyway, once no filter takes it out), or a filter's name (with it, that filter lets the experience through).
    ``value`` is the figure, ``at`` the moment (ISO 8601, UTC); ``unless_filtered``: it holds once no filter takes the
    experience out. ``verified``: deciding again bore it out; where it did not, ``words`` say that nothing would do.
    """

    kind: str
    words: str
    value: float | None = None
    at: str | None = None
    unless_filtered: bool = False
    verified: bool = False


# What became of an experience in a decision.
Fate = Literal["chosen", "candidate", "filtered", "elsewhere", "unknown", "failed", "unrecorded"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one experience in one decision.

    ``fate``: ``chosen``; a ``candidate`` that was not drawn; ``filtered`` by ``filter``; ``elsewhere``: not declared
    for the placement; ``unknown``: there was no such experience then; ``failed``: the decision fell back to silence;
    ``unrecorded``: the inputs are no longer kept, and the record does not name it.
    ``gap`` is what it was short of the best by expectation, ``best``, in money (0: it was the best). ``recomputed``:
    read from the decision computed again; else from the record alone, without counterfactuals.
    """

    experience_id: str
    fate: Fate
    words: str
    probability: float | None = None
    priority: float | None = None
    gap: float | None = None
    best: str | None = None
    filter: str | None = None
    filtered: list[Filtered] = []
    counterfactuals: list[Counterfactual] = []
    recomputed: bool = False


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """One decision in a list: what was drawn, where and when; ``asked`` is the experience that was asked about."""

    decision_id: str
    at: str
    placement_id: str
    experience_id: str
    probability: float
    candidates: int
    filters: dict[str, int]
    reasons: list[str]
    explored: bool
    failed: str = ""
    asked: Standing | None = None


class DecisionPage(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decisions, newest first; ``before`` goes on to the older ones, and is null at the end."""

    individual_id: str
    decisions: list[DecisionView]
    before: str | None = None
