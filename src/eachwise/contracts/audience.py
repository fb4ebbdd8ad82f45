"""For whom an item matters: what is asked, and what is answered."""

from __future__ import annotations

from typing import Literal

import msgspec

from eachwise.contracts.catalog import Repeats

Occasion = Literal["new", "restock", "discount"]

MEMBERS_MAX = 10_000


class AudienceRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/audience``: the individuals for whom an item matters.

    ``min_score`` is the least score of a member. With ``purpose`` or ``channel``, individuals who may not be contacted
    for it are left out. ``repeats``: ``never`` leaves out who bought the item, ``allowed`` nobody, ``learnt`` who had
    it where training found that people hardly ever take it again.
    """

    item_id: str
    reason: Occasion = "new"
    limit: int = 100
    min_score: float = 0.0
    purpose: str | None = None
    channel: str | None = None
    repeats: Repeats = "learnt"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One individual of an audience.

    ``score`` is how far the item stands above what it would for someone unknown, in log units: ``recommend``'s own
    score less the unknown's. The flags tell what the person did with this very item, as far as recents reach.
    """

    individual_id: str
    score: float
    reasons: list[str] = []
    viewed: bool = False
    added: bool = False
    bought: bool = False


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``POST /v1/audience``.

    ``considered`` counts every stored individual. Each is a member or counted once in ``left_out``, by the first of
    these that holds: ``hidden`` (hid the item), ``consent``, ``conflict`` (an attribute runs against the person),
    ``had`` (see ``repeats``), ``unrelated`` (nothing they did leads to the item), ``below`` (``min_score``),
    ``outranked`` (by members). ``scored`` were scored in full; others were outranked at a first look.

    ``considered``, members, ``hidden``, ``consent``, ``had`` and ``below`` are exact. ``at_first_look`` says how many
    of each other count rest on the first look alone, which reads the item's own values one by one: a full look at
    these people might count some of them elsewhere.
    """

    item_id: str
    reason: Occasion
    considered: int
    scored: int
    members: list[Member]
    left_out: dict[str, int]
    at_first_look: dict[str, int] = {}
