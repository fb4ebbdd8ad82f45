"""Plain data → a struct of the contracts, with the refusal's path and words for people."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec

from eachwise.documents.names import nearest
from eachwise.documents.reading import Path

_Struct = TypeVar("_Struct", bound=msgspec.Struct)

# msgspec's own words, as of 0.18 to 0.21: "Expected `int`, got `str` - at `$.caps[0].count`"
_MESSAGE = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]")
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`$")
_EXPECTED = re.compile(r"^Expected `(?P<wanted>[^`]+)`, got `(?P<given>[^`]+)`$")
_REQUIRED = re.compile(r"missing required field `(?P<name>[^`]+)`$")
_ENUM = re.compile(r"^Invalid enum value (?P<given>.*)$")
_TYPES: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
}


class Misfit(Exception):
    """Plain data does not fit a struct; ``path`` is below the data that was given."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def convert(raw: dict[str, Any], kind: type[_Struct]) -> _Struct:
    """The struct that the data describes. Raises ``Misfit``."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        match = _MESSAGE.match(str(error))
        reason, below = (match["reason"], match["path"]) if match else (str(error), "")
        path = _path((below or "").replace("[...]", ""))
        unknown = _UNKNOWN.search(reason)
        if unknown:
            known = _annotation(kind, path).__struct_fields__
            hint = nearest(unknown["name"], known)
            path = (*path, unknown["name"])
            raise Misfit(path, f"unknown key{hint}; known: {', '.join(known)}") from None
        raise Misfit(path, _in_words(reason, kind, path)) from None


def _path(text: str) -> Path:
    """``.caps[0].count`` as its steps; a mapping's key, which msgspec does not say, is left out."""
    steps: list[str | int] = []
    for step in _STEP.finditer(text):
        steps.append(int(step["index"]) if step["index"] else step["name"])
    return tuple(steps)


def _in_words(reason: str, kind: type[msgspec.Struct], path: Path) -> str:
    """A type error as an instruction."""
    if match := _EXPECTED.match(reason):
        wanted = [_TYPES.get(one.strip(), one.strip()) for one in match["wanted"].split("|")]
        return f"must be {' or '.join(wanted)}, not {_TYPES.get(match['given'], match['given'])}"
    if match := _REQUIRED.search(reason):
        return f"{match['name']} is required"
    if match := _ENUM.match(reason):
        words = get_args(_annotation(kind, path))
        return f"must be one of {', '.join(map(str, words))}, not {match['given']}"
    return reason


def _annotation(kind: type[msgspec.Struct], path: Path) -> Any:
    """The struct or the literal at a path below ``kind``."""
    found: Any = kind
    for step in path:
        if isinstance(step, str):
            types = {one.name: one.type for one in msgspec.structs.fields(found)}
            found = _leaf(types[step])
    return found


def _leaf(annotation: Any) -> Any:
    """The struct or literal inside an annotation such as ``ItemQuery | None`` or ``list[Cap]``; a literal first."""
    if get_origin(annotation) is Literal or not get_args(annotation):
        return annotation
    leaves = [one for part in get_args(annotation) if (one := _leaf(part)) is not type(None)]
    words = (one for one in leaves if get_origin(one) is Literal)
    return next(words, leaves[0] if leaves else annotation)
