"""The mapping file: which column of a table is which field of an event."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping as Map
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from eachwise.cli.feeds.rows import unreadable
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import EventKind
from eachwise.documents import Document, Misfit, convert, read_document

FieldType = Literal["plain", "text", "number", "integer", "boolean", "list"]

PLAIN_FIELDS = (
    *("userId", "anonymousId", "previousId", "groupId", "messageId"),
    *("timestamp", "event", "name"),
)
# ``properties.order_id``, ``context.page.url``; ``product.price`` goes into the event's list of products.
HOLDERS = ("properties", "traits", "context", "product")
_HELD = re.compile(rf"(?:{'|'.join(HOLDERS)})(?:\.[^.\s][^.]*)+")
EPOCHS: dict[str, int] = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the mapping: immutable, no unknown keys."""


class Column(_Part, frozen=True):
    """Where a column goes, and what it holds.

    type:      ``plain`` leaves a value as the file has it: a text in a CSV
    values:    what the column says → what the field is to hold; anything else is refused. Empty: as it is
    separator: between the entries of a ``list``
    """

    field: str
    type: FieldType = "plain"
    values: dict[str, str] = {}
    separator: str = ";"


class Time(_Part, frozen=True):
    """How ``timestamp`` is written: ``iso``, ``epoch_s``, ``epoch_ms``, ``epoch_us``, or as ``strptime`` has it.

    ``zone`` holds for times that name none, such as ``Europe/Berlin``.
    """

    format: str = "iso"
    zone: str = "UTC"


class Csv(_Part, frozen=True):
    """How a CSV is written.

    ``delimiter``: one sign; default a comma, in a ``.tsv`` a tab. ``quote``: around cells that hold one; empty: quotes
    mean nothing. ``decimal``: ``.`` or ``,``.
    """

    delimiter: str = ""
    quote: str = '"'
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."


class Mapping(_Part, frozen=True):
    """The whole mapping file. See docs/how-to/import-history.md.

    columns:   column → where it goes
    constants: field → what every event holds there
    group_by:  a column: consecutive rows that agree in it are one event with several products
    """

    columns: dict[str, Column]
    type: EventKind = "track"
    event: str = ""
    constants: dict[str, Any] = {}
    time: Time = Time()
    group_by: str = ""
    csv: Csv = Csv()


def read_mapping(file: Path) -> tuple[Mapping, bytes]:
    """A mapping file, checked; and its bytes. Raises ``InvalidInput`` with the line and the key."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from None
    try:
        return parse_mapping(body), body
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error.message}", field=error.field) from None


def parse_mapping(body: bytes) -> Mapping:
    """A mapping of its YAML or JSON text. Raises ``InvalidInput`` with the line and the key."""
    document = read_document(body)
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("columns"), dict):
        raise document.fault(("columns",), "is missing: it says which column is which field")
    columns = {name: _column(name, raw, document) for name, raw in data["columns"].items()}
    try:
        mapping = convert({**data, "columns": {}}, Mapping)
    except Misfit as misfit:
        raise document.fault(misfit.path, misfit.reason) from None
    mapping = msgspec.structs.replace(mapping, columns=columns)
    _check_fields(mapping, document)
    _check_time(mapping.time, document)
    _check_csv(mapping.csv, document)
    return mapping


def _column(name: str, raw: object, document: Document) -> Column:
    if isinstance(raw, str):
        return Column(field=raw)
    if not isinstance(raw, dict):
        reason = "must be a field such as userId, or a mapping with `field`"
        raise document.fault(("columns", name), reason)
    try:
        return convert(raw, Column)
    except Misfit as misfit:
        raise document.fault(("columns", name, *misfit.path), misfit.reason) from None


def _check_fields(mapping: Mapping, document: Document) -> None:
    fields: list[str] = []
    for name, rule in mapping.columns.items():
        _check_field(rule.field, ("columns", name), document)
        if rule.field in fields or rule.field in mapping.constants:
            raise document.fault(("columns", name), f"{rule.field} is filled twice")
        fields.append(rule.field)
        if rule.type == "list" and not rule.separator:
            raise document.fault(("columns", name, "separator"), "must not be empty")
    for name in mapping.constants:
        _check_field(name, ("constants", name), document)
        if name.startswith("product."):
            raise document.fault(("constants", name), "a product's fields come from columns")
    filled = {*fields, *mapping.constants}
    for field in filled:
        inner = next((one for one in filled if one.startswith(f"{field}.")), None)
        if inner is not None:
            raise document.fault(("columns",), f"{field} cannot hold a value and {inner} too")
    if not {"userId", "anonymousId"} & filled:
        raise document.fault(
            ("columns",), "no column is userId or anonymousId: whose are the events?"
        )
    if mapping.type == "track" and not mapping.event and "event" not in filled:
        raise document.fault(("event",), "is missing: the name of the events, or a column for it")
    if mapping.event and "event" in filled:
        raise document.fault(("event",), "is filled twice: here, and by a column or a constant")


def _check_field(field: str, path: tuple[str, ...], document: Document) -> None:
    if field in PLAIN_FIELDS or _HELD.fullmatch(field):
        return
    known = ", ".join((*PLAIN_FIELDS, *(f"{holder}.NAME" for holder in HOLDERS)))
    raise document.fault(path, f"{field!r} is no field of an event; known: {known}")


def _check_time(time: Time, document: Document) -> None:
    try:
        ZoneInfo(time.zone)
    except (ValueError, OSError, KeyError):
        raise document.fault(
            ("time", "zone"), f"{time.zone!r} is no time zone that this machine knows"
        ) from None
    if time.format != "iso" and time.format not in EPOCHS and "%" not in time.format:
        known = ", ".join(("iso", *EPOCHS))
        raise document.fault(
            ("time", "format"), f"must be one of {known}, or a pattern such as %d.%m.%Y %H:%M"
        )


def _check_csv(csv: Csv, document: Document) -> None:
    for name, sign in (("delimiter", csv.delimiter), ("quote", csv.quote)):
        if len(sign) > 1:
            raise document.fault(("csv", name), "must be one sign, or empty")
    try:
        codecs.lookup(csv.encoding)
    except LookupError:
        raise document.fault(
            ("csv", "encoding"), f"{csv.encoding!r} is no encoding; try utf-8, latin-1, cp1252"
        ) from None


def put(event: dict[str, Any], field: str, value: object) -> None:
    """Put a value where a dotted field says, in place."""
    *holders, name = field.split(".")
    for holder in holders:
        event = event.setdefault(holder, {})
    event[name] = value


Cells = Map[str, Any]
