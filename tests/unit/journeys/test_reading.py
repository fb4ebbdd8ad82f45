"""Journeys as people write them: what is read, how it is written again, and what is refused with line, path and fix."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput, TooLarge
from eachwise.contracts.experience import Experience, Placement
from eachwise.contracts.journey import (
    Branch,
    Call,
    Case,
    Decide,
    Emit,
    Entry,
    Exit,
    Goal,
    Journey,
    Leave,
    Schedule,
    Send,
    Share,
    Split,
    Step,
    Update,
    Wait,
    WaitFor,
    WaitUntil,
)
from eachwise.journeys import (
    duration_text,
    journeys_as_json,
    journeys_from,
    moment_text,
    parse_duration,
    parse_journeys,
)
from eachwise.journeys.words import DURATION_MAX_S, parse_moment, parse_share
from tests.unit.journeys.material import BASKET, EXPERIENCES, PLACEMENTS, parsed

FULL = """\
journeys:
  - journey_id: everything
    title: All that can be said
    version: 3
    paused: true
    goal: {stage: customer, when: "orders.count > 1", within: 1w}
    entry:
      - {event: page Pricing, key: plan.id, when: "event.seats >= 5"}
      - {stage: known}
      - {schedule: "mon, tue 09:00", when: lapsed}
      - {schedule: {at: "9:30", timezone: Europe/Berlin}}
      - {catalog: price_drop, drop_min: 10%}
      - {catalog: new_item, people_max: 50}
      - {api: true}
    reentry: {after: 30d}
    holdout: 0.25
    exits: [{event: Basket Emptied, reason: emptied}, {when: "stage == 'repeat'"}]
    on_edit: {move: {gone: rest}}
    steps:
      - {id: ask, decide: {placement: mail, experiences: [welcome, spring], within: 1d12h}, then: fork, else: rest}
      - {id: rest, wait: 90s}
      - {wait_until: "wed 18:05"}
      - {wait_for: {event: Paid, key: plan.id, within: 2w, when: event.ok}, then: fork, else: give}
      - {id: give, send: {placement: push, experience: welcome, send_time: now}}
      - {id: fork, branch: [{when: lapsed, then: tell}, {when: "engagement > 9", then: halve}], else: leave}
      - {id: halve, split: [{share: 50%, then: tell}, {share: 0.5, then: leave}]}
      - {id: tell, update: {vip: true, seats: {from: event.seats}}}
      - {webhook: {url: "https://shop.example:8443/hook?a=b", body: {list: [1, {from: key}]}}}
      - {emit: {event: Told, properties: {why: {from: contact.reason}}}}
      - {id: leave, exit: }
"""


def test_all_that_can_be_said_is_read() -> None:
    assert parsed(FULL) == Journey(
        journey_id="everything",
        title="All that can be said",
        version=3,
        paused=True,
        goal=Goal(stage="customer", when="orders.count > 1", within_s=7 * 86_400),
        entries=(
            Entry(event="page Pricing", key="plan.id", when="event.seats >= 5"),
            Entry(stage="known"),
            Entry(schedule=Schedule(at=540, weekdays=(0, 1)), when="lapsed"),
            Entry(schedule=Schedule(at=570, timezone="Europe/Berlin")),
            Entry(catalog="price_drop", drop_min=0.1),
            Entry(catalog="new_item", people_max=50),
            Entry(api=True),
        ),
        reentry="after",
        reentry_after_s=30 * 86_400,
        holdout=0.25,
        exits=(Exit(event="Basket Emptied", reason="emptied"), Exit(when="stage == 'repeat'")),
        on_edit="move",
        moves={"gone": "rest"},
        steps=(
            Step(
                step_id="ask",
                do=Decide(placement="mail", experiences=("welcome", "spring"), within_s=129_600),
                then="fork",
                otherwise="rest",
            ),
            Step(step_id="rest", do=Wait(seconds=90)),
            Step(step_id="step3", do=WaitUntil(at=18 * 60 + 5, weekdays=(2,))),
            Step(
                step_id="step4",
                do=WaitFor(event="Paid", within_s=14 * 86_400, key="plan.id", when="event.ok"),
                then="fork",
                otherwise="give",
            ),
            Step(
                step_id="give",
                do=Send(placement="push", experience="welcome", send_time="now"),
            ),
            Step(
                step_id="fork",
                do=Branch(
                    cases=(
                        Case(when="lapsed", then="tell"),
                        Case(when="engagement > 9", then="halve"),
                    )
                ),
                otherwise="leave",
            ),
            Step(
                step_id="halve",
                do=Split(shares=(Share(then="tell", share=0.5), Share(then="leave", share=0.5))),
            ),
            Step(step_id="tell", do=Update(traits={"vip": True, "seats": {"from": "event.seats"}})),
            Step(
                step_id="step9",
                do=Call(
                    url="https://shop.example:8443/hook?a=b", body={"list": [1, {"from": "key"}]}
                ),
            ),
            Step(
                step_id="step10",
                do=Emit(event="Told", properties={"why": {"from": "contact.reason"}}),
            ),
            Step(step_id="leave", do=Leave()),
        ),
    )


@pytest.mark.parametrize("text", [FULL, BASKET])
def test_what_is_written_is_read_back(text: str) -> None:
    journey = parsed(text)
    written = journeys_as_json([journey])
    known = {"placements": PLACEMENTS, "experiences": EXPERIENCES}
    for raw in (written, written["journeys"]):
        assert journeys_from(raw, **known) == {journey.journey_id: journey}  # type: ignore[arg-type]
    assert parse_journeys(json.dumps(written), **known) == {journey.journey_id: journey}  # type: ignore[arg-type]


def test_only_what_says_something_is_written() -> None:
    (written,) = journeys_as_json([parsed(BASKET)])["journeys"]
    assert set(written) == {
        *("journey_id", "title", "goal", "entry", "reentry", "holdout", "exits", "steps")
    }
    assert written["entry"] == {
        "event": "Checkout Started",
        "key": "order_id",
        "when": "event.value >= 20",
    }


# -- durations, times, shares ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1d12h", 129_600),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "1", "h", "1.5h", "-1h", "0s", "12h1d", "3651d", "1 h 2"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)


@given(st.integers(1, DURATION_MAX_S))
def test_a_duration_is_read_as_it_was_written(seconds: int) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


@given(st.integers(0, 24 * 60 - 1), st.sets(st.integers(0, 6)))
def test_a_time_is_read_as_it_was_written(at: int, days: set[int]) -> None:
    weekdays = tuple(sorted(days))
    assert parse_moment(moment_text(at, weekdays)) == (at, weekdays)


@pytest.mark.parametrize("text", ["", "9", "24:00", "09:60", "day 09:00", "mon", "mon-tue 09:00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time such as"):
        parse_moment(text)


@pytest.mark.parametrize("value", [-0.1, 1.1, "10", "ten%", "101%", True, None, float("nan")])
def test_what_is_no_share(value: object) -> None:
    with pytest.raises(ValueError, match="must be a share such as"):
        parse_share(value)


# -- refusals ----------------------------------------------------------------------------------------------

HEAD = """\
journeys:
  - journey_id: trial
    entry: {event: Checkout Started, key: order_id}
"""


def refused(text: str) -> str:
    with pytest.raises(InvalidInput) as error:
        parse_journeys(text, placements=PLACEMENTS, experiences=EXPERIENCES)
    assert error.value.field or "document: " in error.value.message
    return error.value.message


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{}", "steps[1]: must have exactly one of decide, send, wait"),
        ("{wait: 1h, emit: {event: A}}", "steps[1]: must have exactly one of decide, send, wait, "),
        ("{wiat: 1h}", "steps[1].wiat: unknown key (did you mean wait?); known: id, then, else"),
        ("[1]", "steps[1]: must be a mapping with id, then, else, decide"),
        ("{id: begin, wait: 1h}", "steps[1]: step id 'begin' stands twice: ids must differ"),
        ("{id: ' a', wait: 1h}", "steps[1].id: must not begin or end with a blank"),
        ("{wait: 1h, then: bgin}", "steps[1].then: unknown step 'bgin' (did you mean begin?);"),
        ("{wait: 1h, else: begin}", "steps[1].else: is not of wait: it never fails; use then"),
        ("{exit: a, then: begin}", "steps[1].then: is not of exit: the journey ends there"),
        ("{wait: 3600}", "steps[1].wait: must be a duration such as 90s, 1h or 2d, not a number"),
        ("{wait: soon}", "steps[1].wait: must be a duration such as 90s, 30m, 1h, 2d, 1w or 1d12h"),
        ("{wait: }", "steps[1]: wait is required, such as wait: 1h"),
        ("{wait: 0s}", "steps[1].wait: must be between 1s and 3650d, not '0s'"),
        ("{wait_until: noon}", 'steps[1].wait_until: must be a time such as "09:00" or'),
        ("{wait_for: {event: A}}", "steps[1].wait_for: within is required, such as within: 1h"),
        ("{wait_for: {within: 1h}}", "steps[1].wait_for: event is required, such as event: Order"),
        ("{wait_for: {event: A, within: 1h, when: 'event.x >'}}", "steps[1].wait_for.when: column"),
        (
            "{wait_for: {event: A, within: 1h, when: tait.x}}",
            "steps[1].wait_for.when: column 1: unknown name `tait`; did you mean `trait`?",
        ),
        (
            "{wait_for: {event: A, within: 1h, when: context.x}}",
            "steps[1].wait_for.when: column 1: unknown name `context`",
        ),
        (
            "{wait_for: {event: A, within: 1h, when: true}}",
            'steps[1].wait_for.when: must be a rule such as "event.value >= 20", not true or false',
        ),
        ("{decide: letter}", "steps[1].decide.placement: unknown placement 'letter'; known: hero"),
        ("{decide: {within: 1h}}", "steps[1].decide: placement is required, such as"),
        ("{decide: 7}", "steps[1].decide: must be a mapping with placement, experiences"),
        (
            "{decide: {placement: push, experiences: [welcome, spring]}}",
            "steps[1].decide.experiences[1]: experience 'spring' is not declared for placement 'push'",
        ),
        (
            "{decide: {placement: push, experiences: [welcome, welcome]}}",
            "steps[1].decide.experiences: names an experience twice",
        ),
        (
            "{decide: {placement: push, experiences: [7]}}",
            "steps[1].decide.experiences[0]: must be an experience's id, not a number",
        ),
        (
            "{decide: {placement: push, send_time: later}}",
            "steps[1].decide.send_time: must be one of now, best, not 'later'",
        ),
        ("{send: {placement: mail}}", "steps[1].send: experience is required, such as"),
        (
            "{send: {placement: mail, experience: welcom}}",
            "steps[1].send.experience: unknown experience 'welcom'; declared for placement 'mail':",
        ),
        ("{branch: []}", "steps[1].branch: must have at least one case"),
        ("{branch: [{when: lapsed}]}", "steps[1].branch[0]: then is required, such as"),
        (
            "{branch: [{when: lapsed, then: nowhere}]}",
            "steps[1].branch[0].then: unknown step 'nowhere'; known: begin, step2",
        ),
        ("{branch: {when: lapsed}}", "steps[1].branch: must be a list such as"),
        (
            "{split: [{share: 50%, then: begin}, {share: 40%, then: begin}]}",
            "steps[1].split: must have shares that sum to 100%, not 90",
        ),
        ("{split: []}", "steps[1].split: must have shares that sum to 100%, not 0"),
        (
            "{split: [{share: half, then: begin}]}",
            "steps[1].split[0].share: must be a share such as 10% or 0.1, not 'half'",
        ),
        ("{split: [{share: 1, then: out}]}", "steps[1].split[0].then: unknown step 'out'"),
        ("{update: {}}", "steps[1].update: must name at least one trait, such as update:"),
        (
            "{update: {from: event.x}}",
            "steps[1].update: must be a mapping of names and values, not",
        ),
        (
            "{update: {a: {b: [{from: event}]}}}",
            "steps[1].update.a.b[0].from: unknown name `event`",
        ),
        (
            "{update: {a: {from: event.x or key}}}",
            "steps[1].update.a.from: must be one name such as",
        ),
        ("{update: {a: {from: 7}}}", "steps[1].update.a.from: must be one name such as"),
        ("{update: {a: {from: 'event.'}}}", "steps[1].update.a.from: column 7: "),
        ("{webhook: {body: {}}}", "steps[1].webhook: url is required, such as url: https://"),
        ("{webhook: 'ftp://a.example'}", "steps[1].webhook.url: must be a URL with http or https"),
        ("{webhook: 'https://'}", "steps[1].webhook.url: must be a URL with http or https"),
        ("{webhook: 'https://a b/'}", "steps[1].webhook.url: must be a URL with http or https"),
        ("{webhook: 'https://a:99999/'}", "steps[1].webhook.url: must be a URL with http or https"),
        ("{emit: {properties: {}}}", "steps[1].emit: event is required, such as event: Onboarding"),
        ("{emit: {event: A, properties: [1]}}", "steps[1].emit.properties: must be a mapping, not"),
        ("{exit: 7}", "steps[1].exit: must be a string, not a number"),
    ],
)
def test_a_step_that_is_wrong_is_refused_with_its_line(step: str, message: str) -> None:
    text = f"{HEAD}    steps:\n      - {{id: begin, wait: 1h}}\n      - {step}\n"
    assert refused(text).startswith(f"line 6: journeys[0].{message}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("goal: {}", "goal: must have exactly one of event, stage"),
        ("goal: {event: A, stage: known}", "goal: must have exactly one of event, stage"),
        ("goal: {stage: fan}", "goal.stage: must be one of new, known, engaged, customer, repeat"),
        ("goal: {event: A, within: 0d}", "goal.within: must be between 1s and 3650d"),
        ("goal: {event: A, when: item.id == 'x'}", "goal.when: column 1: unknown name `item`"),
        ("reentry: sometimes", "reentry: must be once, always or {after: 30d}, not 'sometimes'"),
        ("reentry: {after: 3}", "reentry.after: must be a duration such as 30d, not a number"),
        ("reentry: {}", "reentry: after is required, such as after: 30d"),
        ("holdout: 95%", "holdout: must be at most 90%, not 95"),
        ("holdout: -1%", "holdout: must be a share such as 10% or 0.1, not '-1%'"),
        ("holdout: 10", "holdout: must be a share such as 10% or 0.1, not 10"),
        ("exits: [{reason: a}]", "exits[0]: must have event, when, or both"),
        ("exits: {event: a}", "exits: must be a list such as [{event: Basket Emptied}], not"),
        ("on_edit: leave", "on_edit: must be finish, move or {move: {old_step: new_step}}, not"),
        ("on_edit: {move: {a: b}}", "on_edit.move.a: unknown step 'b'; known: step1"),
        ("on_edit: {move: {a: 1}}", "on_edit.move.a: must be a step's id, not a number"),
        ("on_edit: {move: [a]}", "on_edit.move: must be a mapping of steps, not a list"),
        ("paused: maybe", "paused: must be true or false, not a string"),
        ("version: -1", "version: must be a whole number from 0 to"),
        ("titel: a", "titel: unknown key (did you mean title?); known: journey_id, title"),
        ("title: 7", "title: must be a string, not a number"),
    ],
)
def test_a_journey_that_is_wrong_is_refused_with_its_line(line: str, message: str) -> None:
    text = f"{HEAD}    {line}\n    steps: [{{wait: 1h}}]\n"
    assert refused(text).startswith(f"line 4: journeys[0].{message}")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{}", ": must have exactly one of event, stage, schedule, catalog, api"),
        ("{event: A, stage: known}", ": must have exactly one of event, stage, schedule"),
        ("[]", ": must have at least one, such as {event: Checkout Started}"),
        ("[{event: A}, {evnt: A}]", "[1].evnt: unknown key (did you mean event?)"),
        ("Checkout Started", ": must be a mapping with event, stage"),
        ("{event: A, key: ''}", ".key: must not be empty"),
        ("{event: A, when: ''}", '.when: must be a rule such as "event.value >= 20", not empty'),
        ("{schedule: '09:00', key: a}", ".key: goes with event or stage or catalog only"),
        ("{event: A, drop_min: 5%}", ".drop_min: goes with catalog only"),
        ("{catalog: new_item, drop_min: 5%}", ".drop_min: goes with catalog: price_drop only"),
        ("{catalog: price_drop, people_max: 5}", ".people_max: goes with catalog: new_item only"),
        ("{catalog: new_item, people_max: 0}", ".people_max: must be a whole number from 1 to"),
        ("{catalog: sold}", ".catalog: must be one of back_in_stock, price_drop, new_item, not"),
        ("{schedule: daily}", '.schedule.at: must be a time such as "09:00" or "mon,tue 09:00"'),
        ("{schedule: {timezone: UTC}}", ".schedule: at is required, such as at:"),
        (
            "{schedule: {at: '09:00', timezone: Mars/Base}}",
            ".schedule.timezone: unknown time zone 'Mars/Base'; use an IANA name such as",
        ),
        ("{api: false}", ".api: must be true: an entry that only the API opens"),
    ],
)
def test_an_entry_that_is_wrong_is_refused_with_its_line(entry: str, message: str) -> None:
    text = f"journeys:\n  - journey_id: trial\n    entry: {entry}\n    steps: [{{wait: 1h}}]\n"
    assert refused(text).startswith(f"line 3: journeys[0].entry{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "document: must have journeys at its top level"),
        ("journey: []", "line 1: journey: unknown key (did you mean journeys?); known: journeys"),
        ("journeys: {}", "line 1: journeys: must be a list, each with its journey_id, not an obje"),
        ("journeys: [{}]", "line 1: journeys[0]: journey_id is required, such as journey_id:"),
        ("journeys: [7]", "line 1: journeys[0]: must be a mapping with journey_id"),
        ("journeys: [{journey_id: a}]", "line 1: journeys[0]: entry is required, such as entry:"),
        (f"{HEAD}    steps: []", "line 4: journeys[0].steps: must have at least one step"),
        (HEAD, "line 2: journeys[0]: steps is required, such as steps: [{wait: 1h}, …]"),
        ("journeys: [", "line 2: document: not valid YAML"),
        (
            f"{BASKET}{BASKET[10:]}",
            "line 13: journeys[1].journey_id: 'abandoned_basket' is defined twice: ids must differ",
        ),
    ],
)
def test_a_document_that_is_wrong_is_refused_with_its_line(text: str, message: str) -> None:
    assert refused(text).startswith(message)


# -- the ways through --------------------------------------------------------------------------------------


def of_steps(*steps: str, head: str = HEAD) -> str:
    return head + "    steps:\n" + "".join(f"      - {step}\n" for step in steps)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            ("{id: a, exit: x}", "{id: b, wait: 1h}"),
            "line 6: journeys[0].steps[1]: step 'b' is never reached: name it in a then or else, or take it out",
        ),
        (
            ("{id: a, wait: 1h, then: c}", "{id: b, wait: 1h, then: b}", "{id: c, exit: x}"),
            "line 6: journeys[0].steps[1]: step 'b' is never reached: name it in a then or else, or take it out",
        ),
        (
            (
                "{id: a, wait: 1h}",
                "{id: b, decide: mail, then: d, else: c}",
                "{id: c, update: {x: 1}, then: b}",
                "{id: d, exit: x}",
            ),
            "line 6: journeys[0].steps[1]: goes round without waiting (b → c → b): put a wait, ",
        ),
        (
            ("{id: a, emit: {event: X}, then: a}",),
            "line 5: journeys[0].steps[0]: goes round without waiting (a → a):",
        ),
        (
            ("{id: a, wait_for: {event: Seen, within: 1d}}", "{id: b, emit: {event: seen}}"),
            "line 6: journeys[0].steps[1].emit: logs 'seen', which this journey itself waits for",
        ),
    ],
)
def test_steps_that_do_not_fit_together_are_refused(steps: tuple[str, ...], message: str) -> None:
    assert refused(of_steps(*steps)).startswith(message)


def test_a_circle_that_waits_is_taken() -> None:
    journey = parsed(
        of_steps("{id: a, decide: mail, then: b, else: b}", "{id: b, wait: 1d, then: a}")
    )
    assert [step.step_id for step in journey.steps] == ["a", "b"]


def test_a_journey_may_not_begin_itself_again() -> None:
    again = HEAD + "    reentry: always\n"
    begins = ("{emit: {event: checkout_started}}",)
    assert "steps[0].emit: logs 'checkout started'" in refused(of_steps(*begins, head=again))
    assert parsed(of_steps(*begins)).reentry == "once"
    waits = ("{wait_for: {event: Seen, within: 1h}}", "{emit: {event: Seen}}")
    assert "steps[1].emit: logs 'seen'" in refused(of_steps(*waits, head=again))
    by_traits = again.replace("Checkout Started", "identify")
    assert "steps[0].update: logs 'identify'" in refused(
        of_steps("{update: {vip: true}}", head=by_traits)
    )


def test_waiting_for_the_same_key_needs_one() -> None:
    keyless = HEAD.replace(", key: order_id", "")
    wait = "{wait_for: {event: A, key: order_id, within: 1h}}"
    assert "wait_for.key: no entry has a key to compare with" in refused(
        of_steps(wait, head=keyless)
    )
    by_api = keyless.replace("event: Checkout Started", "api: true")
    assert len(parsed(of_steps(wait, head=by_api)).steps) == 1


def test_at_most_200_steps() -> None:
    steps = ["{wait: 1h}"] * 200
    assert len(parsed(of_steps(*steps)).steps) == 200
    assert "steps: has 201 entries; at most 200 are taken" in refused(
        of_steps(*steps, "{wait: 1h}")
    )


def test_bodies_are_plain_data_of_at_most_32_levels() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    for value, words in (
        (deep, "nested deeper than 32"),
        (float("nan"), "must be a finite number"),
    ):
        steps = [{"emit": {"event": "A", "properties": {"x": value}}}]
        raw = [{"journey_id": "a", "entry": {"api": True}, "steps": steps}]
        with pytest.raises(InvalidInput, match=words) as error:
            journeys_from(raw, placements={}, experiences={})
        assert error.value.field.startswith("journeys[0].steps[0].emit.properties.x")


def test_a_document_has_at_most_a_mebibyte() -> None:
    with pytest.raises(TooLarge):
        parse_journeys("#" * (1 << 21), placements={}, experiences={})


def test_a_transactional_placement_is_sent_to_and_chooses_nothing() -> None:
    placements = {
        "receipts": Placement(placement_id="receipts", channel="email", transactional=True)
    }
    experiences = {"receipt": Experience(experience_id="receipt", placements=["receipts"])}

    def read(step: dict[str, Any]) -> Journey:
        raw = [{"journey_id": "j", "entry": {"event": "Order Completed"}, "steps": [step]}]
        return journeys_from(raw, placements=placements, experiences=experiences)["j"]

    with pytest.raises(InvalidInput, match="use send with its experience"):
        read({"decide": "receipts"})
    sent = read({"send": {"placement": "receipts", "experience": "receipt"}}).steps[0].do
    assert isinstance(sent, Send)
