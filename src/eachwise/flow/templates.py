"""Templates are checked when the definitions are put: what may be missing is an error then, and no blank later."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from eachwise.catalog import parse_definitions
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import Definitions, Placement, Template
from eachwise.deliver import Fault, template_faults
from eachwise.documents import Document, Path, read_document


def read_definitions(
    text: str | bytes,
    *,
    known_placements: Mapping[str, Placement] | None = None,
    known_templates: Mapping[str, Template] | None = None,
) -> Definitions:
    """Definitions from YAML or JSON, their templates checked. Raises ``InvalidInput`` naming line and fix.

    Experiences may name placements and templates that are known besides.
    """
    found = parse_definitions(text, known_placements=known_placements or {})
    whole = msgspec.structs.replace(
        found,
        placements={**(known_placements or {}), **found.placements},
        templates={**(known_templates or {}), **found.templates},
    )
    fault = next(template_faults(whole), None)
    if fault is not None:
        raise _placed(fault, found, read_document(text))
    return found


def check_templates(definitions: Definitions) -> None:
    """Raise ``InvalidInput`` for the first template at fault."""
    fault = next(template_faults(definitions), None)
    if fault is not None:
        raise _placed(fault, definitions, Document(None))


def _placed(fault: Fault, definitions: Definitions, document: Document) -> InvalidInput:
    """The fault at its place in the document; a block of text begins on the line after its key."""
    section, identifier, *rest = fault.path
    listed: Collection[str] = (
        definitions.templates if section == "templates" else definitions.experiences
    )
    names = list(listed)
    if identifier not in names:  # of what is known besides: it was checked when it was put
        return InvalidInput(f"{section}: {identifier!r}: {fault.reason}", field=str(section))
    path: Path = (str(section), names.index(str(identifier)), *rest)
    at = f"line {fault.line} of the template: " if fault.line else ""
    return document.fault(path, f"of {identifier!r}: {at}{fault.reason}")
