"""What a decision is made from, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eachwise.contracts.arrays import AffinityVectors, Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.decision import Candidate, Exposed, Filtered, Reservation, ShownItem
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.individual import Contact, OrderSummary
from eachwise.contracts.recommendation import Slot
from eachwise.decide.candidates import Candidates
from eachwise.decide.plan import Plan
from eachwise.settings import DecideSettings

# At most ``count`` of these catalogue rows (ascending), best first: how a list is filled.
Fill = Callable[[Ints, int], Sequence[Slot]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One individual at one moment before one placement. Nothing else enters the decision.

    now_us:       the moment, microseconds
    plan:         placement, experiences, catalogue and propensity model, prepared (``decide.plan``)
    context:      what is known of the moment
    stage, lapsed, engagement: where the relationship stands; engagement 0–100
    traits:       trait → value
    consent:      (allowed?, the reason in words) for this placement's purpose and channel
    contacts:     the person's newest exposures and answers
    reservations: places held by decisions whose exposure is not confirmed
    hidden:       ``item:ID`` or ``experience:ID`` → when it was hidden
    declared:     ``name=value`` → +1, −1 or 0; needed for values that no item of the catalogue carries
    affinity:     the person's affinities over the catalogue's values, (V,) each
    showable:     (N,): available and inside its dates now
    scores:       (N,): the recommender's finite scores, higher is better
    engaged:      (N,) items engaged with lately; what a list without repeats leaves out (None: none)
    spent:        (N,) those that people hardly ever take again (None: none)
    fill:         how a list is filled (None: by score)
    seed:         seeds every draw
    count:        how many items were asked for (None: as the definitions say)
    explored:     how often within the last day this person was shown something that was not the best by expectation
    clv:          experience id → what an exposure changes in this person's lifetime value, money; 0 where not named
    prices:       experience id → the shadow price of the budgets that an exposure uses, money
    orders:       the person's orders (None: not known, and no rule about them holds)
    last_seen_us: when the person's last event was, microseconds; 0 before the first
    taken:        experiences that other placements of the page have already
    exhausted:    experience id → why its budget is used up, in words
    earlier:      the exposures that the contacts do not reach back to (None: they were not read)
    only:         the experiences that were asked for (None: any may be chosen)
    """

    now_us: int
    plan: Plan
    affinity: AffinityVectors
    showable: Bools
    scores: Floats
    settings: DecideSettings
    seed: int
    consent: tuple[bool, str]
    context: Mapping[str, Any] = field(default_factory=dict)
    stage: str = "new"
    lapsed: bool = False
    engagement: float = 0.0
    traits: Mapping[str, Any] = field(default_factory=dict)
    contacts: Sequence[Contact] = ()
    reservations: Sequence[Reservation] = ()
    hidden: Mapping[str, int] = field(default_factory=dict)
    declared: Mapping[str, float] = field(default_factory=dict)
    engaged: Bools | None = None
    spent: Bools | None = None
    fill: Fill | None = None
    count: int | None = None
    explored: int = 0
    clv: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    orders: OrderSummary | None = None
    last_seen_us: int = 0
    taken: Sequence[str] = ()
    exhausted: Mapping[str, str] = field(default_factory=dict)
    earlier: Sequence[Exposed] | None = None
    only: Sequence[str] | None = None

    @property
    def timezone(self) -> str:
        """The zone of people whose own is not known."""
        return self.settings.timezone

    @property
    def catalog(self) -> CatalogIndex:
        """The catalogue that the plan was made for."""
        return self.plan.layout.catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was decided; field for field what a ``DecisionRecord`` needs.

    experience_id, probability: what was drawn, and the actual probability with which it was
    items:      the chosen experience's items, best first, without reasons
    candidates: every candidate with its factors, silence among them, by probability, priority and id
    features:   the chosen candidate's features, for the learner (empty for silence)
    filtered:   every experience that a filter took out, in id order
    filters:    how many each filter took out, every filter named, in the order they were applied
    reasons:    why, in words for the person
    explored:   whether it is not the best by expectation
    failed:     why the decision fell back to silence, in words; empty when it did not
    transactional: whether nothing competed: it was asked for by name in a transactional placement
    """

    experience_id: str
    probability: float
    items: list[ShownItem]
    candidates: Candidates
    features: dict[str, float]
    filtered: list[Filtered]
    filters: dict[str, int]
    reasons: list[str]
    explored: bool = False
    failed: str = ""
    transactional: bool = False

    def leading(self, count: int) -> list[Candidate]:
        """The first ``count`` candidates, and the chosen one and silence where they are not among them."""
        return self.candidates.leading(count, self.experience_id)

    @property
    def is_silence(self) -> bool:
        """Whether nothing is to be shown."""
        return self.experience_id == SILENCE
