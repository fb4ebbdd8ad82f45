"""Whether a rule makes sense before anybody is held against it: its names, functions and kinds of values."""

from __future__ import annotations

from collections.abc import Iterator

from eachwise.rules.parse import Fault
from eachwise.rules.scope import FUNCTIONS, Kind, Scope
from eachwise.rules.tree import (
    Call,
    Compare,
    Expression,
    Joined,
    Listed,
    Minus,
    Name,
    Not,
    Sum,
    Value,
    parts_of,
    text_of,
)

_WORDS: dict[Kind, str] = {
    "number": "a number",
    "text": "a text",
    "flag": "true or false",
    "list": "a list",
    "any": "a value",
}
_ORDERING = frozenset({"<", "<=", ">", ">="})


def check(tree: Expression, scope: Scope) -> None:
    """Raise ``Fault`` for the first part that is unknown or can never be evaluated."""
    _condition(tree, scope)


def kind_of(value: object) -> Kind:
    """The kind of a value that a name or literal stands for."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "number"


def kind_words(kind: Kind) -> str:
    """``a number``."""
    return _WORDS[kind]


def _condition(node: Expression, scope: Scope) -> None:
    """Raise ``Fault`` unless the node can be true or false."""
    found = _kind(node, scope)
    if found in ("flag", "any"):
        return
    text = text_of(node)
    example = {"number": f"{text} > 0", "list": f'"…" in {text}'}.get(found, f'{text} == "…"')
    raise Fault(
        node.at, f"`{text}` is {_WORDS[found]}, not a condition; compare it, such as `{example}`"
    )


def _kind(node: Expression, scope: Scope) -> Kind:
    """The kind of a node, once all below it is checked."""
    match node:
        case Value(value=value):
            return kind_of(value)
        case Name():
            return _named(node, scope)
        case Listed():
            return _listed(node, scope)
        case Call():
            return _called(node, scope)
        case Minus() | Sum():
            for part in parts_of(node):
                _wants("number", part, scope, "-" if isinstance(node, Minus) else node.operator)
            return "number"
        case Compare():
            _compared(node, scope)
        case Not(of=of):
            _condition(of, scope)
        case Joined(parts=parts):
            for part in parts:
                _condition(part, scope)
    return "flag"


def _listed(node: Listed, scope: Scope) -> Kind:
    for part in node.parts:
        if _kind(part, scope) == "list":
            raise Fault(part.at, "a list holds single values, no lists")
    return "list"


def _named(name: Name, scope: Scope) -> Kind:
    known = scope.known(name.path)
    if known is None:
        raise Fault(name.at, scope.correction(name.path))
    return known.kind


def _called(call: Call, scope: Scope) -> Kind:
    function = FUNCTIONS.get(call.function)
    if function is None:
        known = ", ".join(sorted(FUNCTIONS))
        raise Fault(call.at, f"unknown function `{call.function}`; known: {known}")
    if len(call.given) != len(function.takes):
        raise Fault(
            call.at, f"`{call.function}` takes {len(function.takes)}, {len(call.given)} are given"
        )
    if call.function == "has" and not isinstance(call.given[0], Name):
        raise Fault(call.given[0].at, "`has` takes a name, such as has(trait.country)")
    for part, wanted in zip(call.given, function.takes, strict=True):
        _wants(wanted, part, scope, call.function)
    return function.gives


def _wants(wanted: Kind, node: Expression, scope: Scope, whose: str) -> None:
    found = _kind(node, scope)
    if "any" not in (wanted, found) and found != wanted:
        raise Fault(
            node.at,
            f"`{whose}` takes {_WORDS[wanted]}, and `{text_of(node)}` is {_WORDS[found]}",
        )


def _compared(node: Compare, scope: Scope) -> None:
    left, right = _kind(node.left, scope), _kind(node.right, scope)
    if node.operator in ("in", "not in"):
        _members(node, left, right, scope)
    else:
        for part, kind in ((node.left, left), (node.right, right)):
            if kind == "list":
                raise Fault(part.at, f"`{text_of(part)}` is a list: use in")
        if node.operator in _ORDERING and "flag" in (left, right):
            raise Fault(node.at, f"`{node.operator}` holds for numbers and texts, not flags")
        _alike(node, left, right)
    for one, other in ((node.left, node.right), (node.right, node.left)):
        _possible(one, other, scope)


def _members(node: Compare, left: Kind, right: Kind, scope: Scope) -> None:
    """Each part of a list must be of the kind that the other side is."""
    for one, kind in ((node.left, right), (node.right, left)):
        if isinstance(one, Listed) and kind != "list":
            if not one.parts:
                raise Fault(one.at, "an empty list holds nothing")
            for part in one.parts:
                _alike(node, _kind(part, scope), kind, part)
    if "list" not in (left, right):
        _alike(node, left, right)


def _alike(node: Compare, left: Kind, right: Kind, part: Expression | None = None) -> None:
    if "any" not in (left, right) and left != right:
        at = node.at if part is None else part.at
        raise Fault(
            at, f"{_WORDS[left]} and {_WORDS[right]} are compared in `{text_of(node)}`: never alike"
        )


def _possible(name: Expression, other: Expression, scope: Scope) -> None:
    """Raise ``Fault`` where a name is compared with a text that it can never be."""
    known = scope.known(name.path) if isinstance(name, Name) else None
    if known is None or not known.one_of:
        return
    for literal in _literals(other):
        if literal.value not in known.one_of:
            listed = ", ".join(f'"{each}"' for each in known.one_of)
            raise Fault(
                literal.at,
                f"`{text_of(name)}` is never {text_of(literal)}; it is one of {listed}",
            )


def _literals(node: Expression) -> Iterator[Value]:
    for part in node.parts if isinstance(node, Listed) else (node,):
        if isinstance(part, Value):
            yield part
