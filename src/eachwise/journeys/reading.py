"""YAML or JSON → journeys. Each refusal names line, path and fix: ``line 12: journeys[0].steps[2].wait: must be …``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from eachwise.contracts.experience import STAGES, Experience, Placement, Stage
from eachwise.contracts.journey import (
    CatalogChange,
    Entry,
    Exit,
    Goal,
    Journey,
    Schedule,
    Step,
)
from eachwise.documents import Document, Path, kind_of, nearest, read_document
from eachwise.journeys.feeding import ROOT, Beside, check_feeding
from eachwise.journeys.part import LIST_MAX, Part
from eachwise.journeys.steps import Defined, read_step
from eachwise.journeys.way import check_way
from eachwise.journeys.words import MIDNIGHT, parse_duration, parse_moment
from eachwise.maths.zones import zone_named

HOLDOUT_MAX = 0.9
PEOPLE_MAX = 1_000_000
KEYS: Final = (
    *("journey_id", "title", "goal", "entry", "reentry", "holdout", "exits", "on_edit"),
    *("paused", "version", "steps"),
)
GOAL_KEYS: Final = ("event", "stage", "when", "within")
EXIT_KEYS: Final = ("event", "when", "reason")
BEGINS: Final = ("event", "stage", "schedule", "catalog", "api")
ENTRY_KEYS: Final = (*BEGINS, "key", "when", "drop_min", "people_max")
_CHANGES: Final[tuple[CatalogChange, ...]] = get_args(CatalogChange)
_GOAL, _ENTRY = Goal(), Entry()
_ALONE = Beside()


def parse_journeys(
    text: str | bytes,
    *,
    placements: Mapping[str, Placement],
    experiences: Mapping[str, Experience],
    beside: Beside = _ALONE,
) -> dict[str, Journey]:
    """Journeys by id, of YAML or JSON with a top-level list ``journeys`` (docs/reference/journeys.md).

    Steps may name these placements and experiences. ``beside``: what the journeys must not go round with for ever.
    Versions are as written (0 where none is): the engine counts.
    Raises ``InvalidInput``, or ``TooLarge``.
    """
    return _read(read_document(text), Defined(placements, experiences), beside)


def journeys_from(
    raw: object,
    *,
    placements: Mapping[str, Placement],
    experiences: Mapping[str, Experience],
    beside: Beside = _ALONE,
) -> dict[str, Journey]:
    """The same of decoded JSON: a list, or an object with ``journeys``; refusals have no line."""
    document = Document(raw if isinstance(raw, dict) else {ROOT: raw})
    return _read(document, Defined(placements, experiences), beside)


def _read(document: Document, defined: Defined, beside: Beside) -> dict[str, Journey]:
    if not isinstance(document.data, dict):
        raise document.fault((), "must have journeys at its top level")
    for name in document.data:
        if name != ROOT:
            reason = f"unknown key{nearest(str(name), [ROOT])}; known: {ROOT}"
            raise document.fault((str(name),), reason)
    listed = document.data.get(ROOT)
    if not isinstance(listed, list):
        raise document.fault(
            (ROOT,), f"must be a list, each with its journey_id, not {kind_of(listed)}"
        )
    found: dict[str, Journey] = {}
    for position, raw in enumerate(listed):
        path: Path = (ROOT, position)
        journey = _journey(Part(document, path, raw, KEYS), defined)
        if journey.journey_id in found:
            reason = f"{journey.journey_id!r} is defined twice: ids must differ"
            raise document.fault((*path, "journey_id"), reason)
        found[journey.journey_id] = journey
    check_feeding(found, beside, defined.placements, document)
    return found


def _journey(part: Part, defined: Defined) -> Journey:
    part.required("journey_id", "abandoned_basket")
    reentry, after_s = _reentry(part)
    holdout = part.share("holdout", 0.0)
    if holdout > HOLDOUT_MAX:
        raise part.fault(f"must be at most {HOLDOUT_MAX:.0%}, not {holdout:.6%}", "holdout")
    moves = _moves(part)
    journey = Journey(
        journey_id=part.named("journey_id"),
        version=part.whole("version", 0, 0, 2**53),
        title=part.text("title"),
        goal=_goal(part),
        entries=_entries(part),
        reentry=reentry,
        reentry_after_s=after_s,
        holdout=holdout,
        exits=_exits(part),
        on_edit="finish" if moves is None else "move",
        moves=moves or {},
        paused=part.flag("paused"),
        steps=_steps(part, defined),
    )
    check_way(journey, part)
    return journey


# -- what begins and ends it -------------------------------------------------------------------------------


def _goal(part: Part) -> Goal | None:
    if "goal" not in part:
        return None
    path = (*part.path, "goal")
    goal = Part(part.document, path, part.raw["goal"], GOAL_KEYS)
    if ("event" in goal) == ("stage" in goal):
        raise goal.fault("must have exactly one of event, stage")
    return Goal(
        event=goal.named("event"),
        stage=_stage(goal),
        when=goal.rule("when"),
        within_s=goal.seconds("within", _GOAL.within_s),
    )


def _stage(part: Part) -> Stage | Literal[""]:
    return part.one_of("stage", STAGES, "new") if "stage" in part else ""


def _exits(part: Part) -> tuple[Exit, ...]:
    found: list[Exit] = []
    for position, raw in enumerate(part.listed("exits", "[{event: Basket Emptied}]")):
        path = (*part.path, "exits", position)
        way = Part(part.document, path, raw, EXIT_KEYS)
        if "event" not in way and "when" not in way:
            raise way.fault("must have event, when, or both")
        found.append(
            Exit(event=way.named("event"), when=way.rule("when"), reason=way.text("reason"))
        )
    return tuple(found)


def _entries(part: Part) -> tuple[Entry, ...]:
    part.required("entry", "{event: Checkout Started}")
    raw = part.raw["entry"]
    if not isinstance(raw, list):
        return (_entry(part, ("entry",), raw),)
    found = tuple(
        _entry(part, ("entry", position), each)
        for position, each in enumerate(part.listed("entry", "[{event: Checkout Started}]"))
    )
    if not found:
        raise part.fault("must have at least one, such as {event: Checkout Started}", "entry")
    return found


def _entry(part: Part, below: Path, raw: object) -> Entry:
    entry = Part(part.document, (*part.path, *below), raw, ENTRY_KEYS)
    begins = [name for name in BEGINS if name in entry]
    if len(begins) != 1:
        raise entry.fault(f"must have exactly one of {', '.join(BEGINS)}")
    for name, with_ in (("key", ("event", "stage", "catalog")), ("drop_min", ("catalog",))):
        if name in entry and begins[0] not in with_:
            raise entry.fault(f"goes with {' or '.join(with_)} only", name)
    if "people_max" in entry and entry.raw.get("catalog") != "new_item":
        raise entry.fault("goes with catalog: new_item only", "people_max")
    if "drop_min" in entry and entry.raw["catalog"] != "price_drop":
        raise entry.fault("goes with catalog: price_drop only", "drop_min")
    if "api" in entry and not entry.flag("api"):
        raise entry.fault("must be true: an entry that only the API opens", "api")
    return Entry(
        event=entry.named("event"),
        stage=_stage(entry),
        schedule=_schedule(entry) if "schedule" in entry else None,
        catalog=entry.one_of("catalog", _CHANGES, "new_item") if "catalog" in entry else "",
        api="api" in entry,
        key=entry.named("key"),
        when=entry.rule("when"),
        drop_min=entry.share("drop_min", _ENTRY.drop_min),
        people_max=entry.whole("people_max", _ENTRY.people_max, 1, PEOPLE_MAX),
    )


def _schedule(entry: Part) -> Schedule:
    raw: Any = entry.raw["schedule"]
    if isinstance(raw, str):
        raw = {"at": raw}
    path = (*entry.path, "schedule")
    schedule = Part(entry.document, path, raw, ("at", "timezone"))
    schedule.required("at", '"mon 09:00"')
    at, weekdays = schedule.read("at", parse_moment, MIDNIGHT, 'a time such as "mon 09:00"')
    zone = schedule.named("timezone") or "UTC"
    if zone_named(zone) is None:
        raise schedule.fault(
            f"unknown time zone {zone!r}; use an IANA name such as Europe/Berlin", "timezone"
        )
    return Schedule(at=at, weekdays=weekdays, timezone=zone)


# -- rules of the whole ------------------------------------------------------------------------------------


def _reentry(part: Part) -> tuple[Any, int]:
    raw = part.raw.get("reentry", "once")
    if raw in ("once", "always"):
        return raw, 0
    if not isinstance(raw, dict):
        reason = f"must be once, always or {{after: 30d}}, not {raw!r}"
        raise part.fault(reason, "reentry")
    again = Part(part.document, (*part.path, "reentry"), raw, ("after",))
    again.required("after", "30d")
    return "after", again.read("after", parse_duration, 0, "a duration such as 30d")


def _moves(part: Part) -> dict[str, str] | None:
    """Old step → new step; None where people finish their version."""
    raw = part.raw.get("on_edit", "finish")
    if raw == "finish":
        return None
    if raw == "move":
        return {}
    if not isinstance(raw, dict):
        reason = f"must be finish, move or {{move: {{old_step: new_step}}}}, not {raw!r}"
        raise part.fault(reason, "on_edit")
    edit = Part(part.document, (*part.path, "on_edit"), raw, ("move",))
    edit.required("move", "{old_step: new_step}")
    moves = edit.raw["move"]
    if not isinstance(moves, dict):
        raise edit.fault(f"must be a mapping of steps, not {kind_of(moves)}", "move")
    for old, new in moves.items():
        if not isinstance(new, str):
            raise edit.fault(f"must be a step's id, not {kind_of(new)}", "move", str(old))
    return dict(moves)


def _steps(part: Part, defined: Defined) -> tuple[Step, ...]:
    part.required("steps", "[{wait: 1h}, …]")
    listed = part.listed("steps", "[{wait: 1h}, …]")
    if not listed:
        raise part.fault(f"must have at least one step, and at most {LIST_MAX}", "steps")
    found: dict[str, Step] = {}
    for position, raw in enumerate(listed):
        path = (*part.path, "steps", position)
        one = read_step(part.document, path, raw, position + 1, defined)
        if one.step_id in found:
            reason = f"step id {one.step_id!r} stands twice: ids must differ"
            raise part.fault(reason, "steps", position)
        found[one.step_id] = one
    return tuple(found.values())
