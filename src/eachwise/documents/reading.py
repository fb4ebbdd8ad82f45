"""YAML or JSON text → plain data that knows the line of each of its parts.

Scalars follow YAML 1.2's core schema: only ``true`` and ``false`` are flags (``no`` is a word, as
for Norway), and a date stays the text it is. Anchors and aliases are refused: a few lines of them
can stand for gigabytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
import yaml

from eachwise.contracts.errors import InvalidInput, TooLarge

DOCUMENT_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 32

Path = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_PENDING = object()


@dataclass(slots=True)
class Document:
    """Plain data and, by path, each part's line (from 1); an entry stands at its key."""

    data: object
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int | None:
        """The line of this part, else of the nearest part around it; None without lines."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def fault(self, path: Path, reason: str) -> InvalidInput:
        """The error for one part: ``line 12: experiences[3].lever: must be …``."""
        name = path_text(path)
        line = self.line_of(path)
        at = f"line {line}: " if line is not None else ""
        return InvalidInput(f"{at}{name or 'document'}: {reason}", field=name)


def path_text(path: Path) -> str:
    """A path as people write it: ``experiences[3].lever``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come; ``key`` waits for its value."""

    path: Path
    value: list[Any] | dict[str, Any]
    key: object = _PENDING


def read_document(text: str | bytes) -> Document:
    """Read one YAML or JSON document. Raises ``InvalidInput`` with the line, or ``TooLarge``."""
    body = text.encode() if isinstance(text, str) else text
    if len(body) > DOCUMENT_BYTES_MAX:
        reason = f"document: has {len(body)} bytes; at most {DOCUMENT_BYTES_MAX} are taken"
        raise TooLarge(reason, field="document")
    try:
        return _Reader(body).document
    except yaml.YAMLError as error:
        if body.lstrip()[:1] == b"{":  # JSON escapes that YAML 1.1 does not know
            try:
                return Document(msgspec.json.decode(body))
            except msgspec.DecodeError:
                pass
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InvalidInput(f"{at}document: not valid YAML: {problem}", field="document") from None
    except UnicodeDecodeError:
        raise InvalidInput("document: not valid UTF-8", field="document") from None


class _Reader:
    """Builds the data from YAML's events with its own stack, so depth costs no recursion."""

    def __init__(self, body: bytes) -> None:
        self.document = Document(None)
        self._open: list[_Open] = []
        self._documents = 0
        for event in yaml.parse(body, Loader=_LOADER):
            self._take(event)

    def _take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if getattr(event, "anchor", None) is not None:
            at = self._open[-1].path if self._open else ()
            reason = "anchors (&name) and aliases (*name) are not taken: write the value out"
            raise InvalidInput(
                f"line {line}: {path_text(at) or 'document'}: {reason}", field=path_text(at)
            )
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise InvalidInput(f"line {line}: document: only one is taken", field="document")
        elif isinstance(event, yaml.ScalarEvent):
            self._place(_scalar(event), line)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([], line)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({}, line)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._open.pop()

    def _begin(self, value: list[Any] | dict[str, Any], line: int) -> None:
        if len(self._open) >= DEPTH_MAX:
            raise InvalidInput(
                f"line {line}: document: nested deeper than {DEPTH_MAX}", field="document"
            )
        self._open.append(_Open(self._place(value, line), value))

    def _place(self, value: Any, line: int) -> Path:
        """Put a value where the innermost open part expects it; returns its path."""
        if not self._open:
            self.document.data = value
            self.document.lines[()] = line
            return ()
        inner = self._open[-1]
        if isinstance(inner.value, list):
            path: Path = (*inner.path, len(inner.value))
            inner.value.append(value)
            self.document.lines[path] = line
            return path
        if inner.key is _PENDING:
            inner.key = self._key(inner, value, line)
            return inner.path
        key = str(inner.key)
        inner.value[key] = value
        inner.key = _PENDING
        return (*inner.path, key)

    def _key(self, inner: _Open, key: object, line: int) -> str:
        name = path_text(inner.path) or "document"
        if isinstance(key, list | dict) or key is None:
            raise InvalidInput(f"line {line}: {name}: a key must be a word", field=name)
        if not isinstance(key, str):
            reason = f'the key {key} must be a string: write "{key}"'
            raise InvalidInput(f"line {line}: {name}: {reason}", field=name)
        path = (*inner.path, key)
        if path in self.document.lines:
            first = self.document.lines[path]
            reason = f"stands twice, first on line {first}"
            raise InvalidInput(f"line {line}: {path_text(path)}: {reason}", field=path_text(path))
        self.document.lines[path] = line
        return key


def _scalar(event: Any) -> Any:
    """A scalar by YAML 1.2's core schema; whatever is quoted or tagged is text."""
    text: str = event.value
    if not event.implicit[0] or event.style:
        return text
    lowered = text.lower()
    if lowered in _WORDS and text in (lowered, lowered.capitalize(), text.upper()):
        return _WORDS[lowered]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
