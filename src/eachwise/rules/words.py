"""A comparison with the values that it found, in words: ``trait.country is 'US', not 'DE'``."""

from __future__ import annotations

from eachwise.rules.tree import Compare, Expression, Listed, Minus, Sum, Value, text_of

_CHARS_MAX = 60
_LISTED_MAX = 5
# Why it does not hold: what the value would have to be.
_UNMET = {
    "==": "not {}",
    "!=": "and must not be {}",
    "<": "not below {}",
    "<=": "not at most {}",
    ">": "not above {}",
    ">=": "not at least {}",
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def value_words(value: object) -> str:
    """A value for people: texts in quotes, long ones cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= _CHARS_MAX else f"{value[:_CHARS_MAX]}…")
    if isinstance(value, list):
        return f"[{_several(value)}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _several(values: list[object]) -> str:
    words = ", ".join(value_words(each) for each in values[:_LISTED_MAX])
    return f"{words}, …" if len(values) > _LISTED_MAX else words


def compared_words(node: Compare, left: object, right: object, *, holds: bool) -> str:
    """Why a comparison of these values holds, or why not."""
    for part, value in ((node.left, left), (node.right, right)):
        if value is None:
            return f"{text_of(part)} is unknown"
    one, other, sign = node.left, node.right, str(node.operator)
    turned = _literal(one) and not _literal(other)
    if turned:
        one, other, left, right = other, one, right, left
        sign = _TURNED.get(sign, sign)
    said = f"{text_of(one)} is {value_words(left)}"
    if holds:
        return said
    target = value_words(right) if _literal(other) else f"{text_of(other)} ({value_words(right)})"
    if sign in ("in", "not in"):
        return f"{said}, {_members_words(right, target, sign, turned=turned)}"
    return f"{said}, {_UNMET[sign].format(target)}"


def _members_words(value: object, target: str, sign: str, *, turned: bool) -> str:
    """What the named side would have to hold, or not to hold."""
    if turned:
        return f"without {target}" if sign == "in" else f"and must not hold {target}"
    if isinstance(value, list):
        wanted = target.removeprefix("[").removesuffix("]")
        return f"{'not one of' if sign == 'in' else 'and must be none of'} {wanted}"
    return f"{'not' if sign == 'in' else 'and must not be'} {target}"


def _literal(node: Expression) -> bool:
    """Whether a node says its value by itself."""
    match node:
        case Value():
            return True
        case Listed(parts=parts):
            return all(_literal(part) for part in parts)
        case Minus(of=of):
            return _literal(of)
        case Sum(left=left, right=right):
            return _literal(left) and _literal(right)
        case _:
            return False
