"""Decisions for everybody at once: a mailing."""

from __future__ import annotations

from typing import Any

import msgspec

from eachwise.contracts.decision import Decided

PAGE_MAX = 500


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/batches``. One placement, decided for every individual; begun once for a ``batch_id``.

    ``context`` and ``count`` are those of a decision's request.
    """

    batch_id: str
    placement_id: str
    count: int | None = None
    context: dict[str, Any] = {}


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it was begun: how many people there were, and what an exposure under a budget costs in it.

    ``prices``: experience → money, so that what a budget allows goes to those for whom it brings most.
    """

    batch_id: str
    placement_id: str
    people: int
    begun_at_us: int
    prices: dict[str, float]
    count: int | None = None
    context: dict[str, Any] = {}


class BatchDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided for one individual; ``number`` is where to go on after it."""

    number: int
    individual_id: str
    decided: Decided


class BatchPage(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions for the next people. ``next`` is the number to go on after, None at the end.

    ``decisions`` are those that are not silent; ``silent`` counts people for whom silence was chosen, ``barred`` those
    for whom nothing passed the filters, and ``filters`` what each filter took out of their candidates.
    """

    decisions: list[BatchDecision]
    looked_at: int
    silent: int
    barred: int
    filters: dict[str, int]
    next: int | None
