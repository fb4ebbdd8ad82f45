"""What is learnt: outcomes on their way in, and immutable model versions on their way out."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

# What can come back for an exposure. A purchase is one that follows a take-up; unsubscribing includes a complaint.
Outcome = Literal["takeup", "purchase", "dismiss", "hide", "unsubscribe"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What came back so far for one decision that was seen, as the learner reads it, with the logged features.

    ``before`` is what the learner was told of the same exposure earlier: this replaces it.
    """

    decision_id: str
    experience_id: str
    probability: float
    features: dict[str, float]
    outcomes: frozenset[Outcome] = frozenset()
    before: frozenset[Outcome] | None = None


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable published version of a model.

    ``base`` is 0 for a whole snapshot; else the ``body`` holds only what was learnt since version ``base``, and the
    model is rebuilt by applying it: exact, and small enough to publish every second.
    """

    model: str
    version: int
    base: int
    created_at_us: int
    body: bytes


class PastExposure(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One exposure in another system's log: what was shown where, and what came of it.

    ``placement_id`` empty: the first that the experience names. ``features`` are what is known of that moment beside
    the experience's own, by the names that records have. ``individual_id``, ``at`` and ``probability`` (None: unknown)
    may be there and teach nothing: no taste and no state of that time is known, and estimates of other policies read
    stored decisions only.
    """

    experience_id: str
    placement_id: str = ""
    outcomes: list[Outcome] = []
    features: dict[str, float] = {}
    individual_id: str = ""
    at: str = ""
    probability: float | None = None
