"""One step of a journey's document → ``Step``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from eachwise.contracts.experience import Experience, Placement
from eachwise.contracts.journey import (
    Branch,
    Call,
    Case,
    Decide,
    Do,
    Emit,
    Leave,
    Send,
    Share,
    Split,
    Step,
    Update,
    Wait,
    WaitFor,
    WaitUntil,
)
from eachwise.documents import Document, Path, kind_of
from eachwise.journeys.part import Part
from eachwise.journeys.words import MIDNIGHT, parse_duration, parse_moment

_SHARES_ERROR = 1e-6
_DEFAULT_WITHIN_S = 86_400
_SEND_TIMES: Final = ("now", "best")
_ALSO = ("id", "then", "else")
# The keys of the mapping under a step's kind.
KEYS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "decide": ("placement", "experiences", "within", "send_time"),
    "send": ("placement", "experience", "within", "send_time"),
    "wait_for": ("event", "within", "key", "when"),
    "webhook": ("url", "body"),
    "emit": ("event", "properties"),
}


@dataclass(frozen=True, slots=True)
class Defined:
    """What the operator has defined, for steps to name."""

    placements: Mapping[str, Placement]
    experiences: Mapping[str, Experience]

    def declared_for(self, placement: str) -> dict[str, Experience]:
        """The experiences that can appear at a placement."""
        return {
            name: each for name, each in self.experiences.items() if placement in each.placements
        }


def read_step(document: Document, path: Path, raw: object, number: int, defined: Defined) -> Step:
    """One step; ``number`` counts from 1 and names a step that has no id."""
    part = Part(document, path, raw, (*_ALSO, *READERS))
    # A key without a value is still there: `exit:` ends without a reason.
    kinds = [name for name in part.all if name in READERS]
    if len(kinds) != 1:
        said = f"has {' and '.join(kinds)}" if kinds else "has none of them"
        raise part.fault(f"must have exactly one of {', '.join(READERS)}; it {said}")
    kind = kinds[0]
    for name, refused in (("then", _ENDS_OR_CHOOSES), ("else", _NO_ELSE)):
        if name in part and kind in refused:
            raise part.fault(f"is not of {kind}: {refused[kind]}", name)
    return Step(
        step_id=part.named("id") or f"step{number}",
        do=READERS[kind](part, kind, defined),
        then=part.named("then"),
        otherwise=part.named("else"),
    )


def _decide(part: Part, kind: str, defined: Defined) -> Do:
    asks = _inner(part, kind, "placement")
    placement = _placement(asks, defined)
    if defined.placements[placement].transactional:
        reason = f"{placement!r} is transactional and chooses nothing: use send with its experience"
        raise asks.fault(reason, "placement")
    declared = defined.declared_for(placement)
    experiences: list[str] = []
    for position, each in enumerate(asks.listed("experiences", "[spring, autumn]")):
        if not isinstance(each, str) or each not in declared:
            raise asks.fault(_undeclared(each, placement, defined), "experiences", position)
        experiences.append(each)
    if len(set(experiences)) < len(experiences):
        raise asks.fault("names an experience twice", "experiences")
    return Decide(
        placement=placement,
        experiences=tuple(experiences),
        within_s=asks.seconds("within", _DEFAULT_WITHIN_S),
        send_time=asks.one_of("send_time", _SEND_TIMES, "best"),
    )


def _send(part: Part, kind: str, defined: Defined) -> Do:
    asks = _inner(part, kind)
    placement = _placement(asks, defined)
    asks.required("experience", "welcome")
    experience = asks.text("experience")
    if experience not in defined.declared_for(placement):
        raise asks.fault(_undeclared(experience, placement, defined), "experience")
    return Send(
        placement=placement,
        experience=experience,
        within_s=asks.seconds("within", _DEFAULT_WITHIN_S),
        send_time=asks.one_of("send_time", _SEND_TIMES, "best"),
    )


def _placement(asks: Part, defined: Defined) -> str:
    asks.required("placement", "mail")
    return asks.known("placement", defined.placements, "placement")


def _undeclared(name: object, placement: str, defined: Defined) -> str:
    """Why an experience cannot be sent there."""
    if not isinstance(name, str):
        return f"must be an experience's id, not {kind_of(name)}"
    declared = ", ".join(sorted(defined.declared_for(placement))) or "none yet"
    if name in defined.experiences:
        return (
            f"experience {name!r} is not declared for placement {placement!r}: add it to the"
            f" experience's placements; declared for it: {declared}"
        )
    return f"unknown experience {name!r}; declared for placement {placement!r}: {declared}"


def _wait(part: Part, kind: str, _: Defined) -> Do:
    part.required(kind, "1h")
    return Wait(seconds=part.read(kind, parse_duration, 0, "a duration such as 90s, 1h or 2d"))


def _wait_until(part: Part, kind: str, _: Defined) -> Do:
    part.required(kind, '"09:00"')
    at, weekdays = part.read(kind, parse_moment, MIDNIGHT, 'a time such as "09:00" in quotes')
    return WaitUntil(at=at, weekdays=weekdays)


def _wait_for(part: Part, kind: str, _: Defined) -> Do:
    waits = _inner(part, kind)
    waits.required("event", "Order Completed")
    waits.required("within", "1h")
    return WaitFor(
        event=waits.named("event"),
        within_s=waits.seconds("within", 0),
        key=waits.named("key"),
        when=waits.rule("when"),
    )


def _branch(part: Part, kind: str, _: Defined) -> Do:
    cases: list[Case] = []
    for position, raw in enumerate(part.listed(kind, "[{when: …, then: …}]")):
        case = Part(part.document, (*part.path, kind, position), raw, ("when", "then"))
        case.required("when", "'stage == \"customer\"'")
        case.required("then", "a step's id")
        cases.append(Case(when=case.rule("when"), then=case.named("then")))
    if not cases:
        raise part.fault("must have at least one case: [{when: …, then: …}]", kind)
    return Branch(cases=tuple(cases))


def _split(part: Part, kind: str, _: Defined) -> Do:
    shares: list[Share] = []
    for position, raw in enumerate(part.listed(kind, "[{share: 50%, then: …}]")):
        share = Part(part.document, (*part.path, kind, position), raw, ("share", "then"))
        share.required("share", "50%")
        share.required("then", "a step's id")
        shares.append(Share(then=share.named("then"), share=share.share("share", 0.0)))
    total = sum(each.share for each in shares)
    if not shares or abs(total - 1.0) > _SHARES_ERROR:
        raise part.fault(f"must have shares that sum to 100%, not {total:.6%}", kind)
    return Split(shares=tuple(shares))


def _update(part: Part, kind: str, _: Defined) -> Do:
    traits = part.body(kind)
    if not traits:
        raise part.fault("must name at least one trait, such as update: {vip: true}", kind)
    return Update(traits=traits)


def _webhook(part: Part, kind: str, _: Defined) -> Do:
    call = _inner(part, kind, "url")
    call.required("url", "https://shop.example/hook")
    url = call.text("url")
    try:
        split = urlsplit(url)
        fine = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
    except ValueError:
        fine = False
    if not fine or any(letter.isspace() for letter in url):
        raise call.fault(
            f"must be a URL with http or https, such as https://shop.example/hook, not {url!r}",
            "url",
        )
    return Call(url=url, body=call.body("body"))


def _emit(part: Part, kind: str, _: Defined) -> Do:
    emits = _inner(part, kind, "event")
    emits.required("event", "Onboarding Finished")
    return Emit(event=emits.named("event"), properties=emits.body("properties"))


def _exit(part: Part, kind: str, _: Defined) -> Do:
    return Leave(reason=part.text(kind))


def _inner(part: Part, kind: str, short: str = "") -> Part:
    """The mapping under a step's kind; a text alone stands for its key ``short``."""
    raw: Any = part.raw.get(kind)
    if short and isinstance(raw, str):
        raw = {short: raw}
    return Part(part.document, (*part.path, kind), raw, KEYS_OF[kind])


READERS: Final[dict[str, Callable[[Part, str, Defined], Do]]] = {
    "decide": _decide,
    "send": _send,
    "wait": _wait,
    "wait_until": _wait_until,
    "wait_for": _wait_for,
    "branch": _branch,
    "split": _split,
    "update": _update,
    "webhook": _webhook,
    "emit": _emit,
    "exit": _exit,
}
_NEVER_FAILS = "it never fails; use then"
_NO_ELSE: Final = {
    **dict.fromkeys(("wait", "wait_until", "update", "webhook", "emit"), _NEVER_FAILS),
    "split": "its shares say where to go on",
    "exit": "the journey ends there",
}
_ENDS_OR_CHOOSES: Final = {
    "branch": "its cases say where to go on, and else where none holds",
    "split": "its shares say where to go on",
    "exit": "the journey ends there",
}
