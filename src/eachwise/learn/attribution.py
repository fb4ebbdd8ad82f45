"""When a decision's outcome is settled, and what it was: a pure function of the record, what came back, and the time.

    decided ─ not seen within reserve_s ────────────────────────────→ DROPPED
       └ seen (EXPOSE, or any answer: nobody answers what was not seen)
            ├ CLICK within the window ──────────────────────────────→ settled at once, clicked
            ├ HIDE, UNSUBSCRIBE or COMPLAIN within the window ──────→ settled at once, disconnected
            └ the window passes ────────────────────────────────────→ settled, neither

A DISMISS proves that it was seen and is neither a click nor a disconnect. Silence is not learnt from.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.events import Action
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.learning import Exposure

_MICROSECONDS = 1_000_000
_DISCONNECTS = frozenset({Action.HIDE, Action.UNSUBSCRIBE, Action.COMPLAIN})
_PROOFS_OF_SIGHT = _DISCONNECTS | {Action.EXPOSE, Action.CLICK, Action.DISMISS}


class Outcome(NamedTuple):
    """One thing that came back for a decision: what it meant, and when it occurred."""

    action: Action
    at_us: int


class Unsettled(enum.StrEnum):
    """Why a decision gives the learner nothing (yet)."""

    PENDING = "pending"  # ask again later
    DROPPED = "dropped"  # it never will: silence, or not seen in time


def attribute(
    record: DecisionRecord,
    outcomes: Sequence[Outcome],
    *,
    outcome_window_s: int,
    reserve_s: int,
    now_us: int,
) -> Exposure | Unsettled:
    """The settled exposure of one decision, or why there is none. Outcomes may come in any order.

    The window is [seen, seen + ``outcome_window_s``], both included, and starts at the earliest proof of sight. A
    click and a hide that are both known both count. Decisions not seen by decision time + ``reserve_s`` are dropped;
    a sight that occurred later counts if it is known before the decision is dropped.
    """
    if record.experience_id == SILENCE:
        return Unsettled.DROPPED
    seen = [each.at_us for each in outcomes if each.action in _PROOFS_OF_SIGHT]
    if not seen:
        late = now_us > record.inputs.now_us + reserve_s * _MICROSECONDS
        return Unsettled.DROPPED if late else Unsettled.PENDING
    closes_us = min(seen) + outcome_window_s * _MICROSECONDS
    clicks = [
        each.at_us for each in outcomes if each.action is Action.CLICK and each.at_us <= closes_us
    ]
    harms = [
        each.at_us for each in outcomes if each.action in _DISCONNECTS and each.at_us <= closes_us
    ]
    if not clicks and not harms and now_us <= closes_us:
        return Unsettled.PENDING
    return Exposure(
        decision_id=record.decision_id,
        experience_id=record.experience_id,
        probability=record.probability,
        features=record.features,
        clicked=bool(clicks),
        disconnected=bool(harms),
        settled_at_us=min(clicks + harms, default=closes_us),
    )
