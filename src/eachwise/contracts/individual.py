"""The state of one individual: a mergeable value (a commutative monoid).

``Individual()`` is the identity; ``individual.fold`` adds one event, ``individual.merge`` adds two states. Every
field is one of four kinds, and that is why the order of events never matters:

* **decayed sums** ``[masses…, reference_s]``: forward decay; two meet at the later reference time;
* **newest-N lists**, totally ordered by ``(occurred_at_us, tie)`` where ``tie`` is a stable 63-bit hash of the
  message id and the position inside the event;
* **last-writer-wins maps** ``key → [occurred_at_us, tie, value]``;
* **sets, counts, minima and maxima.**

The struct is mutable for the fold's sake (the caller owns it) and is stored as a msgpack array. Its parts hold JSON
data and can form no cycle: they are kept from the garbage collector, whose pauses grow with what it tracks.
"""

from __future__ import annotations

from typing import Any

import msgspec

# What a browser gave us for web push stands in the traits of this name, and of this name with ``:ID`` behind it.
PUSH_TRAIT = "push_subscription"

# Positions inside one affinity entry. All masses of an entry share its reference time.
MOMENT, GENERAL, SHOWN, AGAINST, REFERENCE_S = 0, 1, 2, 3, 4
# The affinity entry under this key counts items whatever their attributes: the denominator of every share.
ANY_VALUE = ""

RECENTS_MAX = 50
# Purchases: 100 rank as well as all of them, measured on Online Retail.
BOUGHT_MAX = 128
EXCLUSIONS_MAX = 200
CONTACTS_MAX = 64
DAYS_MAX = 90


class Recent(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """One item a person lately engaged with. Ordered by time, then tie."""

    occurred_at_us: int
    tie: int
    item_id: str
    action: str


class Bought(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """One item a person bought, at a second since 1970. Ordered by time, then item."""

    at_s: int
    item_id: str


class Contact(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """One thing that was put before a person, or the person's answer to it (``action`` says which)."""

    occurred_at_us: int
    tie: int
    action: str
    experience_id: str
    placement_id: str
    channel: str
    decision_id: str


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One order: the earliest event that reported it wins; ``order_key`` is its stable hash."""

    occurred_at_us: int
    tie: int
    amount: float


class Written(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A last-writer-wins cell."""

    occurred_at_us: int
    tie: int
    value: Any


class Carried(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a trained sequence model remembers of a person: a cache outside the laws, made again from the recents.

    version: of the trained model; state: its memory (little-endian float16) once it has read the recents up to
    ``(occurred_at_us, tie)``
    """

    version: int
    occurred_at_us: int
    tie: int
    state: bytes


class Exclusion(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """Events that are not this person's taste: of somebody else on the same device, or a gift. Ordered by its end.

    ``what``: "" all events of the time, or those of ``session:ID``, ``decision:ID``, ``message:ID``, ``source:ID`` (the
    typed identifier they came with), or only one item's part in them, ``item:ID``. Both ends belong to it.
    """

    until_us: int
    from_us: int
    what: str


class Individual(msgspec.Struct, array_like=True):
    """Everything the engine keeps of one person. See the module for the laws of each field.

    affinity:   ``name=value`` → [moment, general, shown, against, reference_s]; decayed masses in item units
    activity:   [mass, reference_s]: weighted actions, half-life 14 days: the engagement score's numerator
    counts:     action → how many events, exact
    days:       the newest distinct days (days since 1970, UTC) with any activity, ascending
    recents:    newest items engaged with, ascending
    contacts:   newest exposures and answers, ascending
    orders:     stable hash of the order id → the order
    refunds:    stable hash of the order id → money given back
    hidden:     ``item:ID`` or ``experience:ID`` → when it was last hidden (µs)
    declared:   ``name=value`` → Written(+1 | −1 | 0)
    consent:    purpose → Written(bool)
    traits:     trait → Written(value)
    identifiers: every identifier the events carried, typed (``user:…``, ``anon:…``, ``email:…``, ``device:…``)
    carried:    what a trained sequence model remembers, or None; see ``Carried``: no law holds for it
    regrets:    newest items given back or left within moments, ascending
    bought:     newest items bought, ascending; an item comes once for each line: habits outlast the recents
    hours:      hour of the week (0–167, UTC, from Monday) → acts in it, an answer to an outbound contact counting three
    excluded:   the newest exclusions, ascending. A set like the others; that the events inside leave no taste holds for
                those folded after it, so whoever adds one folds the person again (``flow.ingest``)
    """

    affinity: dict[str, list[float]] = {}
    activity: list[float] = msgspec.field(default_factory=lambda: [0.0, 0.0])
    counts: dict[str, int] = {}
    days: list[int] = []
    recents: list[Recent] = []
    contacts: list[Contact] = []
    orders: dict[int, Order] = {}
    refunds: dict[int, float] = {}
    hidden: dict[str, int] = {}
    declared: dict[str, Written] = {}
    consent: dict[str, Written] = {}
    traits: dict[str, Written] = {}
    identifiers: set[str] = set()
    first_seen_us: int = 0
    last_seen_us: int = 0
    events: int = 0
    carried: Carried | None = None
    excluded: list[Exclusion] = []
    regrets: list[Recent] = []
    bought: list[Bought] = []
    hours: dict[int, int] = {}


class Affinity(msgspec.Struct, frozen=True, kw_only=True):
    """How much more (or less) one person engages with a value than the population does.

    ``log_odds`` is signed, 0 = like everyone; ``sd`` its standard error; ``z`` their ratio; ``evidence`` the item
    mass it rests on, of which ``against`` was turned against (hidden, removed, given back) and not engaged with;
    ``words`` says it for people.
    """

    value: str
    log_odds: float
    sd: float
    z: float
    share: float
    expected: float
    evidence: float
    against: float = 0.0
    declared: int = 0
    words: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /v1/individuals/{id}`` answers: the individual in words and figures."""

    individual_id: str
    identifiers: list[str]
    stage: str
    lapsed: bool
    engagement: float
    events: int
    first_seen: str | None
    last_seen: str | None
    summary: list[str]
    likes: list[Affinity]
    dislikes: list[Affinity]
    now: list[Affinity]
    recent_items: list[str]
    orders: OrderSummary
    consent: dict[str, bool]
    contacts: list[ContactView]
    traits: dict[str, Any]
    merged: list[MergedPart] = []


class OrderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """RFM sufficient statistics: orders, money net of refunds, days from the first order to the last and to now."""

    count: int
    revenue: float
    refunded: float
    mean_value: float
    recency_days: float
    age_days: float


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """One contact, readable."""

    at: str
    action: str
    experience_id: str
    placement_id: str
    channel: str
    decision_id: str


class MergedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One link that made identifiers the same person, and when."""

    left: str
    right: str
    at: str
    message_id: str
    reason: str
