"""One mapping of a journeys document: its keys read one by one, every refusal with line, path and fix."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from eachwise.contracts.errors import InvalidInput
from eachwise.documents import Document, Path, kind_of, name_fault, nearest
from eachwise.journeys.scope import name_of, rule_of
from eachwise.journeys.words import parse_duration, parse_share

LIST_MAX = 200
BODY_DEPTH_MAX = 32
_Word = TypeVar("_Word", bound=str)
_Read = TypeVar("_Read")


class Part:
    """A mapping at a path. Each method reads one key, or raises ``InvalidInput`` that says what would be right."""

    def __init__(self, document: Document, path: Path, raw: object, known: Sequence[str]) -> None:
        self.document, self.path = document, path
        if not isinstance(raw, dict):
            raise document.fault(
                path, f"must be a mapping with {', '.join(known)}, not {kind_of(raw)}"
            )
        for name in raw:
            if name not in known:
                hint = nearest(str(name), known)
                reason = f"unknown key{hint}; known: {', '.join(known)}"
                raise document.fault((*path, str(name)), reason)
        # Every key that is there, also those without a value, which count as not given.
        self.all: tuple[str, ...] = tuple(raw)
        self.raw: dict[str, Any] = {name: each for name, each in raw.items() if each is not None}

    def __contains__(self, name: str) -> bool:
        return name in self.raw

    def fault(self, reason: str, *below: str | int) -> InvalidInput:
        """The refusal of what stands at this path below the part."""
        return self.document.fault((*self.path, *below), reason)

    def required(self, name: str, example: str) -> None:
        """Raises unless the key is there."""
        if name not in self.raw:
            raise self.fault(f"{name} is required, such as {name}: {example}")

    def text(self, name: str) -> str:
        """A text; "" where there is none."""
        value = self.raw.get(name, "")
        if not isinstance(value, str):
            raise self.fault(f"must be a string, not {kind_of(value)}", name)
        return value

    def named(self, name: str) -> str:
        """An id or a name; "" where there is none."""
        if name not in self.raw:
            return ""
        text = self.text(name)
        if fault := name_fault(text):
            raise self.fault(fault, name)
        return text

    def one_of(self, name: str, words: Sequence[_Word], default: _Word) -> _Word:
        """One of these words."""
        value = self.raw.get(name, default)
        for word in words:
            if value == word:
                return word
        hint = nearest(value, words) if isinstance(value, str) else ""
        raise self.fault(f"must be one of {', '.join(words)}, not {value!r}{hint}", name)

    def flag(self, name: str) -> bool:
        """True or false; false where there is none."""
        value = self.raw.get(name, False)
        if not isinstance(value, bool):
            raise self.fault(f"must be true or false, not {kind_of(value)}", name)
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number in a range."""
        value = self.raw.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fault(f"must be a whole number from {least} to {most}", name)
        return value

    def seconds(self, name: str, default: int) -> int:
        """A duration in seconds."""
        return self.read(name, parse_duration, default, "a duration such as 90s, 30m, 1h, 2d or 1w")

    def share(self, name: str, default: float) -> float:
        """A share, 0 to 1."""
        try:
            return parse_share(self.raw.get(name, default))
        except ValueError as error:
            raise self.fault(str(error), name) from None

    def read(self, name: str, how: Callable[[str], _Read], default: _Read, example: str) -> _Read:
        """A text as ``how`` reads it; ``how`` raises ``ValueError`` with the reason."""
        if name not in self.raw:
            return default
        value = self.raw[name]
        if not isinstance(value, str):
            raise self.fault(f"must be {example}, not {kind_of(value)}", name)
        try:
            return how(value)
        except ValueError as error:
            raise self.fault(str(error), name) from None

    def rule(self, name: str) -> str:
        """A rule's text, checked; "" where there is none."""
        if name not in self.raw:
            return ""
        text = self.raw[name]
        if not isinstance(text, str) or not text.strip():
            reason = 'must be a rule such as "event.value >= 20"'
            raise self.fault(f"{reason}, not {kind_of(text) if text != '' else 'empty'}", name)
        try:
            rule_of(text)
        except InvalidInput as error:
            raise self.fault(error.message, name) from None
        return text

    def known(self, name: str, known: Collection[str], what: str) -> str:
        """The id of something that is there; "" where none is given."""
        found = self.named(name)
        if found and found not in known:
            listed = ", ".join(sorted(known)) or "none yet"
            reason = f"unknown {what} {found!r}{nearest(found, known)}; known: {listed}"
            raise self.fault(reason, name)
        return found

    def listed(self, name: str, example: str) -> list[Any]:
        """A list of at most 200; empty where there is none."""
        value = self.raw.get(name, [])
        if not isinstance(value, list):
            raise self.fault(f"must be a list such as {example}, not {kind_of(value)}", name)
        if len(value) > LIST_MAX:
            raise self.fault(f"has {len(value)} entries; at most {LIST_MAX} are taken", name)
        return value

    def body(self, name: str) -> dict[str, Any]:
        """A mapping of plain data in which ``{from: NAME}`` stands for what a name stands for."""
        value = self.raw.get(name, {})
        if not isinstance(value, dict):
            raise self.fault(f"must be a mapping, not {kind_of(value)}", name)
        if set(value) == {"from"}:
            raise self.fault("must be a mapping of names and values, not one {from: …}", name)
        self._check_plain(value, (name,), 1)
        return value

    def _check_plain(self, value: object, below: Path, depth: int) -> None:
        if depth > BODY_DEPTH_MAX:
            raise self.fault(f"nested deeper than {BODY_DEPTH_MAX}", *below)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.fault("must be a finite number", *below)
        if isinstance(value, list):
            for position, each in enumerate(value):
                self._check_plain(each, (*below, position), depth + 1)
        elif isinstance(value, dict):
            if set(value) == {"from"}:
                self._check_from(value["from"], (*below, "from"))
                return
            for name, each in value.items():
                self._check_plain(each, (*below, str(name)), depth + 1)

    def _check_from(self, name: object, below: Path) -> None:
        if not isinstance(name, str):
            raise self.fault('must be one name such as "event.order_id"', *below)
        try:
            name_of(name)
        except InvalidInput as error:
            raise self.fault(error.message, *below) from None
