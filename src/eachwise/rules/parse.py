"""The text of a rule → its tree. Nothing of Python is evaluated; every refusal names the column and the fix.

::

    rule       = and {"or" and}
    and        = not {"and" not}
    not        = "not" not | comparison
    comparison = sum {("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in") sum}
    sum        = product {("+" | "-") product}
    product    = sign {("*" | "/" | "%") sign}
    sign       = "-" sign | atom
    atom       = number | text | "true" | "false" | name | function "(" [rule {"," rule}] ")"
               | "[" [rule {"," rule}] "]" | "(" rule ")"
    name       = word {"." word | "[" text "]"}

``a < b < c`` is ``a < b and b < c``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from eachwise.rules.tree import (
    KEYWORDS,
    Arithmetic,
    Call,
    Compare,
    Comparison,
    Expression,
    Joined,
    Listed,
    Minus,
    Name,
    Not,
    Sum,
    Value,
    parts_of,
)

TEXT_CHARS_MAX = 2000
DEPTH_MAX = 32
_DIGITS_MAX = 18
_TOO_DEEP = f"nested deeper than {DEPTH_MAX} levels"

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<sign>==|!=|<=|>=|<(?![>])|>|[-+*/%()\[\],.])",
    re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
# What people bring along from other languages.
_INSTEAD: Final = {
    "&": "write and",
    "|": "write or",
    "!": "write not, or != between two values",
    "=": "write == to compare",
    "<": "write != for unequal",
    "#": "a rule takes no comments",
    "{": "only lists are taken, such as [1, 2]",
}
_WORDS_INSTEAD: Final = {
    **dict.fromkeys(("True", "TRUE"), "write true"),
    **dict.fromkeys(("False", "FALSE"), "write false"),
    **dict.fromkeys(("AND", "And"), "write and"),
    **dict.fromkeys(("OR", "Or"), "write or"),
    **dict.fromkeys(("NOT", "Not"), "write not"),
    **dict.fromkeys(("IN", "In"), "write in"),
    **dict.fromkeys(("is", "IS"), "write == to compare, or has(…) to ask whether a value is known"),
    **dict.fromkeys(("null", "None", "none"), "write has(…) to ask whether a value is known"),
    **dict.fromkeys(("if", "else", "lambda", "for"), "a rule is one condition"),
}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not")


class Fault(Exception):
    """A rule that cannot be taken: ``at`` is the offset (from 0), ``reason`` says what would be right."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Token:
    """``kind``: number, word, text, sign or end."""

    kind: str
    text: str
    at: int

    @property
    def words(self) -> str:
        return "the end" if self.kind == "end" else self.text


def parse(text: str) -> Expression:
    """The tree of a rule. Raises ``Fault``."""
    if len(text) > TEXT_CHARS_MAX:
        raise Fault(TEXT_CHARS_MAX, f"a rule has at most {TEXT_CHARS_MAX} characters")
    tree = _Parser(_tokens(text)).rule()
    _check_height(tree)
    return tree


def _tokens(text: str) -> list[_Token]:
    found = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise Fault(at, _strange(text, at))
        kind = str(token.lastgroup)
        if kind != "space":
            found.append(_Token(kind, token.group(), at))
        at = token.end()
        if kind == "number" and text[at : at + 1].isalnum():
            raise Fault(at, f"{text[at]!r} cannot follow a number")
    return [*found, _Token("end", "", len(text))]


def _strange(text: str, at: int) -> str:
    letter = text[at]
    if letter in "\"'":
        return f"the text that begins here has no closing {letter}"
    if letter.isalpha():
        return f'a name with {letter!r} is written in brackets, such as trait["{letter}…"]'
    fix = _INSTEAD.get(letter)
    return f"unexpected {letter!r}" + (f": {fix}" if fix else "")


class _Parser:
    """Reads the tokens from left to right, by recursive descent; ``_deep`` counts how many levels are open."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._deep = 0

    def rule(self) -> Expression:
        """The whole text as one expression."""
        found = self._or()
        left = self._next
        if left.kind != "end":
            fix = _WORDS_INSTEAD.get(left.text, "an operator such as ==, in, and, or is missing")
            raise Fault(left.at, f"unexpected {left.text!r}: {fix}")
        return found

    # -- tokens --------------------------------------------------------------------------------------------

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _at(self, *texts: str) -> bool:
        return self._next.kind in ("sign", "word") and self._next.text in texts

    def _close(self, sign: str, opened: _Token) -> None:
        if not self._at(sign):
            raise Fault(
                self._next.at, f"expected {sign} to close {opened.text}, found {self._next.words}"
            )
        self._take()

    def _below(self, read: Callable[[], Expression]) -> Expression:
        """Read one level down. Raises ``Fault`` where that is too deep."""
        self._deep += 1
        if self._deep > DEPTH_MAX:
            raise Fault(self._next.at, _TOO_DEEP)
        found = read()
        self._deep -= 1
        return found

    # -- conditions ----------------------------------------------------------------------------------------

    def _or(self) -> Expression:
        at = self._next.at
        parts = [self._and()]
        while self._at("or"):
            self._take()
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts), at)

    def _and(self) -> Expression:
        at = self._next.at
        parts = [self._not()]
        while self._at("and"):
            self._take()
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts), at)

    def _not(self) -> Expression:
        if not self._at("not"):
            return self._comparison()
        at = self._take().at
        return Not(self._below(self._not), at)

    def _comparison(self) -> Expression:
        left = self._sum()
        found: list[Expression] = []
        while self._at(*_COMPARISONS):
            at = self._next.at
            operator = self._comparison_sign()
            right = self._sum()
            found.append(Compare(operator, left, right, at))
            left = right
        if not found:
            return left
        return found[0] if len(found) == 1 else Joined("and", tuple(found), found[0].at)

    def _comparison_sign(self) -> Comparison:
        sign = self._take()
        if sign.text != "not":
            return cast(Comparison, sign.text)
        if not self._at("in"):
            raise Fault(self._next.at, f"expected in after not, found {self._next.words}")
        self._take()
        return "not in"

    # -- values --------------------------------------------------------------------------------------------

    def _sum(self) -> Expression:
        left = self._product()
        while self._at("+", "-"):
            sign = self._take()
            left = Sum(cast(Arithmetic, sign.text), left, self._product(), sign.at)
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while self._at("*", "/", "%"):
            sign = self._take()
            left = Sum(cast(Arithmetic, sign.text), left, self._signed(), sign.at)
        return left

    def _signed(self) -> Expression:
        if not self._at("-"):
            return self._atom()
        at = self._take().at
        if self._next.kind == "number":
            number = _number(self._take())
            return Value(-number, at)
        return Minus(self._below(self._signed), at)

    def _atom(self) -> Expression:
        token = self._take()
        if token.kind == "number":
            return Value(_number(token), token.at)
        if token.kind == "text":
            return Value(_unquoted(token), token.at)
        if token.kind == "word":
            return self._word(token)
        if token.text == "(":
            inside = self._below(self._or)
            self._close(")", token)
            return inside
        if token.text == "[":
            return Listed(self._several("]", token), token.at)
        raise Fault(token.at, f"expected a value or a name, found {token.words}")

    def _word(self, word: _Token) -> Expression:
        if word.text in ("true", "false"):
            return Value(word.text == "true", word.at)
        if word.text in KEYWORDS:
            raise Fault(word.at, f"expected a value or a name, found {word.text}")
        if word.text in _WORDS_INSTEAD:
            raise Fault(word.at, f"unexpected {word.text!r}: {_WORDS_INSTEAD[word.text]}")
        if self._at("("):
            return Call(word.text, self._several(")", self._take()), word.at)
        path = [word.text]
        while self._at(".", "["):
            opened = self._take()
            name = self._take()
            if opened.text == "." and name.kind == "word":
                path.append(name.text)
            elif opened.text == "[" and name.kind == "text":
                path.append(_unquoted(name))
                self._close("]", opened)
            else:
                wanted = "a name" if opened.text == "." else "a text in quotes"
                raise Fault(name.at, f"expected {wanted} after {opened.text!r}, found {name.words}")
        return Name(tuple(path), word.at)

    def _several(self, end: str, opened: _Token) -> tuple[Expression, ...]:
        """Expressions separated by commas, up to the closing sign."""
        parts: list[Expression] = []
        while not self._at(end):
            parts.append(self._below(self._or))
            if not self._at(","):
                break
            self._take()
        self._close(end, opened)
        return tuple(parts)


def _check_height(root: Expression) -> None:
    """Raise ``Fault`` for a tree higher than ``DEPTH_MAX``: a long sum leans to one side and no bracket shows it."""
    level: list[Expression] = [root]
    for _ in range(DEPTH_MAX):
        level = [part for node in level for part in parts_of(node)]
        if not level:
            return
    raise Fault(level[0].at, _TOO_DEEP)


def _number(token: _Token) -> int | float:
    if token.text.isdigit():
        if len(token.text) > _DIGITS_MAX:
            raise Fault(token.at, f"a whole number has at most {_DIGITS_MAX} digits")
        return int(token.text)
    number = float(token.text)
    if math.isinf(number):
        raise Fault(token.at, f"{token.text} is too large")
    return number


def _unquoted(token: _Token) -> str:
    def meant(escape: re.Match[str]) -> str:
        letter = _ESCAPED.get(escape[1])
        if letter is None:
            at = token.at + 1 + escape.start()
            raise Fault(at, f"\\{escape[1]} stands for nothing; write \\\\ for a backslash")
        return letter

    return _ESCAPE.sub(meant, token.text[1:-1])
