"""What the rules of a journey may ask: names of the person, of the event, of the last contact, and the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.journey import Instance, Outcome
from eachwise.documents import NAME_CHARS_MAX
from eachwise.rules import ELIGIBILITY, Known, Lookup, Path, Rule, Scope, rule
from eachwise.rules.parse import Fault, parse
from eachwise.rules.tree import Name

# Of a decision alone: a journey has no request, and is about no single item or experience.
_OF_DECISIONS = frozenset({"context", "item", "experience", "placement"})
_TEXT = Known("text")
JOURNEY = Scope(
    {
        **{
            path: known for path, known in ELIGIBILITY.names.items() if path[0] not in _OF_DECISIONS
        },
        ("event", "**"): Known("any"),
        ("contact", "outcome"): Known("text", get_args(Outcome)),
        ("contact", "experience"): _TEXT,
        ("contact", "reason"): _TEXT,
        ("contact", "decision"): _TEXT,
        ("key",): _TEXT,
    }
)
_RULES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Knows:
    """What a step may ask of the person now.

    lookup: what a name of the person stands for (docs/reference/rules.md), None where it is not known
    local:  the person's clock at a time in microseconds, with its zone; None where the zone is not known
    """

    lookup: Lookup
    local: Callable[[int], datetime | None]


@lru_cache(maxsize=_RULES_MAX)
def rule_of(text: str) -> Rule:
    """A rule of a journey, checked once. Raises ``InvalidInput``."""
    return rule(text, JOURNEY)


@lru_cache(maxsize=_RULES_MAX)
def name_of(text: str) -> Path:
    """The path of a single name such as ``event.order_id``. Raises ``InvalidInput`` where it is no known name."""
    try:
        tree = parse(text)
    except Fault as fault:
        raise InvalidInput(f"column {fault.at + 1}: {fault.reason}") from None
    if not isinstance(tree, Name):
        raise InvalidInput(f'must be one name such as "event.order_id", not {text!r}')
    if JOURNEY.known(tree.path) is None:
        raise InvalidInput(JOURNEY.correction(tree.path))
    return tree.path


def lookup_of(instance: Instance, knows: Knows, event: Mapping[str, Any] | None = None) -> Lookup:
    """What the names of a rule stand for within an instance. ``event``: the one just seen, else what began it."""
    facts = instance.facts
    seen = facts.get("event") if event is None else event
    return named(knows, seen, facts.get("contact"), instance.key)


def named(knows: Knows, event: object, contact: object = None, key: str = "") -> Lookup:
    """What the names stand for, given the event's properties, the last contact and the key."""

    def lookup(path: Path) -> object:
        match path[0]:
            case "event":
                return below(event, path[1:])
            case "contact":
                # No reason, no experience: not known, rather than an empty text.
                return below(contact, path[1:]) or None
            case "key":
                return key or None
        return knows.lookup(path)

    return lookup


def holds(text: str, lookup: Lookup) -> bool:
    """Whether a rule holds; an empty one always does."""
    return not text or rule_of(text).holds(lookup)


def below(holder: object, names: Path) -> Any:
    """What lies under these names, in plain mappings only; None where there is nothing."""
    for name in names:
        if not isinstance(holder, dict):
            return None
        holder = holder.get(name)
    return holder


def key_of(properties: Mapping[str, Any], name: str) -> str:
    """The value of a property as the text that keys are held against; "" where it has none.

    Dots go into mappings. ``7`` and ``7.0`` are ``"7"``; a list, a mapping, an empty text or one of more than 256
    characters is no key.
    """
    value = below(dict(properties), tuple(name.split(".")))
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case str() if len(value) > NAME_CHARS_MAX:
            return ""
        case str() | int() | float():
            return str(value)
        case _:
            return ""
