"""A checked rule as functions of what is known: whether it holds, and why or why not, in words.

A missing value makes every comparison with it false. Where values do not fit (a text where a number is wanted), nothing
can be said: ``Mismatch``. Conditions are read from left to right and no further than the answer needs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from eachwise.rules.check import kind_of, kind_words
from eachwise.rules.tree import (
    Call,
    Compare,
    Expression,
    Joined,
    Listed,
    Minus,
    Name,
    Not,
    Path,
    Scalar,
    Sum,
    Value,
    text_of,
)
from eachwise.rules.words import compared_words, value_words

# What a name stands for now: a number, text, flag or a list of them; None: it is not known.
Lookup = Callable[[Path], object]
Read = Callable[[Lookup], Any]

_EXACT_MAX = 2**63
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Two of one of these can be held against each other in every way; all else is looked at more closely.
_ORDERED: Final = frozenset({str, int, float})
_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}


class Mismatch(Exception):
    """Values that do not fit together; the message says which, in words."""


class Condition(NamedTuple):
    """Whether a condition holds; ``unmet`` says why it does not where it does not, ``met`` why it does where it
    does."""

    holds: Callable[[Lookup], bool]
    unmet: Callable[[Lookup], str]
    met: Callable[[Lookup], str]


def condition_of(node: Expression) -> Condition:
    """A node that is true or false."""
    match node:
        case Joined(operator="and", parts=parts):
            return _all([condition_of(part) for part in parts])
        case Joined(parts=parts):
            return _any([condition_of(part) for part in parts])
        case Not(of=of):
            return _opposite(condition_of(of))
        case Compare():
            return _comparison(node)
        case Call(function="has", given=(Name() as name,)):
            text, path = text_of(name), name.path
            return Condition(
                lambda lookup: lookup(path) is not None,
                lambda _: f"{text} is unknown",
                lambda _: f"{text} is known",
            )
        case _:
            return _flag(node)


def value_of(node: Expression) -> Read:
    """A node that stands for a value; None where it is not known."""
    match node:
        case Value(value=value):
            return lambda _: value
        case Name(path=path):
            return _named(path, text_of(node))
        case Listed(parts=parts):
            reads = [value_of(part) for part in parts]
            return lambda lookup: [value for read in reads if (value := read(lookup)) is not None]
        case Minus(of=of):
            return _arithmetic("-", value_of(Value(0)), value_of(of), text_of(node))
        case Sum(operator=sign, left=left, right=right):
            return _arithmetic(sign, value_of(left), value_of(right), text_of(node))
        case Call(function="has") | Joined() | Not() | Compare():
            return condition_of(node).holds
        case Call():
            return _called(node)


# -- values ------------------------------------------------------------------------------------------------


def _named(path: Path, text: str) -> Read:
    def read(lookup: Lookup) -> Any:
        value = lookup(path)
        if value is None or isinstance(value, (str, bool)):
            return value
        if isinstance(value, list):
            return [_single(each, text) for each in value if each is not None]
        return _single(value, text)

    return read


def _single(value: object, text: str) -> Scalar:
    """A number, text or flag. Raises ``Mismatch`` for anything else, such as a mapping."""
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        return _finite(value, text)
    raise Mismatch(f"{text} is neither a number, a text nor a flag")


def _finite(value: float, text: str) -> float:
    """A number that can be computed with and printed; a whole one beyond 64 bits is read as a decimal one."""
    if isinstance(value, int) and -_EXACT_MAX < value < _EXACT_MAX:
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Mismatch(f"{text} is no finite number")
    return number


def _arithmetic(sign: str, left: Read, right: Read, text: str) -> Read:
    compute = _ARITHMETIC[sign]

    def read(lookup: Lookup) -> Any:
        one, other = left(lookup), right(lookup)
        if one is None or other is None:
            return None
        for value in (one, other):
            if kind_of(value) != "number":
                raise Mismatch(f"{value_words(value)} in {text} is no number")
        try:
            return _finite(compute(one, other), text)
        except ZeroDivisionError:
            raise Mismatch(f"{text} divides by 0") from None
        except OverflowError:
            raise Mismatch(f"{text} is no finite number") from None

    return read


def _called(call: Call) -> Read:
    """A function of texts; not known where one of them is not."""
    reads = [value_of(part) for part in call.given]
    compute = _TEXT_FUNCTIONS[call.function]
    text = text_of(call)

    def read(lookup: Lookup) -> Any:
        given = [each(lookup) for each in reads]
        if None in given:
            return None
        for value in given:
            if not isinstance(value, str):
                raise Mismatch(f"{value_words(value)} in {text} is no text")
        return compute(*given)

    return read


_TEXT_FUNCTIONS: Final[dict[str, Callable[..., Scalar]]] = {
    "lower": lambda text: text.lower(),
    "starts_with": lambda text, start: text.startswith(start),
    "contains": lambda text, part: part in text,
}


# -- conditions --------------------------------------------------------------------------------------------


def _flag(node: Expression) -> Condition:
    """A value that must be a flag by itself."""
    read, text = value_of(node), text_of(node)

    def holds(lookup: Lookup) -> bool:
        value = read(lookup)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise Mismatch(f"{text} is {value_words(value)}, neither true nor false")

    def words(lookup: Lookup) -> str:
        value = read(lookup)
        return f"{text} is {'unknown' if value is None else value_words(value)}"

    if isinstance(node, Value):
        return Condition(holds, lambda _: "the rule never holds", lambda _: "this always holds")
    return Condition(holds, words, words)


def _all(parts: Sequence[Condition]) -> Condition:
    asked = [part.holds for part in parts]
    return Condition(
        lambda lookup: all(holds(lookup) for holds in asked),
        lambda lookup: next(part.unmet(lookup) for part in parts if not part.holds(lookup)),
        lambda lookup: " and ".join(part.met(lookup) for part in parts),
    )


def _any(parts: Sequence[Condition]) -> Condition:
    asked = [part.holds for part in parts]
    return Condition(
        lambda lookup: any(holds(lookup) for holds in asked),
        lambda lookup: "; and ".join(part.unmet(lookup) for part in parts),
        lambda lookup: next(part.met(lookup) for part in parts if part.holds(lookup)),
    )


def _opposite(of: Condition) -> Condition:
    return Condition(
        lambda lookup: not of.holds(lookup),
        lambda lookup: f"{of.met(lookup)}, which rules it out",
        of.unmet,
    )


def _comparison(node: Compare) -> Condition:
    left, right = value_of(node.left), value_of(node.right)
    sign = node.operator
    if sign in ("in", "not in"):
        wanted = sign == "in"

        def decide(one: Any, other: Any) -> bool:
            return _share(one, other, node) == wanted

    else:
        compare = _ORDER[sign]

        def decide(one: Any, other: Any) -> bool:
            if type(one) is not type(other) or type(one) not in _ORDERED:
                _check_alike(one, other, node)
            return compare(one, other)

    def holds(lookup: Lookup) -> bool:
        one, other = left(lookup), right(lookup)
        return one is not None and other is not None and decide(one, other)

    def unmet(lookup: Lookup) -> str:
        return compared_words(node, left(lookup), right(lookup), holds=False)

    def met(lookup: Lookup) -> str:
        return compared_words(node, left(lookup), right(lookup), holds=True)

    return Condition(holds, unmet, met)


def _check_alike(one: Any, other: Any, node: Compare) -> None:
    """Raise ``Mismatch`` unless two values can be held against each other."""
    kinds = kind_of(one), kind_of(other)
    ordered = node.operator not in ("==", "!=")
    if kinds[0] != kinds[1] or kinds[0] == "list" or (ordered and kinds[0] == "flag"):
        raise Mismatch(
            f"{_side(node.left, one)}, and {_side(node.right, other)}: "
            f"{node.operator} cannot compare them"
        )


def _side(node: Expression, value: object) -> str:
    """One side of a comparison with its kind."""
    said = f"{text_of(node)} is " if not isinstance(node, Value) else ""
    return f"{said}{value_words(value)} ({kind_words(kind_of(value))})"


def _share(one: Any, other: Any, node: Compare) -> bool:
    """Whether two lists have a value in common; a single value is a list of one. Raises ``Mismatch`` where no two
    of their values are of one kind."""
    ones = one if isinstance(one, list) else [one]
    others = other if isinstance(other, list) else [other]
    if not ones or not others:
        return False
    kinds = {kind_of(value) for value in others}
    if not any(kind_of(value) in kinds for value in ones):
        raise Mismatch(
            f"{_side(node.left, one)}, and {_side(node.right, other)}: their values are never alike"
        )
    return any(
        value == each and kind_of(value) == kind_of(each) for value in ones for each in others
    )
