"""Laws of the pure step and of merging, over random journeys and histories: duplicates, clock jumps, any order."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.contracts.journey import (
    Answered,
    Begin,
    Due,
    Happened,
    Instance,
    Journey,
    Moved,
    Status,
    Trigger,
)
from eachwise.journeys import (
    from_lines,
    journeys_as_json,
    journeys_from,
    merged,
    moved,
    names_of,
    new_instance,
    record,
    replay,
    step,
    to_lines,
)
from tests.unit.journeys.material import EXPERIENCES, HOUR_US, PLACEMENTS, START_US, knows

EVENTS = ("Viewed", "Paid", "Left", "Done")
RULES = ("lapsed", "event.n > 1", 'contact.outcome == "sent"', 'key == "k"', "hour < 12")
TIMES = ("09:00", "mon,fri 07:30", "sun 23:59")
STEPS_MAX = 6

rules = st.sampled_from(RULES)
durations = st.sampled_from(("1s", "90s", "1h", "1d12h", "2w"))


def steps_of(draw: Callable[..., Any], count: int) -> list[dict[str, Any]]:
    """Steps that fit together: what takes no time only leads on, so that no circle is without a wait."""
    found = []
    for place in range(count):
        on = [f"s{each}" for each in range(place + 1, count)]
        anywhere = [f"s{each}" for each in range(count)]
        kinds = ["wait", "wait_until", "wait_for", "decide", "send", "update", "emit", "webhook"]
        kinds += ["branch", "split"] if on else ["exit"]
        kind = draw(st.sampled_from(kinds))
        one: dict[str, Any] = {"id": f"s{place}"}
        if kind == "wait":
            one[kind] = draw(durations)
        elif kind == "wait_until":
            one[kind] = draw(st.sampled_from(TIMES))
        elif kind == "wait_for":
            one[kind] = {"event": draw(st.sampled_from(EVENTS)), "within": draw(durations)}
            one[kind] |= {"key": "k"} if draw(st.booleans()) else {}
            one[kind] |= {"when": draw(rules)} if draw(st.booleans()) else {}
            if draw(st.booleans()):
                one["else"] = draw(st.sampled_from(anywhere))
        elif kind in ("decide", "send"):
            one[kind] = {"placement": "mail", "within": draw(durations)}
            one[kind] |= {"experience": "welcome"} if kind == "send" else {}
            if on and draw(st.booleans()):
                one["else"] = draw(st.sampled_from(on))
        elif kind == "branch":
            cases = st.lists(st.tuples(rules, st.sampled_from(on)), min_size=1, max_size=3)
            one[kind] = [{"when": when, "then": then} for when, then in draw(cases)]
        elif kind == "split":
            one[kind] = [{"share": "25%", "then": on[0]}, {"share": "75%", "then": on[-1]}]
        else:
            one[kind] = {
                "update": {"level": {"from": "event.n"}},
                "emit": {"event": "Told", "properties": {"why": {"from": "contact.reason"}}},
                "webhook": {"url": "https://shop.example/hook"},
                "exit": "out",
            }[kind]
        found.append(one)
    return found


@st.composite
def journeys(draw: Callable[..., Any]) -> Journey:
    """Any journey that is valid."""
    raw: dict[str, Any] = {
        "journey_id": "random",
        "entry": {"event": "Checkout Started", "key": "k"},
        "steps": steps_of(draw, draw(st.integers(1, STEPS_MAX))),
    }
    if draw(st.booleans()):
        raw["goal"] = draw(st.sampled_from([{"event": "Done"}, {"stage": "engaged"}]))
    if draw(st.booleans()):
        raw["exits"] = [draw(st.sampled_from([{"event": "Left"}, {"when": "lapsed"}]))]
    (journey,) = journeys_from([raw], placements=PLACEMENTS, experiences=EXPERIENCES).values()
    return journey


class Next(msgspec.Struct, frozen=True):
    """A trigger to be: ``hours`` after the one before, or exactly when the timer is due."""

    kind: str
    hours: float
    event: str
    n: int
    outcome: Any

    def trigger(self, at: Instance, before_us: int) -> Trigger:
        """The trigger for an instance."""
        now_us = before_us + int(self.hours * HOUR_US)
        match self.kind:
            case "begin":
                return Begin(now_us=now_us)
            case "due":
                return Due(now_us=now_us)
            case "timer":
                return Due(now_us=at.wake_at_us or now_us)
            case "answered":
                return Answered(now_us=now_us, outcome=self.outcome, reason="r", decision_id="d")
        properties = {"k": "k" if self.n else "other", "n": self.n}
        stage = "engaged" if self.n == 3 else ""
        return Happened(now_us=now_us, event=self.event, properties=properties, stage=stage)


nexts = st.builds(
    Next,
    kind=st.sampled_from(["begin", "due", "timer", "timer", "answered", "happened", "happened"]),
    # Clocks jump, also backwards, by up to a month.
    hours=st.one_of(st.floats(0, 3), st.floats(-720, 720)),
    event=st.sampled_from(EVENTS),
    n=st.integers(0, 3),
    outcome=st.sampled_from(["sent", "silence", "held", "outbid"]),
)


def ran(
    journey: Journey, coming: list[Next], names: dict[str, Any]
) -> tuple[list[Trigger], list[Moved]]:
    """An instance from its beginning on: each trigger is given twice."""
    person = knows("Europe/Berlin", {(name,): value for name, value in names.items()})
    at = new_instance(journey, "p", "k", START_US, {"event": {"k": "k", "n": 2}}, "m")
    triggers: list[Trigger] = [Begin(now_us=START_US)]
    moves = [step(journey, at, triggers[0], person)]
    now_us = START_US
    for one in coming:
        trigger = one.trigger(moves[-1].instance, now_us)
        now_us = trigger.now_us
        for _ in range(2):
            triggers.append(trigger)
            moves.append(step(journey, moves[-1].instance, trigger, person))
    return triggers, moves


histories = st.lists(nexts, max_size=20)
people = st.fixed_dictionaries({"lapsed": st.booleans(), "hour": st.integers(0, 23)})


@settings(max_examples=300, deadline=None)
@given(journeys(), histories, people)
def test_whatever_happens_an_instance_is_sound(
    journey: Journey, coming: list[Next], names: dict[str, Any]
) -> None:
    triggers, moves = ran(journey, coming, names)
    assert (triggers, moves) == ran(journey, coming, names)
    commands: Counter[str] = Counter()
    heard = names_of(journey)
    for before, after, trigger in zip(moves, moves[1:], triggers[1:], strict=False):
        was, at = before.instance, after.instance
        commands.update(each.effect_id for each in after.commands)
        if was.status != "active":
            assert after == Moved(instance=was)
        if at.status == "active":
            assert at.wake_at_us > 0
            assert at.ended_at_us == 0
            assert not (at.asking and at.waiting)
            assert not at.waiting or at.waiting in heard
        else:
            assert (at.wake_at_us, at.waiting, at.asking) == (0, "", None)
            assert at.ended_at_us > 0
        # What it is done and where it stands goes with how far it has come.
        assert at.path >= was.path
        assert len(after.commands) <= at.path - was.path
        if isinstance(trigger, Due) and was.asking is None and was.status == "active":
            assert (trigger.now_us < was.wake_at_us) == (after == Moved(instance=was))
        assert at.contacts - was.contacts in (0, 1)
        if at.contacts > was.contacts:
            assert was.asking is not None
            assert isinstance(trigger, Answered)
    assert all(count == 1 for count in commands.values())


@settings(max_examples=100, deadline=None)
@given(journeys())
def test_left_to_its_timers_no_instance_is_stuck(journey: Journey) -> None:
    # Circles that wait go on for ever; every timer moves it on.
    person = knows()
    at = step(
        journey,
        new_instance(journey, "p", "k", START_US, {}, "m"),
        Begin(now_us=START_US),
        person,
    ).instance
    for _ in range(3 * STEPS_MAX):
        if at.status != "active":
            break
        before = at
        due: Trigger = Due(now_us=at.wake_at_us)
        if at.asking is not None:
            due = Answered(now_us=at.wake_at_us, outcome="silence")
        at = step(journey, at, due, person).instance
        assert at.path > before.path or at.status != "active"
        assert at.wake_at_us >= before.wake_at_us or at.status != "active"


@settings(max_examples=100, deadline=None)
@given(journeys())
def test_a_journey_is_read_as_it_was_written(journey: Journey) -> None:
    written = journeys_as_json([journey])
    read = journeys_from(written, placements=PLACEMENTS, experiences=EXPERIENCES)
    assert read == {"random": journey}


@settings(max_examples=50, deadline=None)
@given(journeys(), histories, people)
def test_a_recorded_way_replays_to_the_same(
    journey: Journey, coming: list[Next], names: dict[str, Any]
) -> None:
    triggers, moves = ran(journey, coming, names)
    person = knows("Europe/Berlin", {(name,): value for name, value in names.items()})
    start = new_instance(journey, "p", "k", START_US, {"event": {"k": "k", "n": 2}}, "m")
    recorded = record(journey, start, triggers, lambda _: person)
    assert [each.moved for each in recorded.told] == moves
    kept = from_lines(to_lines(recorded))
    assert kept == recorded
    assert replay(kept) == []


@settings(max_examples=100, deadline=None)
@given(journeys(), journeys(), histories)
def test_an_instance_moved_to_a_newer_version_goes_on_there(
    older: Journey, newer: Journey, coming: list[Next]
) -> None:
    newer = msgspec.structs.replace(newer, version=1, on_edit="move", moves={"s1": "s0"})
    _, moves = ran(older, coming, {})
    at = moves[-1].instance
    taken = moved(at, newer, START_US)
    if at.status != "active":
        assert taken is None
        return
    if taken is None:
        assert at.step not in {each.step_id for each in newer.steps}
        return
    there = taken.instance
    assert (there.version, there.path, there.instance_id) == (1, at.path, at.instance_id)
    assert there.wake_at_us > 0
    assert moved(there, newer, START_US) is None
    if there.asking is None:
        on = step(newer, there, Due(now_us=there.wake_at_us), knows()).instance
    else:
        on = step(newer, there, Answered(now_us=START_US, outcome="sent"), knows()).instance
    assert on.path > there.path or on.status != "active"


# -- merging -----------------------------------------------------------------------------------------------

STATUSES: tuple[Status, ...] = ("active", "active", "active", "completed", "goal", "holdout")


@st.composite
def instances(draw: Callable[..., Any]) -> list[Instance]:
    """Instances of two people, at most one live of each person, journey and key."""
    found: list[Instance] = []
    live = set()
    for number in range(draw(st.integers(0, 10))):
        person = draw(st.sampled_from(["p", "q"]))
        place = (person, draw(st.sampled_from("ab")), draw(st.sampled_from("kl")))
        status = draw(st.sampled_from(STATUSES))
        if status == "active" and place in live:
            status = "completed"
        live |= {place} if status == "active" else set()
        found.append(
            Instance(
                instance_id=f"i{number}",
                journey_id=place[1],
                version=0,
                individual_id=person,
                key=place[2],
                arm="holdout" if status == "holdout" else "treated",
                status=status,
                step="s",
                path=draw(st.integers(0, 2)),
                entered_at_us=draw(st.integers(1, 3)),
                moved_at_us=3,
                wake_at_us=5 if status == "active" else 0,
            )
        )
    return found


@given(instances())
def test_when_two_people_are_one_the_furthest_of_a_key_goes_on(every: list[Instance]) -> None:
    first = [each for each in every if each.individual_id == "p"]
    second = [each for each in every if each.individual_id == "q"]

    def together(kept: list[Instance], gone: list[Instance]) -> dict[str, Instance]:
        written = {each.instance_id: each for each in merged(kept, gone, "both", 9)}
        renamed = [msgspec.structs.replace(each, individual_id="both") for each in every]
        assert {each.instance_id for each in gone} <= set(written)
        return {each.instance_id: each for each in renamed} | written

    after = together(first, second)
    assert after == together(second, first)
    live = [each for each in after.values() if each.status == "active"]
    places = [(each.journey_id, each.key) for each in live]
    assert len(places) == len(set(places))
    counted: dict[str, Instance] = {}
    for each in sorted(every, key=lambda one: (one.entered_at_us, one.instance_id)):
        counted.setdefault(each.journey_id, each)
    for each in every:
        then = after[each.instance_id]
        assert then.individual_id == "both"
        assert then.path == each.path
        if each.status != "active":
            assert then.status == each.status
        elif then.status != "active":
            assert (then.status, then.wake_at_us, then.ended_at_us) == ("merged", 0, 9)
            if counted[each.journey_id].arm == "holdout":
                continue
            (other,) = [
                one for one in live if (one.journey_id, one.key) == (each.journey_id, each.key)
            ]
            assert other.path >= each.path
    assert all(counted[each.journey_id].arm == "treated" for each in live)
    # Merging what is merged changes nothing.
    assert merged(list(after.values()), [], "both", 10) == []
