"""What has come back for a decision: a pure function of the record and of the events that name it.

    decided ─ never seen ──────────────────────────────→ nothing is learnt
       └ seen (EXPOSE, or any answer: nobody answers what was not seen)
            on site at once, outbound after a while ───→ learnt with no outcome, or with what came meanwhile
            ├ CLICK, DISMISS, BOUNCE in the placement's window → corrected: takeup, dismiss
            ├ HIDE, UNSUBSCRIBE, COMPLAIN within a week ──→ corrected: hide, unsubscribe
            └ taken up, and then
                 ├ PURCHASE within a week of the click ──→ corrected: purchase
                 └ REFUND of it within a month ──────────→ corrected: no purchase

Were clicks learnt at once and their absence only when the window has passed, the newest window's exposures would all
look like successes. Silence is not learnt from. The windows are settings (``LearnSettings``).

An answer says which decision it answers. One that does not is credited by rule, once, before it is logged
(``credited``), so that the log alone says what was learnt and a replay learns the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eachwise.contracts.events import Action
from eachwise.contracts.individual import Contact
from eachwise.contracts.learning import Outcome
from eachwise.settings import LearnSettings

_MICROSECONDS = 1_000_000
_HARMS: dict[Action, Outcome] = {
    Action.HIDE: "hide",
    Action.UNSUBSCRIBE: "unsubscribe",
    Action.COMPLAIN: "unsubscribe",
}
# Whoever comes and leaves within moments took it up, and turned it down.
_ANSWERS: dict[Action, Outcome] = {
    Action.CLICK: "takeup",
    Action.DISMISS: "dismiss",
    Action.BOUNCE: "dismiss",
}
_PROOFS_OF_SIGHT = frozenset({Action.EXPOSE, *_ANSWERS, *_HARMS})
# A purchase counts as given back once half of its money was.
_GIVEN_BACK = 0.5


class Returned(NamedTuple):
    """One thing that came back for a decision: what it meant and when; of an order its id and money."""

    action: Action
    at_us: int
    order_id: str = ""
    amount: float = 0.0


class Answer(NamedTuple):
    """What is known of one exposure: until when a click counts, and all that came back in time."""

    closes_us: int
    outcomes: frozenset[Outcome]


def answer_in(
    returned: Sequence[Returned], outcome_window_s: int, settings: LearnSettings
) -> Answer | None:
    """What came back so far, in any order of arrival; None while nothing proves that the decision was seen.

    Windows are [seen, seen + length], both included, and start at the earliest proof of sight; those of an order
    start at any click, once one was in time. A click and a hide both count.
    """
    seen = [each.at_us for each in returned if each.action in _PROOFS_OF_SIGHT]
    if not seen:
        return None
    seen_us = min(seen)
    closes_us = seen_us + outcome_window_s * _MICROSECONDS
    harmful_us = max(closes_us, seen_us + settings.harm_window_s * _MICROSECONDS)
    found: set[Outcome] = set()
    for each in returned:
        if each.action in _ANSWERS and each.at_us <= closes_us:
            found.add(_ANSWERS[each.action])
        elif each.action in _HARMS and each.at_us <= harmful_us:
            found.add(_HARMS[each.action])
    if "takeup" in found and _bought(returned, settings):
        found.add("purchase")
    return Answer(closes_us, frozenset(found))


def _bought(returned: Sequence[Returned], settings: LearnSettings) -> bool:
    """Whether an order within the window of a click was not given back; of any click, as orders are credited."""
    window_us = settings.purchase_window_s * _MICROSECONDS
    clicks_us = [each.at_us for each in returned if each.action is Action.CLICK]
    # The latest report of an order comes first: the earliest is the one that stays.
    reports = sorted(returned, key=lambda each: (each.at_us, each.amount), reverse=True)
    orders = {
        (each.order_id or str(each.at_us)): each
        for each in reports
        if each.action is Action.PURCHASE
        and any(clicked_us <= each.at_us <= clicked_us + window_us for clicked_us in clicks_us)
    }
    refunded = dict.fromkeys(orders, 0.0)
    for each in returned:
        order = orders.get(each.order_id) if each.action is Action.REFUND else None
        if order and each.at_us <= order.at_us + settings.refund_window_s * _MICROSECONDS:
            # A refund without an amount is of the whole order.
            refunded[each.order_id] += each.amount or order.amount or 1.0
    return any(
        refunded[order_id] < _GIVEN_BACK * (order.amount or 1.0)
        for order_id, order in orders.items()
    )


def credited(
    action: Action,
    at_us: int,
    experience_id: str,
    contacts: Sequence[Contact],
    settings: LearnSettings,
) -> str:
    """The decision that an answer without a decision id is credited to, by rule; "" for none.

    A click, dismissal, bounce or hide of an experience: the person's newest exposure to it within the answer window.
    An order: the newest click on anything decided, within the purchase window. ``contacts``: the person's, ascending.
    """
    if action is Action.PURCHASE:
        proofs, window_s = frozenset({Action.CLICK.value}), settings.purchase_window_s
    elif experience_id and (action in _ANSWERS or action is Action.HIDE):
        proofs = frozenset({Action.EXPOSE.value, Action.CLICK.value, Action.DISMISS.value})
        window_s = settings.answer_window_s
    else:
        return ""
    since_us = at_us - window_s * _MICROSECONDS
    for contact in reversed(contacts):
        if contact.occurred_at_us < since_us:
            break
        if (
            contact.decision_id
            and contact.occurred_at_us <= at_us
            and contact.action in proofs
            and (action is Action.PURCHASE or contact.experience_id == experience_id)
        ):
            return contact.decision_id
    return ""


def concerns(identifiers: Iterable[str], user_id: str | None, anonymous_id: str | None) -> bool:
    """Whether an event sent with these ids may answer a decision made for the person with these typed identifiers.

    The write key ships to browsers: nobody teaches the engine with other people's decisions.
    """
    known = set(identifiers)
    return f"user:{user_id}" in known or f"anon:{anonymous_id}" in known
