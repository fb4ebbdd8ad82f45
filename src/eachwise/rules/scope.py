"""The names that rules may use, what each stands for, and the functions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from eachwise.contracts.experience import Channel, Stage
from eachwise.rules.tree import Path, name_text

# ``any``: whatever the person or the caller sent; its kind shows when the rule is applied.
Kind = Literal["number", "text", "flag", "list", "any"]

# In a name of the scope: one part of any spelling, and one or more of them.
ONE, SOME = "*", "**"


@dataclass(frozen=True, slots=True)
class Known:
    """What a name stands for; ``one_of`` are the texts that it can be, where these are known."""

    kind: Kind
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """What a function takes and gives."""

    takes: tuple[Kind, ...]
    gives: Kind


FUNCTIONS: Mapping[str, Function] = {
    "has": Function(("any",), "flag"),
    "lower": Function(("text",), "text"),
    "starts_with": Function(("text", "text"), "flag"),
    "contains": Function(("text", "text"), "flag"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The names of one place where rules stand; ``*`` in a name is any one part, ``**`` at its end one or more."""

    names: Mapping[Path, Known]

    def known(self, path: Path) -> Known | None:
        """What this name stands for; None where nothing is called so."""
        for pattern, known in self.names.items():
            if _matches(pattern, path):
                return known
        return None

    def correction(self, path: Path) -> str:
        """What would be right instead of an unknown name, in words."""
        roots = dict.fromkeys(pattern[0] for pattern in self.names)
        if path[0] not in roots:
            return f"unknown name `{path[0]}`{_meant(path[0], roots)}"
        below = [pattern for pattern in self.names if pattern[0] == path[0] and len(pattern) > 1]
        if not below:
            return f"`{name_text(path)}`: `{path[0]}` is a single value"
        near = _meant(path[1], (each[1] for each in below)) if len(path) > 1 else ""
        listed = ", ".join(f"`{_shown(each)}`" for each in below)
        return f"unknown name `{name_text(path)}`{near}; known: {listed}"


def _matches(pattern: Path, path: Path) -> bool:
    if pattern[-1] == SOME:
        return len(path) >= len(pattern) and path[: len(pattern) - 1] == pattern[:-1]
    return len(path) == len(pattern) and all(
        part in (ONE, name) for part, name in zip(pattern, path, strict=True)
    )


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, [one for one in known if one not in (ONE, SOME)], n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _shown(pattern: Path) -> str:
    """A name of the scope as a person would write it."""
    return pattern[0] + "".join(
        '["…"]' if part in (ONE, SOME) else f".{part}" for part in pattern[1:]
    )


_NUMBER, _TEXT, _FLAG, _ANY = Known("number"), Known("text"), Known("flag"), Known("any")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# What `eligibility.when` may ask (docs/reference/rules.md).
ELIGIBILITY = Scope(
    {
        ("trait", SOME): _ANY,
        ("stage",): Known("text", get_args(Stage)),
        ("lapsed",): _FLAG,
        ("engagement",): _NUMBER,
        ("orders", "count"): _NUMBER,
        ("orders", "revenue"): _NUMBER,
        ("orders", "refunded"): _NUMBER,
        ("orders", "mean_value"): _NUMBER,
        ("orders", "gap_days"): _NUMBER,
        ("orders", "due"): _NUMBER,
        ("days_since_last_order",): _NUMBER,
        ("days_since_last_seen",): _NUMBER,
        ("affinity", ONE): _NUMBER,
        ("affinity", ONE, "z"): _NUMBER,
        ("affinity", ONE, "now"): _NUMBER,
        ("affinity", ONE, "evidence"): _NUMBER,
        ("affinity", ONE, "declared"): _NUMBER,
        ("context", SOME): _ANY,
        ("hour",): _NUMBER,
        ("weekday",): Known("text", WEEKDAYS),
        ("date",): _TEXT,
        ("item", "id"): _TEXT,
        ("item", "price"): _NUMBER,
        ("item", "available"): _FLAG,
        ("item", "attributes", ONE): _ANY,
        ("experience", "id"): _TEXT,
        ("experience", "group"): _TEXT,
        ("experience", "kind"): Known("text", ("offer", "message", "content", "list")),
        ("experience", "value"): _NUMBER,
        ("experience", "margin"): _NUMBER,
        ("experience", "cost"): _NUMBER,
        ("experience", "attributes", ONE): _ANY,
        ("placement", "id"): _TEXT,
        ("placement", "channel"): Known("text", get_args(Channel)),
    }
)
