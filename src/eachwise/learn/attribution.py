"""What has come back for a decision: a pure function of the record and of the events that name it.

    decided ─ not seen within reserve_s ───────────────→ dropped: nothing is learnt
       └ seen (EXPOSE, or any answer: nobody answers what was not seen)
            at once ───────────────────────────────────→ learnt as neither clicked nor disconnected
            ├ CLICK within the window ─────────────────→ corrected: clicked
            ├ HIDE, UNSUBSCRIBE or COMPLAIN within it ─→ corrected: disconnected
            └ the window passes ───────────────────────→ final

Were clicks learnt at once and their absence only when the window has passed, the newest window's exposures would all
look like successes. A DISMISS proves that it was seen and is neither. Silence is not learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eachwise.contracts.events import Action

_MICROSECONDS = 1_000_000
_DISCONNECTS = frozenset({Action.HIDE, Action.UNSUBSCRIBE, Action.COMPLAIN})
_PROOFS_OF_SIGHT = _DISCONNECTS | {Action.EXPOSE, Action.CLICK, Action.DISMISS}


class Outcome(NamedTuple):
    """One thing that came back for a decision: what it meant, and when it occurred."""

    action: Action
    at_us: int


class Answer(NamedTuple):
    """What is known of one exposure: until when an answer counts, and the answers that do."""

    closes_us: int
    clicked: bool
    disconnected: bool


def answer_in(outcomes: Sequence[Outcome], outcome_window_s: int) -> Answer | None:
    """What came back so far, in any order of arrival; None while nothing proves that the decision was seen.

    The window is [seen, seen + ``outcome_window_s``], both included, and starts at the earliest proof of sight. A
    click and a hide both count.
    """
    seen = [each.at_us for each in outcomes if each.action in _PROOFS_OF_SIGHT]
    if not seen:
        return None
    closes_us = min(seen) + outcome_window_s * _MICROSECONDS
    actions = {each.action for each in outcomes if each.at_us <= closes_us}
    return Answer(closes_us, Action.CLICK in actions, not actions.isdisjoint(_DISCONNECTS))


def concerns(identifiers: Iterable[str], user_id: str | None, anonymous_id: str | None) -> bool:
    """Whether an event sent with these ids may answer a decision made for the person with these typed identifiers.

    The write key ships to browsers: nobody teaches the engine with other people's decisions.
    """
    known = set(identifiers)
    return f"user:{user_id}" in known or f"anon:{anonymous_id}" in known
