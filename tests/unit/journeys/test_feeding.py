"""Journeys that feed each other: whatever is taken ends at every moment, and what is refused would not have."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.journey import (
    Answered,
    Begin,
    Happened,
    Instance,
    Journey,
    Log,
    Moved,
    Outcome,
)
from eachwise.journeys import (
    Beside,
    endless,
    entered_by,
    journeys_from,
    may_enter,
    new_instance,
    parse_journeys,
    step,
)
from eachwise.maths.hashing import stable_hash
from tests.unit.journeys.material import EXPERIENCES, PLACEMENTS, START_US, knows

DELIVERED = {"email": "Email Delivered"}
OUTCOMES: tuple[Outcome, ...] = ("sent", "silence", "held", "outbid")
# A set of so few steps that ends has ended long before.
EVENTS_MAX = 3_000


def taken(
    *journeys: Mapping[str, Any], beside: Mapping[str, Journey] | None = None
) -> dict[str, Journey]:
    """The journeys, put together beside others; raises where they are refused."""
    return journeys_from(
        [dict(each) for each in journeys],
        placements=PLACEMENTS,
        experiences=EXPERIENCES,
        beside=Beside(beside or {}, DELIVERED),
    )


def refused(*journeys: Mapping[str, Any], beside: Mapping[str, Journey] | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        taken(*journeys, beside=beside)
    return caught.value.message


def made(
    journey_id: str,
    entry: str | Mapping[str, Any],
    *steps: Mapping[str, Any],
    reentry: Any = "always",
    **more: Any,
) -> dict[str, Any]:
    begins = {"event": entry} if isinstance(entry, str) else dict(entry)
    return {
        "journey_id": journey_id,
        "entry": begins,
        "reentry": reentry,
        "steps": [dict(each) for each in steps],
        **more,
    }


def emit(name: str, **properties: Any) -> dict[str, Any]:
    return {"emit": {"event": name, "properties": properties}}


WAIT = {"wait": "1h"}
SEND = {"send": {"placement": "mail", "experience": "welcome", "send_time": "now"}}
A, B = made("a", "X", emit("Y")), made("b", "Y", emit("X"))


# -- one moment of one person ------------------------------------------------------------------------------


class Moment:
    """What a first event brings about while the clock stands still; ``seed`` draws what becomes of contacts."""

    def __init__(self, journeys: Mapping[str, Journey], seed: int = 0) -> None:
        self._journeys = journeys
        self._seed = seed
        self._knows = knows()
        self._instances: dict[str, Instance] = {}
        self._queue: deque[tuple[str, str, dict[str, Any]]] = deque()
        self.events = 0

    def ends(self, name: str, properties: dict[str, Any]) -> bool:
        """Whether it comes to an end."""
        self._queue.append((f"first {name} {properties}", name, properties))
        while self._queue and self.events < EVENTS_MAX:
            self.events += 1
            self._take(*self._queue.popleft())
        return not self._queue

    def _take(self, source: str, name: str, properties: dict[str, Any]) -> None:
        happened = Happened(now_us=START_US, event=name, properties=properties)
        for instance in list(self._instances.values()):
            journey = self._journeys[instance.journey_id]
            self._moved(journey, step(journey, instance, happened, self._knows))
        for journey in self._journeys.values():
            entered = entered_by(journey, happened, self._knows)
            earlier = list(self._instances.values())
            if entered is None or may_enter(journey, earlier, entered.key, START_US):
                continue
            facts = {"event": properties}
            fresh = new_instance(journey, "anna", entered.key, START_US, facts, source)
            self._moved(journey, step(journey, fresh, Begin(now_us=START_US), self._knows))

    def _moved(self, journey: Journey, moved: Moved) -> None:
        at = moved.instance
        self._instances.pop(at.instance_id, None)
        # Of those that ended, one of each journey is enough to know that the person was in it.
        self._instances[at.instance_id if at.status == "active" else at.journey_id] = at
        for command in moved.commands:
            if isinstance(command, Log):
                said = command.properties or command.traits
                self._queue.append((command.effect_id, command.event, said))
        if at.asking is None:
            return
        drawn = stable_hash(self._seed, at.instance_id, at.path)
        outcome = OUTCOMES[drawn % len(OUTCOMES)]
        decision = f"d{drawn}"
        if outcome == "sent":
            told = {
                "decision_id": decision,
                "experience_id": "welcome",
                "placement": "mail",
                "channel": "email",
                "journey_id": at.journey_id,
                "outbox_id": decision,
            }
            self._queue.append((f"delivered {decision}", DELIVERED["email"], told))
        answer = Answered(
            now_us=START_US, outcome=outcome, experience_id="welcome", decision_id=decision
        )
        self._moved(journey, step(journey, at, answer, self._knows))


NAMES = ("X", "Y", "Z", "identify", "Email Delivered")
FIRSTS = [(name, {"k": "one", "n": n}) for name in NAMES for n in (0, 1)]


def all_end(journeys: Mapping[str, Journey], seed: int) -> bool:
    """Whether every event comes to an end, also after all the others."""
    moment = Moment(journeys, seed)
    return all(moment.ends(*first) for first in FIRSTS)


# -- laws --------------------------------------------------------------------------------------------------

VALUES = [0, 1, "one", {"from": "key"}, {"from": "event.k"}, {"from": "contact.decision"}]
RULES = [
    "event.n == 1",
    "not event.n == 1",
    "event.n > 0 or has(event.k)",
    "event.experience_id != 'welcome'",
    "event.journey_id == 'a' and not lapsed",
]


def steps_of(
    draw: Random, kinds: Sequence[str], told: Sequence[str], values: Sequence[Any]
) -> list[dict[str, Any]]:
    """Up to four steps, which need not fit together."""
    ids = [f"s{place}" for place in range(draw.randint(1, 4))]
    found: list[dict[str, Any]] = []
    for step_id in ids:
        kind = draw.choice([*kinds, "emit", "emit", "emit"])
        one: dict[str, Any] = {"id": step_id}
        match kind:
            case "emit":
                said = {name: draw.choice(values) for name in draw.sample("kn", draw.randint(0, 2))}
                one |= emit(draw.choice(told), **said)
            case "update":
                one[kind] = {"n": draw.choice(values)}
            case "wait":
                one |= WAIT
            case "send":
                one |= SEND
            case "wait_for":
                one[kind] = {"event": draw.choice(NAMES), "within": "1h"}
                one[kind] |= {"when": draw.choice(RULES)} if draw.random() < 0.2 else {}
                one |= {"then": draw.choice(ids)} if draw.random() < 0.5 else {}
            case "branch":
                one[kind] = [{"when": draw.choice(RULES), "then": draw.choice(ids)}]
            case "split":
                one[kind] = [{"share": "50%", "then": draw.choice(ids)} for _ in range(2)]
            case "exit":
                one[kind] = "over"
        found.append(one)
    return found


def journeys_of(seed: int, *, plain: bool = False) -> list[dict[str, Any]]:
    """Up to three journeys that are each sound on their own. ``plain``: nothing in them hangs on anything."""
    draw = Random(seed)
    kinds = ["wait", "update"]
    kinds += [] if plain else ["send", "wait_for", "wait_for", "branch", "split", "exit"]
    found: list[dict[str, Any]] = []
    first = NAMES[: draw.randint(2, 3)]
    for journey_id, name in zip("abc", first, strict=False):
        # Mostly each begins with an event of its own and logs those of others, so that they can go round.
        told = [each for each in first if each != name]
        entry = {"event": draw.choice([name, name, name, *NAMES[: 4 if plain else 5]])}
        entry |= {"key": "k"} if draw.random() < 0.3 else {}
        entry |= {"when": draw.choice(RULES)} if not plain and draw.random() < 0.2 else {}
        reentry = draw.choice([*["always"] * 8, "once", {"after": "1s"}])
        journey = made(
            journey_id,
            entry,
            *steps_of(draw, kinds, told, VALUES[:3] if plain else VALUES),
            reentry=reentry,
        )
        if not plain and draw.random() < 0.2:
            journey["goal"] = {"event": draw.choice(NAMES)}
        if not plain and draw.random() < 0.2:
            journey["exits"] = [{"event": draw.choice(NAMES)}]
        try:
            journeys_from([journey], placements=PLACEMENTS, experiences=EXPERIENCES)
        except InvalidInput:
            continue
        found.append(journey)
    return found


def alone(raw: list[dict[str, Any]]) -> dict[str, Journey]:
    """Each read on its own."""
    found: dict[str, Journey] = {}
    for each in raw:
        found |= journeys_from([each], placements=PLACEMENTS, experiences=EXPERIENCES)
    return found


seeds = st.integers(0, 2**63)


@settings(max_examples=400, deadline=None)
@given(seeds)
def test_what_is_taken_ends(seed: int) -> None:
    raw = journeys_of(seed)
    journeys = alone(raw)
    if endless(journeys, PLACEMENTS, DELIVERED):
        event("refused")
        assert " without a wait: " in refused(*raw)
        return
    event("taken")
    assert taken(*raw) == journeys
    assert all_end(journeys, seed)
    # Said of all together or one after the other, it is the same.
    beside: dict[str, Journey] = {}
    for each in raw:
        beside |= taken(each, beside=beside)
    assert beside == journeys


@settings(max_examples=400, deadline=None)
@given(seeds)
def test_what_is_refused_would_not_end(seed: int) -> None:
    journeys = alone(journeys_of(seed, plain=True))
    goes_on = bool(endless(journeys, PLACEMENTS, DELIVERED))
    event("endless" if goes_on else "ends")
    assert goes_on != all_end(journeys, 0)


# -- examples ----------------------------------------------------------------------------------------------


def test_the_error_names_the_circle_the_line_and_the_fix() -> None:
    text = """\
journeys:
  - journey_id: b
    entry: {event: Y}
    reentry: always
    steps:
      - {id: rest, decide: mail}
      - {id: tell, emit: X}
"""
    with pytest.raises(InvalidInput) as caught:
        parse_journeys(
            text,
            placements=PLACEMENTS,
            experiences=EXPERIENCES,
            beside=Beside(taken(A), DELIVERED),
        )
    assert caught.value.message == (
        "line 7: journeys[0].steps[1].emit: journeys b → a → b feed each other without a wait:"
        " b logs 'x', which begins a; a logs 'y', which begins b: put a wait or wait_until between,"
        " or let one begin again only after a time, such as reentry: {after: 1h}"
    )
    assert caught.value.field == "journeys[0].steps[1].emit"


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (made("b", "Y", WAIT, emit("X")), "waits"),
        (made("b", "Y", emit("X"), reentry="once"), "once"),
        (made("b", "Y", emit("X"), reentry={"after": "1s"}), "after a time"),
        (made("b", "Y", emit("X"), paused=True), "nobody begins it"),
        (made("b", "Y", emit("X"), WAIT), "still live when it comes round"),
        (made("b", {"event": "Y", "key": "k"}, emit("X")), "a's event has no such key"),
        (made("b", {"event": "Y", "when": "event.n == 1"}, emit("X")), "the rule never holds"),
        (made("b", {"stage": "known"}, emit("X")), "stages rise four times"),
        (made("b", "Y", {"wait_for": {"event": "Z", "within": "1h"}}, emit("X")), "nobody logs Z"),
        (made("b", "Y", emit("Z")), "nobody hears Z"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_no_alarm_is_false(second: dict[str, Any], why: str) -> None:
    assert all_end(taken(A, second), 0), why


@pytest.mark.parametrize(
    ("journeys", "circle"),
    [
        ((A, B), "journeys a → b → a feed each other"),
        ((A, made("b", "Y", SEND, emit("X"))), "journeys a → b → a feed each other"),
        (
            (
                A,
                made("b", "Y", emit("Z")),
                made("c", "z", {"webhook": "https://x.example"}, emit("X")),
            ),
            "journeys a → b → c → a feed each other",
        ),
        (
            (made("a", "identify", emit("Y")), made("b", "Y", {"update": {"vip": True}})),
            "logs 'identify'",
        ),
        # It stands at a wait, and the circle itself ends that: by the event, the goal, a rule.
        ((A, made("b", "Y", emit("X"), WAIT, goal={"event": "X"})), "a → b → a"),
        ((A, made("b", "Y", emit("X"), WAIT, exits=[{"when": "lapsed"}])), "a → b → a"),
        (
            (
                made("a", "X", emit("Y"), {"wait_for": {"event": "Z", "within": "1h"}}),
                made("b", "Y", emit("Z"), emit("X")),
            ),
            "a → b → a",
        ),
        # Of a key that is another one each time there is ever another instance.
        (
            (
                made("a", {"event": "X", "key": "k"}, emit("Y"), WAIT),
                made("b", "Y", emit("X", k={"from": "engagement"})),
            ),
            "a → b → a",
        ),
        # Nobody begins a again: it goes round between its own waits.
        (
            (
                made(
                    "a",
                    "Start",
                    {"id": "s", "wait_for": {"event": "X", "within": "1h"}},
                    {"then": "s", **emit("Y")},
                    reentry="once",
                ),
                B,
            ),
            "ends the wait 's' of a",
        ),
        # Each mail that is delivered asks for the next.
        ((made("a", "Email Delivered", SEND),), "journey a feeds itself"),
    ],
)
def test_what_goes_round_is_refused(journeys: tuple[dict[str, Any], ...], circle: str) -> None:
    assert circle in refused(*journeys)
    # Whichever is put last is refused; the others stand.
    for place, last in enumerate(journeys):
        others = journeys[:place] + journeys[place + 1 :]
        assert " without a wait: " in refused(last, beside=taken(*others))


def test_the_same_key_each_time_bounds_what_waits_afterwards() -> None:
    first = made("a", {"event": "X", "key": "k"}, emit("Y", k={"from": "key"}), WAIT)
    second = made("b", {"event": "Y", "key": "k"}, emit("X", k={"from": "event.k"}))
    assert all_end(taken(first, second), 0)
    assert "a → b → a" in refused({**first, "steps": first["steps"][:1]}, second)


def test_a_delivery_that_is_told_apart_is_followed_up() -> None:
    other = {"event": "Email Delivered", "when": "event.experience_id != 'welcome'"}
    assert all_end(taken(made("a", other, SEND)), 3)


def test_a_circle_among_others_is_in_nobodys_way() -> None:
    there = alone([A, B])
    assert set(taken(made("c", "X", emit("Told")), beside=there)) == {"c"}
    assert "a → b → a" in refused(A, beside=there)
