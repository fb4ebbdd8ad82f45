"""Jinja2 in a sandbox: templates read the values they are given and can do nothing else, nor run for long.

What is missing raises where it would be printed, so that no mail has a blank in it; asked in an ``if`` it is false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from typing import Any

from jinja2 import Template, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

RANGE_MAX = 100
# Of one part, rendered, and of every value on the way there: made in a row, each would double the one before.
OUTPUT_CHARS_MAX = 500_000
NUMBER_BITS_MAX = 1024
# What a template gets of any list, and of any text, of the person's.
LIST_MAX, TEXT_MAX, DEPTH_MAX = 200, 10_000, 6

_FILTERS = frozenset(
    {
        *("abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape"),
        *("filesizeformat", "first", "float", "int", "items", "join", "last", "length", "list"),
        *("lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select"),
        *("selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim"),
        *("truncate", "unique", "upper", "urlencode", "wordcount"),
    }
)
# Filters whose result grows with what they are given beside the value: with a count, or a text between each two.
_GROWING = frozenset({"batch", "join", "round", "slice"})
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset({"lower", "upper", "title", "capitalize", "strip", "startswith", "endswith"}),
    dict: frozenset({"get", "items", "keys", "values"}),
}


class Missing(Undefined):
    """What is not there: false in a test, unlike anything, an error wherever it would be written or counted."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = __contains__ = Undefined._fail_with_undefined_error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> Any:
        return self


def bounded(value: Any) -> Any:
    """A value as it is. Raises ``SecurityError`` for a text, a list or a number that is too large to go on with."""
    if isinstance(value, str | list) and len(value) > OUTPUT_CHARS_MAX:
        raise SecurityError(f"a value comes out longer than {OUTPUT_CHARS_MAX}")
    if isinstance(value, int) and value.bit_length() > NUMBER_BITS_MAX:
        raise SecurityError("a number comes out too large")
    return value


def _concat(pieces: Iterable[str]) -> str:
    """The text of ``{% set %}…{% endset %}``."""
    found = list(pieces)
    if sum(map(len, found)) > OUTPUT_CHARS_MAX:
        raise SecurityError(f"a text comes out longer than {OUTPUT_CHARS_MAX} characters")
    return "".join(found)


def _filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose result is ``bounded``, and what it is given beside the value too."""
    first = 2 if hasattr(function, "jinja_pass_arg") else 1

    @wraps(function)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        if name in _GROWING and any(map(_large, (*args[first:], *kwargs.values()))):
            raise SecurityError(f"{name}: at most {RANGE_MAX} parts, places or characters")
        return bounded(function(*args, **kwargs))

    return filtered


def _large(given: object) -> bool:
    return (isinstance(given, int) and given > RANGE_MAX) or (
        isinstance(given, str) and len(given) > RANGE_MAX
    )


class _Bounding(CodeGenerator):
    """Jinja2's own, with the text of ``~`` bounded: no hook of the environment is asked for it."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """The call that joins them, in another that looks at its length."""
        self.write("environment.bounded(")
        super().visit_Concat(node, frame)
        self.write(")")


class Sandbox(ImmutableSandboxedEnvironment):
    """Only listed filters, methods and functions; no product of texts, no powers, and texts and numbers bounded at
    each step, so that no few lines fill the memory.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    code_generator_class = _Bounding
    concat = staticmethod(_concat)
    bounded = staticmethod(bounded)

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether a template may call it: what the context holds for that, and a few methods of texts and mappings."""
        if getattr(obj, "for_templates", False):
            return True
        owner = getattr(obj, "__self__", None)
        return any(
            isinstance(owner, kind) and obj.__name__ in names for kind, names in _METHODS.items()
        )

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A mapping's entry comes before its methods: ``event.items`` is what was ordered."""
        if isinstance(obj, dict) and (attribute in obj or attribute not in _METHODS[dict]):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of numbers only, and sums of texts and lists."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not (numbers or operator == "+"):
            raise SecurityError(f"{operator} is for numbers, and ** is not taken")
        return bounded(super().call_binop(context, operator, left, right))


def for_templates(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that templates may call."""
    function.for_templates = True  # type: ignore[attr-defined]
    return function


@for_templates
def _numbers(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > RANGE_MAX:
        raise SecurityError(f"range: at most {RANGE_MAX} numbers")
    return found


@lru_cache(maxsize=2)
def environment(html: bool) -> Sandbox:
    """The environment of HTML parts (values are escaped) or of text parts."""
    # Not optimised: that computes what is constant again for each expression that it is a part of.
    made = Sandbox(
        autoescape=html,
        undefined=Missing,
        keep_trailing_newline=False,
        trim_blocks=True,
        optimized=False,
    )
    made.filters = {name: _filter(name, made.filters[name]) for name in _FILTERS}
    made.globals = {"range": _numbers}
    return made


@lru_cache(maxsize=512)
def compiled(source: str, html: bool) -> Template:
    """A template ready to render. Raises ``TemplateSyntaxError``."""
    return environment(html).from_string(source)


def plain(value: Any, depth: int = 0) -> Any:
    """A value as templates see it: nulls and blank texts are missing, long lists and texts are cut."""
    if isinstance(value, str):
        return value[:TEXT_MAX]
    if isinstance(value, Mapping):
        if depth >= DEPTH_MAX:
            return {}
        return {str(key): plain(each, depth + 1) for key, each in value.items() if not _blank(each)}
    if isinstance(value, list | tuple):
        if depth >= DEPTH_MAX:
            return []
        return [plain(each, depth + 1) for each in value[:LIST_MAX] if not _blank(each)]
    return value


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
