"""What can be said of an event before a step logs it: its name, which properties it has, and what it cannot begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from eachwise.contracts.experience import Placement
from eachwise.contracts.journey import Decide, Emit, Send, Step, Update
from eachwise.journeys.scope import key_of, rule_of
from eachwise.maths.words import fold_name
from eachwise.rules import Path
from eachwise.rules.tree import Expression, Joined, Not, text_of

# Of these roots an event that leads to another passes on what it was given; all others may bring ever new values.
_PASSED_ON = ("event", "key")
_OPEN: Mapping[str, Any] = {"from": "contact.decision"}


class Foreseen(NamedTuple):
    """An event to come. A mapping ``{from: NAME}`` in its properties stands for a value that is not known yet."""

    name: str
    properties: Mapping[str, Any]


class _NotKnown(Exception):
    """A rule asks for what is not known yet."""


def foreseen_of(
    journey_id: str,
    step: Step,
    placements: Mapping[str, Placement],
    delivered: Mapping[str, str],
) -> Foreseen | None:
    """The event that a step has logged; None where it logs none. ``delivered``: by channel, what a delivery logs."""
    match step.do:
        case Emit(event=event, properties=properties):
            return Foreseen(fold_name(event), properties)
        case Update(traits=traits):
            return Foreseen("identify", traits)
        case Send() | Decide() as asks:
            placement = placements.get(asks.placement)
            if placement is None or placement.channel not in delivered:
                return None
            told = {
                "decision_id": _OPEN,
                "experience_id": asks.experience if isinstance(asks, Send) else _OPEN,
                "placement": asks.placement,
                "channel": placement.channel,
                "journey_id": journey_id,
                "outbox_id": _OPEN,
            }
            return Foreseen(fold_name(delivered[placement.channel]), told)
        case _:
            return None


def ever_new(value: object) -> bool:
    """Whether properties hold a value that may be another one each time, whatever began the instance."""
    if isinstance(value, list):
        return any(map(ever_new, value))
    if not isinstance(value, Mapping):
        return False
    if set(value) == {"from"}:
        root = str(value["from"]).partition(".")[0].partition("[")[0].strip()
        return root not in _PASSED_ON
    return any(map(ever_new, value.values()))


def may_have_key(properties: Mapping[str, Any], key: str) -> bool:
    """Whether such an event can have this key; "" is no key, and each can."""
    if not key:
        return True
    try:
        _below(properties, tuple(key.split(".")))
    except _NotKnown:
        return True
    return bool(key_of(properties, key))


def may_hold(when: str, properties: Mapping[str, Any]) -> bool:
    """Whether a rule can hold of such an event; false only where it cannot, whoever the person is."""
    return not when or _verdict(rule_of(when).tree, properties) is not False


def _verdict(node: Expression, properties: Mapping[str, Any]) -> bool | None:
    """Whether a condition holds; None where that is not known yet."""
    match node:
        case Joined(operator=operator, parts=parts):
            settles = operator == "or"
            verdicts = [_verdict(part, properties) for part in parts]
            if settles in verdicts:
                return settles
            return None if None in verdicts else not settles
        case Not(of=of):
            verdict = _verdict(of, properties)
            return None if verdict is None else not verdict

    def lookup(path: Path) -> object:
        if path[0] != "event":
            raise _NotKnown
        return _below(properties, path[1:])

    try:
        return rule_of(text_of(node)).holds(lookup)
    except _NotKnown:
        return None


def _below(properties: Mapping[str, Any], names: Path) -> object:
    """What lies under these names, None where nothing does. Raises ``_NotKnown``."""
    value: object = properties
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
        if isinstance(value, Mapping) and set(value) == {"from"}:
            raise _NotKnown
    return value
