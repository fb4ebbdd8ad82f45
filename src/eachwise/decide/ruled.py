"""The rules of a placement's experiences, read once: experiences that a rule cannot tell apart share one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import Experience
from eachwise.rules import ELIGIBILITY, Path, Rule, rule


class Ruled(NamedTuple):
    """One rule and the experiences that it holds for alike; without a rule ``fault`` says why it cannot be read."""

    rule: Rule | None
    fault: str
    rows: tuple[int, ...]


def prepared_rules(experiences: Sequence[Experience]) -> tuple[Ruled, ...]:
    """Each rule with the experiences that have it, apart where they differ in what it asks of them.

    Rules are checked when they are written; one that the language has outgrown since fails closed.
    """
    rows: dict[str, list[int]] = {}
    for row, each in enumerate(experiences):
        if each.eligibility.when.strip():
            rows.setdefault(each.eligibility.when, []).append(row)
    found = []
    for text, bound in rows.items():
        try:
            read = rule(text, ELIGIBILITY)
        except InvalidInput as error:
            found.append(Ruled(None, f"the rule cannot be read: {error}", tuple(bound)))
            continue
        asked = sorted(path for path in read.names if path[0] == "experience")
        alike: dict[str, list[int]] = {}
        for row in bound:
            values = [experience_value(experiences[row], path) for path in asked]
            alike.setdefault(repr(values), []).append(row)
        found += [Ruled(read, "", tuple(same)) for same in alike.values()]
    return tuple(found)


def experience_value(experience: Experience, path: Path) -> object:
    """What a name below ``experience`` stands for; None where the experience has none."""
    if path[1] == "attributes":
        return experience.attributes.get(path[2])
    values: dict[str, object] = {
        "id": experience.experience_id,
        "group": experience.group or None,
        "kind": experience.kind,
        "value": experience.value,
        "margin": experience.margin,
        "cost": experience.cost,
    }
    return values[path[1]]
