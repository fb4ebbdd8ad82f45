"""What each kind of step, each trigger, the goal and the exits do to one instance."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from eachwise.contracts.journey import (
    Answered,
    Asking,
    Begin,
    Due,
    Emit,
    Happened,
    Instance,
    Journey,
    Log,
    Outcome,
    Post,
    Step,
    Trigger,
)
from eachwise.journeys import next_moment, step
from tests.unit.journeys.material import (
    BASKET,
    DAY_US,
    HOUR_US,
    START_US,
    begun,
    coming,
    knows,
    parsed,
    with_steps,
)


def after(journey: Journey, *triggers: Trigger, **names: Any) -> Instance:
    """A begun instance after triggers; names of the person by their first part."""
    person = knows(names={(name,): value for name, value in names.items()})
    at = begun(journey, person).instance
    for trigger in triggers:
        at = step(journey, at, trigger, person).instance
    return at


def due(hours: float) -> Due:
    return Due(now_us=START_US + int(hours * HOUR_US))


def did(event: str, hours: float = 0.5, stage: str = "", **properties: Any) -> Happened:
    now_us = START_US + int(hours * HOUR_US)
    return Happened(now_us=now_us, event=event, properties=properties, stage=stage)


def answer(outcome: Outcome, hours: float = 1.5) -> Answered:
    now_us = START_US + int(hours * HOUR_US)
    return Answered(now_us=now_us, outcome=outcome, experience_id="spring", decision_id="d1")


def place(instance: Instance) -> tuple[str, str, str]:
    return instance.status, instance.step, instance.reason


# -- waits -------------------------------------------------------------------------------------------------


def test_a_wait_ends_at_its_time_and_not_before() -> None:
    journey = with_steps("{id: rest, wait: 2h}\n{id: more, wait: 1d}")
    rests = begun(journey).instance
    assert (rests.step, rests.path, rests.wake_at_us) == ("rest", 1, START_US + 2 * HOUR_US)
    assert step(journey, rests, due(1.99), knows()).instance == rests
    late = step(journey, rests, due(3), knows()).instance
    assert (late.step, late.path, late.wake_at_us) == ("more", 2, START_US + 27 * HOUR_US)


def test_after_the_last_step_it_is_completed() -> None:
    ended = after(with_steps("{wait: 2h}"), due(2))
    assert place(ended) == ("completed", "step1", "")
    assert (ended.wake_at_us, ended.ended_at_us) == (0, START_US + 2 * HOUR_US)


@pytest.mark.parametrize(
    ("zone", "wanted", "hours"),
    [
        ("UTC", "09:00", 1),
        ("UTC", "08:00", 24),  # it is eight: the next one
        ("UTC", "07:59", 23 + 59 / 60),
        ("Europe/Berlin", "09:00", 24),  # nine there already
        ("Europe/Berlin", "10:00", 1),
        ("America/New_York", "09:00", 6),  # three at night there
        ("UTC", "tue 07:00", 23),
        ("UTC", "mon 08:00", 7 * 24),
        ("UTC", "sun,mon 07:00", 6 * 24 - 1),
        (None, "09:00", 1),  # the zone is not known: UTC
    ],
)
def test_waiting_until_a_time_goes_by_the_persons_clock(
    zone: str | None, wanted: str, hours: float
) -> None:
    journey = with_steps(f'{{wait_until: "{wanted}"}}')
    rests = begun(journey, knows(zone)).instance
    assert rests.wake_at_us - START_US == round(hours * HOUR_US)


@pytest.mark.parametrize(
    ("now", "at", "expected"),
    [
        # 2026-03-29 has no 02:30 in Berlin: it comes as 03:30, summer time.
        ("2026-03-29T00:00", 150, "2026-03-29T01:30"),
        # 2026-10-25 has 02:30 twice: the first one, and once gone, tomorrow's.
        ("2026-10-25T00:00", 150, "2026-10-25T00:30"),
        ("2026-10-25T00:45", 150, "2026-10-26T01:30"),
        ("2026-10-25T01:15", 150, "2026-10-26T01:30"),
        # A day of 25 hours: nine is nine.
        ("2026-10-24T08:00", 540, "2026-10-25T08:00"),
        ("2026-03-28T09:00", 540, "2026-03-29T07:00"),
    ],
)
def test_changes_to_and_from_summer_time(now: str, at: int, expected: str) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    times = [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (now, expected)]
    now_us, expected_us = ((each - epoch) // timedelta(microseconds=1) for each in times)
    assert next_moment(at, (), now_us, knows("Europe/Berlin")) == expected_us


def test_waiting_for_an_event_of_the_same_key() -> None:
    journey = parsed(BASKET)
    waits = begun(journey).instance
    assert (waits.step, waits.waiting) == ("order", "cart viewed")
    assert after(journey, did("Cart Viewed", order_id="o2")) == waits
    assert after(journey, did("Cart Viewed")) == waits
    assert after(journey, did("Cart Cleared", order_id="o1")) == waits
    came = after(journey, did("cart_viewed", order_id="o1"))
    assert place(came) == ("completed", "done", "recovered")


def test_a_number_and_its_text_are_one_key() -> None:
    journey = with_steps(
        "{wait_for: {event: Paid, key: order.id, within: 1h}, then: done}\n{id: done, exit: paid}"
    )
    waits = msgspec.structs.replace(begun(journey).instance, key="7")
    for sent in (7, 7.0, "7"):
        came = step(journey, waits, did("Paid", order={"id": sent}), knows())
        assert came.instance.reason == "paid"


def test_without_a_key_no_event_has_the_same() -> None:
    waits = msgspec.structs.replace(begun(parsed(BASKET)).instance, key="")
    for came in (
        did("Cart Viewed"),
        did("Cart Viewed", order_id=""),
        did("Cart Viewed", order_id="o1"),
    ):
        assert step(parsed(BASKET), waits, came, knows()).instance == waits


def test_a_wait_that_nothing_ends_goes_on_at_else() -> None:
    waits = after(parsed(BASKET), due(1))
    assert (waits.step, waits.waiting, waits.path) == ("nudge", "", 2)


def test_without_else_both_ways_are_then() -> None:
    journey = with_steps(
        "{wait_for: {event: Viewed, within: 1h}, then: last}\n{id: last, wait: 1h, then: step3}\n{exit: out}"
    )
    assert after(journey, due(1)).step == after(journey, did("Viewed")).step == "last"
    skips = with_steps(
        "{branch: [{when: lapsed, then: b}]}\n{decide: mail, then: c}\n{id: b, exit: b}\n{id: c, exit: c}"
    )
    assert after(skips, answer("held")).reason == "c"


def test_a_wait_may_be_particular() -> None:
    journey = with_steps(
        "{wait_for: {event: Viewed, within: 1h, when: 'event.price > 10'}, then: yes, else: no}\n"
        "{id: no, exit: no}\n{id: yes, exit: yes}"
    )
    assert after(journey, did("Viewed", price=5)).status == "active"
    assert after(journey, did("Viewed", price=15)).reason == "yes"
    assert after(journey, due(1)).reason == "no"


def test_one_event_ends_one_wait() -> None:
    journey = with_steps(
        "{id: one, wait_for: {event: Viewed, within: 1d}}\n"
        "{id: two, wait_for: {event: Viewed, within: 1d}}"
    )
    assert after(journey, did("Viewed")).step == "two"


# -- contacts ----------------------------------------------------------------------------------------------


def test_a_decision_is_asked_for_and_its_answer_goes_on() -> None:
    journey = parsed(BASKET)
    asks = after(journey, due(1))
    now_us = START_US + HOUR_US
    assert asks.asking == Asking("mail", (), now_us + 2 * DAY_US, now_us, "now")
    assert asks.wake_at_us == now_us
    assert after(journey, due(1), due(30)) == asks
    sent = after(journey, due(1), answer("sent"))
    assert place(sent) == ("completed", "done", "recovered")
    assert (sent.contacts, sent.asking) == (1, None)


def test_sending_asks_for_one_experience() -> None:
    journey = with_steps("{send: {placement: push, experience: welcome, within: 3h}}")
    asks = begun(journey).instance
    assert asks.asking == Asking("push", ("welcome",), START_US + 3 * HOUR_US, START_US, "best")


@pytest.mark.parametrize("outcome", ["silence", "held", "outbid"])
def test_a_contact_that_was_not_sent_goes_on_at_else(outcome: Outcome) -> None:
    journey = with_steps(
        "{decide: mail, else: not_sent}\n{id: was_sent, exit: sent}\n{id: not_sent, exit: not}"
    )
    assert after(journey, answer("sent")).reason == "sent"
    other = after(journey, answer(outcome))
    assert (other.reason, other.contacts) == ("not", 0)


def test_rules_know_the_last_contact_and_the_key() -> None:
    journey = with_steps(
        "{decide: mail}\n"
        '{branch: [{when: \'contact.outcome == "held" and contact.reason == "consent" and'
        ' not has(contact.experience) and key == "o1"\', then: held}]}\n'
        "{exit: other}\n{id: held, exit: held}"
    )
    held = Answered(now_us=START_US, outcome="held", reason="consent")
    assert after(journey, held).reason == "held"
    assert after(journey, answer("sent")).reason == "other"


def test_an_answer_that_nobody_asked_for_changes_nothing() -> None:
    waits = after(parsed(BASKET))
    assert after(parsed(BASKET), answer("sent")) == waits


# -- ways --------------------------------------------------------------------------------------------------


def test_a_branch_goes_where_the_first_rule_holds() -> None:
    journey = with_steps(
        "{branch: [{when: 'lapsed', then: gone}, {when: 'engagement > 50', then: keen}], else: other}\n"
        "{id: gone, exit: gone}\n{id: keen, exit: keen}\n{id: other, exit: other}"
    )
    assert after(journey, lapsed=True, engagement=80).reason == "gone"
    assert after(journey, lapsed=False, engagement=80).reason == "keen"
    assert after(journey, lapsed=False, engagement=8).reason == "other"
    assert after(journey).reason == "other"


def test_a_branch_knows_what_began_it() -> None:
    journey = with_steps(
        "{branch: [{when: 'event.value > 20', then: dear}]}\n{exit: cheap}\n{id: dear, exit: dear}"
    )
    assert after(journey).reason == "dear"
    assert begun(journey, properties={"value": 3}).instance.reason == "cheap"


def test_a_split_sends_each_person_the_same_way_by_its_shares() -> None:
    journey = with_steps(
        "{split: [{share: 30%, then: a}, {share: 0.7, then: b}]}\n{id: a, exit: a}\n{id: b, exit: b}"
    )
    ways = []
    for number in range(2000):
        person = msgspec.structs.replace(coming(journey), individual_id=f"p{number}")
        moved = [step(journey, person, Begin(now_us=START_US), knows()) for _ in range(2)]
        assert moved[0] == moved[1]
        ways.append(moved[0].instance.reason)
    # 2,000 draws of 0.3: a standard deviation of 20.
    assert abs(ways.count("a") - 600) < 100


# -- effects -----------------------------------------------------------------------------------------------


def test_what_a_step_has_done_outside_is_a_command_with_an_id_of_its_own() -> None:
    journey = with_steps(
        "{update: {vip: true, order: {from: event.order_id}}}\n"
        "{emit: {event: Vip Made, properties: {name: [{from: trait.first_name}, {from: trait.none}]}}}\n"
        "{webhook: {url: 'https://shop.example/hook', body: {value: {from: event.value}, n: 1}}}\n"
        "{exit: made}"
    )
    moved = begun(journey, knows(names={("trait", "first_name"): "Anna"}))
    ended = moved.instance
    assert place(ended) == ("completed", "step4", "made")
    body = {
        "journey_id": "trial",
        "version": 0,
        "step": "step3",
        "instance_id": ended.instance_id,
        "individual_id": "anna",
        "key": "o1",
        "body": {"value": 30, "n": 1},
    }
    assert moved.commands == (
        Log(
            effect_id=f"{ended.instance_id}:1",
            step="step1",
            event="identify",
            traits={"vip": True, "order": "o1"},
        ),
        Log(
            effect_id=f"{ended.instance_id}:2",
            step="step2",
            event="Vip Made",
            properties={"name": ["Anna", None]},
        ),
        Post(
            effect_id=f"{ended.instance_id}:3",
            step="step3",
            url="https://shop.example/hook",
            body=body,
        ),
    )


# -- goal, exits, holdout ----------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [(), (due(1),)])
def test_the_goal_ends_it_at_once_also_while_a_contact_is_asked_for(before: tuple[Due]) -> None:
    reached = after(parsed(BASKET), *before, did("order completed", 1.2))
    assert (reached.status, reached.wake_at_us, reached.asking) == ("goal", 0, None)
    assert reached.goal_at_us == reached.ended_at_us == START_US + round(1.2 * HOUR_US)


@pytest.mark.parametrize(
    ("stage", "status"),
    [("known", "active"), ("engaged", "goal"), ("repeat", "goal"), ("", "active")],
)
def test_a_stage_at_or_beyond_the_goals_reaches_it(stage: str, status: str) -> None:
    journey = with_steps("{wait: 1d}", more="    goal: {stage: engaged}\n")
    assert after(journey, did("Viewed", stage=stage)).status == status


def test_a_goal_may_be_particular() -> None:
    goal = "    goal: {event: Paid, when: 'event.order == key'}\n"
    journey = with_steps("{wait: 1d}", more=goal)
    assert after(journey, did("Paid", order="o2")).status == "active"
    assert after(journey, did("Paid", order="o1")).status == "goal"


def test_an_exit_ends_it_with_its_reason() -> None:
    journey = with_steps(
        "{wait: 1d}\n{wait: 1d}",
        more="    exits: [{event: Basket Emptied}, {when: 'lapsed', reason: gone}]\n",
    )
    assert place(after(journey, did("basket emptied"))) == ("exited", "step1", "Basket Emptied")
    stays = begun(journey).instance
    gone = knows(names={("lapsed",): True})
    for trigger in (did("Viewed"), due(24)):
        left = step(journey, stays, trigger, gone).instance
        assert place(left) == ("exited", "step1", "gone")
    # A timer before its time is no move of the person's.
    assert step(journey, stays, due(2), gone).instance == stays
    assert begun(journey, gone).instance.status == "exited"


def test_a_contact_that_was_sent_counts_although_the_person_leaves_then() -> None:
    journey = with_steps("{decide: mail}", more="    exits: [{when: 'lapsed'}]\n")
    asks = begun(journey).instance
    left = step(journey, asks, answer("sent"), knows(names={("lapsed",): True})).instance
    assert (left.status, left.contacts, left.reason) == ("exited", 1, "lapsed")


def test_in_the_holdout_nothing_is_done() -> None:
    journey = with_steps("{emit: {event: Seen}}\n{wait: 1d}")
    moved = step(journey, coming(journey), Begin(now_us=START_US, withheld=True), knows())
    assert moved.commands == ()
    assert (moved.instance.status, moved.instance.arm) == ("holdout", "holdout")
    assert (moved.instance.step, moved.instance.ended_at_us) == ("", START_US)


# -- odd orders --------------------------------------------------------------------------------------------


def test_an_instance_that_was_stored_before_it_began_begins_when_due() -> None:
    journey = with_steps("{wait: 1d}")
    assert step(journey, coming(journey), due(0), knows()) == begun(journey)


def test_it_begins_once() -> None:
    journey = with_steps("{emit: {event: Seen}}\n{wait: 1d}")
    first = begun(journey)
    again = step(journey, first.instance, Begin(now_us=START_US), knows())
    assert (again.instance, again.commands) == (first.instance, ())


def test_a_step_that_its_version_lacks_ends_it_and_says_so() -> None:
    stands = begun(with_steps("{id: old, wait: 1h}")).instance
    other = with_steps("{id: new, wait: 1h}")
    ended = step(other, stands, due(1), knows()).instance
    assert place(ended) == ("exited", "old", "step 'old' is not in version 0")


def test_without_steps_it_is_completed_at_once() -> None:
    journey = msgspec.structs.replace(with_steps("{wait: 1h}"), steps=())
    assert begun(journey).instance.status == "completed"


def test_a_journey_made_in_python_moves_as_one_that_was_read() -> None:
    read = with_steps("{id: a, emit: {event: Seen}}")
    made = msgspec.structs.replace(read, steps=(Step(step_id="a", do=Emit(event="Seen")),))
    assert begun(made) == begun(read)
