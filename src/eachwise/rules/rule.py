"""A rule, ready to be applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from eachwise.contracts.errors import InvalidInput
from eachwise.rules.check import check
from eachwise.rules.evaluate import Condition, Lookup, Mismatch, condition_of
from eachwise.rules.parse import Fault, parse
from eachwise.rules.scope import Scope
from eachwise.rules.tree import Expression, Name, Path, text_of, walk

_REASON_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule: its text as the engine writes it, its tree, and the names that it asks for."""

    text: str
    tree: Expression = field(repr=False)
    names: frozenset[Path] = field(repr=False)
    _condition: Condition = field(repr=False, compare=False)

    def holds(self, lookup: Lookup) -> bool:
        """Whether it holds. Where its values do not fit together it does not."""
        try:
            return self._condition.holds(lookup)
        except Mismatch:
            return False

    def unmet(self, lookup: Lookup) -> str:
        """Which part of it does not hold, in words; empty where it holds.

        ``lookup`` gives what a name stands for now, None for what is not known. Whatever it raises passes through.
        """
        try:
            if self._condition.holds(lookup):
                return ""
            reason = self._condition.unmet(lookup)
        except Mismatch as mismatch:
            reason = f"the rule cannot be applied: {mismatch}"
        if len(reason) > _REASON_CHARS_MAX:
            return f"{reason[:_REASON_CHARS_MAX]}…"
        return reason


def rule(text: str, scope: Scope) -> Rule:
    """Read and check a rule. Raises ``InvalidInput`` such as ``column 1: unknown name `tait`; did you mean
    `trait`?``."""
    try:
        tree = parse(text)
        check(tree, scope)
    except Fault as fault:
        raise InvalidInput(f"{_place(text, fault.at)}: {fault.reason}") from None
    return Rule(text_of(tree), tree, frozenset(_names(tree)), condition_of(tree))


def _names(tree: Expression) -> Iterator[Path]:
    return (node.path for node in walk(tree) if isinstance(node, Name))


def _place(text: str, at: int) -> str:
    """Where in the text, counted from 1; the line only where there are several."""
    before = text[:at]
    column = at - (before.rfind("\n") + 1) + 1
    if "\n" not in text.strip():
        return f"column {column}"
    return f"line {before.count(chr(10)) + 1}, column {column}"
