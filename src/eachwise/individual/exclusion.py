"""What of an event is this person's own taste: somebody else on the same device, and gifts, are not.

Exclusions are a set, so they merge. That an event inside one leaves no taste is a function of the event and the set;
who adds to the set folds the person anew with the whole set at hand, so the order of events never matters.
"""

from __future__ import annotations

from bisect import insort

import msgspec

from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.individual import EXCLUSIONS_MAX, Exclusion, Individual

_ITEM = "item:"
_SESSION_KEYS = ("sessionId", "session_id")


def exclude(state: Individual, meaning: Meaning) -> None:
    """Add what an event excludes to the state's set, in place; the newest ``EXCLUSIONS_MAX`` are kept."""
    for from_us, until_us, what in meaning.excluded:
        added = Exclusion(until_us, from_us, what)
        if added not in state.excluded:
            insort(state.excluded, added)
    del state.excluded[:-EXCLUSIONS_MAX]


def own_taste(state: Individual, event: Event, meaning: Meaning) -> Meaning | None:
    """The event's meaning without the items that are no taste of this person's; None where nothing of it is."""
    at_us = event.occurred_at_us
    spans = [span for span in state.excluded if span.from_us <= at_us <= span.until_us]
    if spans:
        keys = _keys(event, meaning)
        if any(span.what in keys for span in spans):
            return None
    gone = {span.what[len(_ITEM) :] for span in spans if span.what.startswith(_ITEM)}
    gone |= meaning.gifts
    lines = tuple(line for line in meaning.lines if line.item_id not in gone)
    if len(lines) == len(meaning.lines):
        return meaning
    # What the event itself says of its items is of those that are gone as well.
    return msgspec.structs.replace(meaning, lines=lines, attributes=()) if lines else None


def _keys(event: Event, meaning: Meaning) -> set[str]:
    """Everything by which an exclusion may name the event; "" names them all."""
    keys = {"", f"message:{event.message_id}"}
    if meaning.decision_id:
        keys.add(f"decision:{meaning.decision_id}")
    if event.anonymous_id:
        keys.add(f"source:anon:{event.anonymous_id}")
    if event.user_id:
        keys.add(f"source:user:{event.user_id}")
    context = event.context
    device, session = context.get("device"), context.get("session")
    if isinstance(device, dict):
        keys.add(f"source:device:{device.get('id')}")
    if isinstance(session, dict):
        keys.add(f"session:{session.get('id')}")
    for holder in (context, event.properties):
        keys |= {f"session:{holder[key]}" for key in _SESSION_KEYS if key in holder}
    return keys
