"""Items for one individual: what is asked, what is answered, and one slot of a slate."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from eachwise.contracts.catalog import Repeats
from eachwise.contracts.decision import ShownItem

ITEMS_DEFAULT = 12


class Slot(NamedTuple):
    """A catalogue row in a slate, with its score before anything was weighed against it.

    ``probability`` is of this row given the slots above; 1 and ``deterministic`` where no draw was made.
    """

    row: int
    score: float
    probability: float = 1.0
    deterministic: bool = True


class RecommendRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/recommend``. One of ``user_id``, ``anonymous_id`` or ``individual_id`` is required.

    ``where`` and ``exclude`` narrow the items as an experience's query does. ``cursor`` is the one of the page before.
    ``popularity`` tilts the ranking: 0 as learnt, up to 1 the popular, down to −1 the long tail. ``calibration`` (λ)
    and ``diversity`` are from 0 to 1; without them the settings hold. ``similar_to`` asks for items like one item.
    ``context`` is what is known of the moment: the item it names as ``item_id`` is not recommended.
    """

    user_id: str | None = msgspec.field(default=None, name="userId")
    anonymous_id: str | None = msgspec.field(default=None, name="anonymousId")
    individual_id: str | None = None
    count: int = ITEMS_DEFAULT
    where: dict[str, str | list[str]] = {}
    exclude: dict[str, str | list[str]] = {}
    cursor: str | None = None
    repeats: Repeats = "learnt"
    popularity: float = 0.0
    diversity: float | None = None
    calibration: float | None = None
    similar_to: str | None = None
    context: dict[str, Any] = {}


class RecommendResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``POST /v1/recommend``.

    ``considered`` counts the items that may be shown and were not delivered on an earlier page; ``cursor`` asks for
    the next page (None: there is none). ``fallback`` is None where the items were chosen for this person; else why
    they were not: ``unknown_person``, ``no_consent``, ``unknown_item`` (nothing is known that is like ``similar_to``).
    """

    individual_id: str
    items: list[ShownItem]
    considered: int
    cursor: str | None = None
    fallback: str | None = None
