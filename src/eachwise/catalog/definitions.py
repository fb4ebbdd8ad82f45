"""The operator's experiences and placements: every refusal says where, and what would be right."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from eachwise.catalog.contact import CONTACT, cap_faults, contact_policy, hours_fault
from eachwise.catalog.items import attributes_fault
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import (
    LEVER_MAX,
    LEVER_MIN,
    OUTBOUND_CHANNELS,
    SILENCE,
    Definitions,
    Experience,
    Placement,
    Template,
)
from eachwise.documents import (
    Document,
    Misfit,
    Path,
    convert,
    kind_of,
    name_fault,
    nearest,
    read_document,
)
from eachwise.maths.times import parse_time_us
from eachwise.rules import ELIGIBILITY, rule

COUNT_MAX = 100  # items of one experience or placement
# The experiences that are gone, and of a group, that are remembered: the newest.
GONE_MAX = 1000

_Defined = TypeVar("_Defined", bound=Experience | Placement | Template)
Fault = tuple[Path, str]

_IDS: Final[dict[type[Any], str]] = {
    Experience: "experience_id",
    Placement: "placement_id",
    Template: "template_id",
}
_NAMES: Final[dict[type[Any], str]] = {
    Experience: "experiences",
    Placement: "placements",
    Template: "templates",
}


def parse_definitions(text: str | bytes, *, known_placements: Collection[str] = ()) -> Definitions:
    """Read YAML or JSON with top-level ``placements`` and/or ``experiences``, each a list.

    An experience may name the document's placements and the ``known_placements``. Version 0: the
    caller counts. Raises ``InvalidInput``, such as ``line 12: experiences[3].lever: must be between
    0.1 and 10``.
    """
    document = read_document(text)
    names = (*_NAMES.values(), CONTACT)
    if not isinstance(document.data, dict):
        raise document.fault((), f"must have {' and/or '.join(names)} at its top level")
    for name in document.data:
        if name not in names:
            raise document.fault(
                (name,), f"unknown key{nearest(name, names)}; known: {', '.join(names)}"
            )
    placements = _defined(document, document.data.get("placements"), Placement)
    experiences = _defined(document, document.data.get("experiences"), Experience)
    templates = _defined(document, document.data.get("templates"), Template)
    _check_placements(document, experiences, {*placements, *known_placements})
    return Definitions(
        placements=placements,
        experiences=experiences,
        templates=templates,
        contact=contact_policy(document, document.data.get(CONTACT)),
    )


def placements_from(raw: object) -> dict[str, Placement]:
    """Placements by id from decoded JSON: a list, or an object with ``placements``."""
    document = _document(raw, "placements")
    return _defined(document, _listed(document, "placements"), Placement)


def experiences_from(
    raw: object, *, known_placements: Collection[str] = ()
) -> dict[str, Experience]:
    """Experiences by id from decoded JSON: a list, or an object with ``experiences``."""
    document = _document(raw, "experiences")
    found = _defined(document, _listed(document, "experiences"), Experience)
    _check_placements(document, found, known_placements)
    return found


def definitions_as_json(definitions: Definitions) -> dict[str, Any]:
    """Plain data that ``parse_definitions`` reads back to the same placements and experiences."""
    return {
        "version": definitions.version,
        "placements": msgspec.to_builtins(list(definitions.placements.values())),
        "experiences": msgspec.to_builtins(list(definitions.experiences.values())),
        "templates": msgspec.to_builtins(list(definitions.templates.values())),
        "contact": msgspec.to_builtins(definitions.contact),
    }


def groups_gone(before: Definitions, now: Definitions) -> dict[str, str]:
    """The groups of experiences that were declared and are no longer, oldest first."""
    gone = dict(before.groups_gone)
    for experience_id, experience in before.experiences.items():
        if experience.group:
            gone[experience_id] = experience.group
    found = [(each, group) for each, group in gone.items() if each not in now.experiences]
    return dict(found[-GONE_MAX:])


def _document(raw: object, name: str) -> Document:
    """Decoded data as a document without lines, in the shape that a file has."""
    return Document(raw if isinstance(raw, dict) else {name: raw})


def _listed(document: Document, name: str) -> object:
    assert isinstance(document.data, dict)
    for key in document.data:
        if key != name:
            raise document.fault((str(key),), f"unknown key; send a list, or an object with {name}")
    return document.data.get(name, {})


def _defined(document: Document, raw: object, kind: type[_Defined]) -> dict[str, _Defined]:
    """Each definition by its id, in the order given; None means that there are none."""
    name, id_name = _NAMES[kind], _IDS[kind]
    if raw is None:
        return {}
    if not isinstance(raw, list):
        raise document.fault(
            (name,), f"must be a list, each with its {id_name}, not {kind_of(raw)}"
        )
    found: dict[str, _Defined] = {}
    for position, one in enumerate(raw):
        path: Path = (name, position)
        defined = _converted(document, path, one, kind)
        fault = next(_faults(defined), None)
        if fault is not None:
            raise document.fault((*path, *fault[0]), fault[1])
        identifier = str(getattr(defined, id_name))
        if identifier in found:
            reason = f"{identifier!r} is defined twice: ids must differ"
            raise document.fault((*path, id_name), reason)
        found[identifier] = defined
    return found


def _converted(document: Document, path: Path, raw: object, kind: type[_Defined]) -> _Defined:
    if not isinstance(raw, dict):
        reason = f"must be a mapping with its {_IDS[kind]}, not {kind_of(raw)}"
        raise document.fault(path, reason)
    for below, attributes in _attributes_in(raw):
        if fault := attributes_fault(attributes):
            raise document.fault((*path, *below, *fault[0]), fault[1])
    try:
        return convert(raw, kind)
    except Misfit as misfit:
        raise document.fault((*path, *misfit.path), misfit.reason) from None


def _attributes_in(raw: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """The attributes of an experience and of its item query, where there are any, before conversion."""
    if "attributes" in raw:
        yield ("attributes",), raw["attributes"]
    query = raw.get("items")
    if isinstance(query, dict):
        for name in ("where", "exclude"):
            if name in query:
                yield ("items", name), query[name]


def _check_placements(
    document: Document, experiences: Mapping[str, Experience], known: Collection[str]
) -> None:
    """Every placement that an experience names is known."""
    for position, experience in enumerate(experiences.values()):
        for place, name in enumerate(experience.placements):
            if name not in known:
                listed = ", ".join(sorted(known)) or "none yet"
                reason = f"unknown placement {name!r}{nearest(name, known)}; known: {listed}"
                raise document.fault(("experiences", position, "placements", place), reason)


def _faults(defined: Experience | Placement | Template) -> Iterator[Fault]:
    if isinstance(defined, Placement):
        yield from _placement_faults(defined)
    elif isinstance(defined, Template):
        if fault := name_fault(defined.template_id):
            yield ("template_id",), fault
    else:
        yield from _experience_faults(defined)


def _placement_faults(placement: Placement) -> Iterator[Fault]:
    if fault := name_fault(placement.placement_id):
        yield ("placement_id",), fault
    if fault := name_fault(placement.purpose):
        yield ("purpose",), fault
    if not 1 <= placement.count <= COUNT_MAX:
        yield ("count",), f"must be between 1 and {COUNT_MAX}"
    for name in ("outcome_window_s", "reserve_s"):
        if getattr(placement, name) < 1:
            yield (name,), "must be at least 1 second"
    if not (math.isfinite(placement.cost) and placement.cost >= 0):
        yield ("cost",), "must be a number of at least 0"
    if placement.sticky_s < 0:
        yield ("sticky_s",), "must be at least 0 seconds"
    if placement.quiet_hours and (fault := hours_fault(placement.quiet_hours)):
        yield ("quiet_hours",), fault
    if placement.transactional and placement.channel not in OUTBOUND_CHANNELS:
        listed = ", ".join(sorted(OUTBOUND_CHANNELS))
        yield ("transactional",), f"is for outbound channels ({listed}), not {placement.channel}"
    yield from cap_faults(placement.caps)


def _experience_faults(experience: Experience) -> Iterator[Fault]:
    if fault := name_fault(experience.experience_id):
        yield ("experience_id",), fault
    if experience.experience_id == SILENCE:
        yield ("experience_id",), f"{SILENCE!r} is always a candidate and cannot be defined"
    if not experience.placements:
        yield ("placements",), "must name at least one placement, else it can never appear"
    if len(set(experience.placements)) < len(experience.placements):
        yield ("placements",), "names a placement twice"
    if experience.group and (fault := name_fault(experience.group)):
        yield ("group",), fault
    yield from _money_faults(experience)
    yield from _budget_faults(experience)
    yield from _query_faults(experience)
    yield from _eligibility_faults(experience)
    yield from cap_faults(experience.caps)
    for position, cap in enumerate(experience.caps):
        if cap.of == "group" and not experience.group:
            yield (
                ("caps", position, "of"),
                "counts the group, and the experience has none: name one",
            )
    yield from _time_faults(experience)


def _money_faults(experience: Experience) -> Iterator[Fault]:
    if not LEVER_MIN <= experience.lever <= LEVER_MAX:
        yield ("lever",), f"must be between {LEVER_MIN:g} and {LEVER_MAX:g}"
    for name in ("value", "margin", "cost"):
        amount = getattr(experience, name)
        if not (math.isfinite(amount) and amount >= 0):
            yield (name,), "must be a number of at least 0"


def _budget_faults(experience: Experience) -> Iterator[Fault]:
    for position, budget in enumerate(experience.budgets):
        if not (math.isfinite(budget.limit) and budget.limit > 0):
            yield ("budgets", position, "limit"), "must be a number above 0"
        if budget.window_s < 0:
            yield (
                ("budgets", position, "window_s"),
                "must be at least 1 second, or 0 for a stock that is used up once",
            )
        if any(
            (each.unit, each.window_s) == (budget.unit, budget.window_s)
            for each in experience.budgets[:position]
        ):
            yield (
                ("budgets", position),
                "an earlier one has the same unit and window: keep the one with the smaller limit",
            )


def _query_faults(experience: Experience) -> Iterator[Fault]:
    query = experience.items
    if query is None:
        if experience.kind == "list":
            yield (
                ("items",),
                "is required for kind list: which items, such as {where: {category: fish}}",
            )
        return
    if not 1 <= query.count <= COUNT_MAX:
        yield ("items", "count"), f"must be between 1 and {COUNT_MAX}"
    for name in ("where", "exclude"):
        attributes = getattr(query, name)
        for attribute, values in attributes.items():
            if values == []:
                yield ("items", name, attribute), "must name at least one value"


def _eligibility_faults(experience: Experience) -> Iterator[Fault]:
    for name in ("traits", "context"):
        for key, values in getattr(experience.eligibility, name).items():
            if not values:
                yield (
                    ("eligibility", name, key),
                    "must list at least one value, else nobody is eligible",
                )
    when = experience.eligibility.when
    if when:
        try:
            rule(when, ELIGIBILITY)
        except InvalidInput as error:
            yield ("eligibility", "when"), f"of {experience.experience_id!r}: {error}"


def _time_faults(experience: Experience) -> Iterator[Fault]:
    times: dict[str, int] = {}
    for name in ("starts_at", "ends_at"):
        text = getattr(experience, name)
        if text is None:
            continue
        try:
            times[name] = parse_time_us(text)
        except (ValueError, OverflowError):
            yield (name,), 'must be an ISO 8601 time such as "2026-05-01T08:00:00Z" or a date'
            return
    if len(times) == 2 and times["ends_at"] <= times["starts_at"]:
        yield ("ends_at",), f"must lie after starts_at ({experience.starts_at})"
