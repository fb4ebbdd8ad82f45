"""A rule as a tree of plain values, and its text. ``parse(text_of(tree)) == tree`` for every tree that was parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

Scalar = bool | int | float | str
# The names from a root down to a value: ("trait", "country").
Path = tuple[str, ...]

KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}

Arithmetic = OneOf["+", "-", "*", "/", "%"]
Comparison = OneOf["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


@dataclass(frozen=True, slots=True)
class Value:
    """A number, text or flag as written."""

    value: Scalar
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of expressions, of one value each."""

    parts: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """What a name stands for."""

    path: Path
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One of the functions."""

    function: str
    given: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Minus:
    """The negative of a number."""

    of: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Sum:
    """Two numbers put together by an arithmetic operator."""

    operator: Arithmetic
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values held against each other."""

    operator: Comparison
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    of: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more conditions of which all (``and``) or one (``or``) must hold."""

    operator: OneOf["and", "or"]
    parts: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


Expression = Value | Listed | Name | Call | Minus | Sum | Compare | Not | Joined

# How strongly each holds its parts together; a part that holds weaker stands in brackets.
_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _MINUS, _ATOM = range(8)


def text_of(node: Expression) -> str:
    """The rule's text, with the fewest brackets that keep the tree."""
    return _text(node, _OR)


def parts_of(node: Expression) -> tuple[Expression, ...]:
    """The expressions directly below this one."""
    match node:
        case Listed(parts=parts) | Joined(parts=parts) | Call(given=parts):
            return parts
        case Minus(of=of) | Not(of=of):
            return (of,)
        case Sum(left=left, right=right) | Compare(left=left, right=right):
            return (left, right)
        case _:
            return ()


def walk(node: Expression) -> Iterator[Expression]:
    """The expression and all below it."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def name_text(path: Path) -> str:
    """A path as it is written: ``trait.country``, ``trait["first name"]``."""
    dotted = (f".{name}" if _WORD.fullmatch(name) else f"[{quoted(name)}]" for name in path[1:])
    return path[0] + "".join(dotted)


def quoted(text: str) -> str:
    """A text as a literal."""
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def scalar_text(value: Scalar) -> str:
    """A number, text or flag as a literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)


def _text(node: Expression, holds: int) -> str:
    text, strength = _written(node)
    return text if strength >= holds else f"({text})"


def _written(node: Expression) -> tuple[str, int]:
    """The text of a node and how strongly it holds together."""
    match node:
        case Value(value=value):
            return scalar_text(value), _ATOM
        case Name(path=path):
            return name_text(path), _ATOM
        case Listed(parts=parts):
            return f"[{', '.join(_text(part, _OR) for part in parts)}]", _ATOM
        case Call(function=function, given=given):
            return f"{function}({', '.join(_text(part, _OR) for part in given)})", _ATOM
        case Minus(of=Value() as number):
            # Without brackets it would be read as one negative number.
            return f"-({_text(number, _ATOM)})", _MINUS
        case Minus(of=of):
            return f"-{_text(of, _MINUS)}", _MINUS
        case Not(of=of):
            return f"not {_text(of, _NOT)}", _NOT
        case Joined(operator=operator, parts=parts):
            strength = _OR if operator == "or" else _AND
            return f" {operator} ".join(_text(part, strength + 1) for part in parts), strength
        case Compare(operator=compare, left=left, right=right):
            return f"{_text(left, _SUM)} {compare} {_text(right, _SUM)}", _COMPARE
        case Sum(operator=sign, left=left, right=right):
            strength = _SUM if sign in ("+", "-") else _PRODUCT
            return f"{_text(left, strength)} {sign} {_text(right, strength + 1)}", strength
