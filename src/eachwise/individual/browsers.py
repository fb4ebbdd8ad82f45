"""The browsers on which a person takes web push: one trait each, so that the last word holds of each by itself.

``push_subscription:ID``  a browser's subscription; None once it was given up, or is gone. ID = ``short_hash(endpoint)``
``push_subscription``     None: all that is older is void. What else is in it was written when there was but one
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from msgspec.structs import replace

from eachwise.contracts.individual import PUSH_TRAIT, Individual, Written
from eachwise.maths.hashing import short_hash

# Traits of browsers that a person keeps, those given up among them: whoever sends a thousand fills no state.
SUBSCRIPTIONS_MAX = 20
_ONE = PUSH_TRAIT + ":"
# Looked up for every decision: one slice and one look.
_OURS, _LENGTH = frozenset({PUSH_TRAIT, _ONE}), len(_ONE)


def public_traits(traits: Mapping[str, Written]) -> dict[str, Any]:
    """Trait → value, without the subscriptions: whoever has one can write to its browser, so nobody is shown them."""
    return {name: cell.value for name, cell in traits.items() if name[:_LENGTH] not in _OURS}


def without_subscriptions(state: Individual) -> Individual:
    """The same person as a decision keeps them; the very same where there is none."""
    traits = {name: cell for name, cell in state.traits.items() if name[:_LENGTH] not in _OURS}
    return state if len(traits) == len(state.traits) else replace(state, traits=traits)


def subscriptions(traits: Mapping[str, Written]) -> list[dict[str, Any]]:
    """The subscriptions that stand, those heard of last first: ``id``, ``endpoint`` and ``keys``, as the browser gave
    them."""
    newest: dict[str, Written] = {}
    since = (-inf, -inf)
    for name, cell in traits.items():
        if name.startswith(_ONE):
            named = name.removeprefix(_ONE)
        elif name != PUSH_TRAIT:
            continue
        elif (endpoint := _endpoint(cell)) == "":
            since = _age(cell)
            continue
        else:
            named = short_hash(endpoint)
        known = newest.get(named)
        if known is None or _age(known) < _age(cell):
            newest[named] = cell
    found = sorted(newest.items(), key=lambda each: (_age(each[1]), each[0]), reverse=True)
    return [
        {"id": named, "endpoint": endpoint, "keys": cell.value.get("keys")}
        for named, cell in found
        # An identify may write any trait: only what stands under its own id can be forgotten by it.
        if _age(cell) > since and (endpoint := _endpoint(cell)) and named == short_hash(endpoint)
    ]


def keep_newest(traits: dict[str, Written]) -> None:
    """Drop all but the newest ``SUBSCRIPTIONS_MAX`` traits of browsers.

    The fold's law holds: each newer trait that drives one out stays or gets newer still, whatever else is merged, so
    the same trait, or an older word on the same browser, can never be among the newest again.
    """
    if len(traits) <= SUBSCRIPTIONS_MAX:
        return
    names = [name for name in traits if name.startswith(_ONE)]
    names.sort(key=lambda name: (*_age(traits[name]), name))
    for name in names[:-SUBSCRIPTIONS_MAX]:
        del traits[name]


def _age(cell: Written) -> tuple[float, float]:
    return cell.occurred_at_us, cell.tie


def _endpoint(cell: Written) -> str:
    """ "" where the cell holds no subscription."""
    endpoint = cell.value.get("endpoint") if isinstance(cell.value, dict) else None
    return endpoint if isinstance(endpoint, str) else ""
