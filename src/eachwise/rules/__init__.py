"""Rules: conditions that operators write, in a small language of its own (docs/reference/rules.md).

Nothing of it is Python: a text is parsed to a tree of plain values, checked against the names that its place knows, and
turned into functions that read values through one ``lookup``.
"""

from eachwise.rules.evaluate import Lookup
from eachwise.rules.rule import Rule, rule
from eachwise.rules.scope import ELIGIBILITY, FUNCTIONS, WEEKDAYS, Known, Scope
from eachwise.rules.tree import Path

__all__ = [
    "ELIGIBILITY",
    "FUNCTIONS",
    "WEEKDAYS",
    "Known",
    "Lookup",
    "Path",
    "Rule",
    "Scope",
    "rule",
]
