"""Instances put off, and taken to a newer version of their journey."""

import msgspec
import pytest

from eachwise.contracts.journey import Asking, Due, Happened, Instance, Journey
from eachwise.journeys import deferred, merged, moved, step
from tests.unit.journeys.material import HOUR_US, START_US, begun, coming, knows, with_steps

MOVE = "    on_edit: move\n"


def newer(steps: str, more: str = MOVE) -> Journey:
    return msgspec.structs.replace(with_steps(steps, more=more), version=1)


def taken(instance: Instance, to: Journey, now_us: int = START_US + HOUR_US) -> Instance:
    found = moved(instance, to, now_us)
    assert found is not None
    assert found.commands == ()
    return found.instance


def test_a_live_instance_is_put_off() -> None:
    asks = begun(with_steps("{decide: mail}")).instance
    later = deferred(asks, START_US + 5)
    assert later == msgspec.structs.replace(asks, wake_at_us=START_US + 5)
    assert deferred(asks, -5).wake_at_us == 1


def test_an_ended_instance_is_not_put_off() -> None:
    ended = begun(with_steps("{exit: done}")).instance
    assert deferred(ended, START_US) == ended


def test_people_finish_their_version_unless_they_are_to_move() -> None:
    rests = begun(with_steps("{id: a, wait: 2h}")).instance
    assert moved(rests, newer("{id: a, wait: 1h}", more=""), START_US) is None


def test_who_stands_at_a_step_of_the_same_kind_keeps_its_timer() -> None:
    rests = begun(with_steps("{id: a, wait: 2h}")).instance
    there = taken(rests, newer("{id: b, wait: 9h}\n{id: a, wait_until: '09:00'}"))
    assert there == msgspec.structs.replace(rests, version=1)


def test_who_waits_for_an_event_waits_for_the_newer_one() -> None:
    waits = begun(with_steps("{id: a, wait_for: {event: Paid, within: 2h}}")).instance
    to = newer(
        "{id: a, wait_for: {event: Settled, within: 9h}, then: b, else: b}\n{id: b, wait: 1h}"
    )
    there = taken(waits, to)
    assert (there.waiting, there.wake_at_us) == ("settled", waits.wake_at_us)
    came = Happened(now_us=START_US + HOUR_US, event="settled")
    assert step(to, there, came, knows()).instance.step == "b"


def test_who_asks_for_a_contact_asks_for_the_newer_one_until_the_same_end() -> None:
    asks = begun(with_steps("{id: a, decide: {placement: mail, within: 2h}}")).instance
    to = newer("{id: a, send: {placement: push, experience: welcome, within: 9h, send_time: now}}")
    end_us = START_US + 2 * HOUR_US
    assert taken(asks, to).asking == Asking("push", ("welcome",), end_us, START_US, "now")


@pytest.mark.parametrize(
    "before",
    ["wait: 2h", "wait_for: {event: Paid, within: 2h}", "decide: mail"],
)
@pytest.mark.parametrize(
    "after",
    [
        "wait_until: '10:00'",
        "wait_for: {event: Settled, within: 9h}",
        "send: {placement: push, experience: welcome}",
        "emit: {event: Told}",
    ],
)
def test_a_step_of_another_kind_begins_when_next_due(before: str, after: str) -> None:
    stands = begun(with_steps(f"{{id: a, {before}}}")).instance
    alike = {("wait", "wait_until"), ("wait_for", "wait_for"), ("decide", "send")}
    pair = (before.split(":", maxsplit=1)[0], after.split(":", maxsplit=1)[0])
    now_us = START_US + HOUR_US
    to = newer(f"{{id: a, {after}}}")
    there = taken(stands, to, now_us)
    assert there.arriving == (pair not in alike)
    if there.arriving:
        assert (there.wake_at_us, there.waiting, there.asking) == (now_us, "", None)
        # As if it had come to the newer step just now.
        came = step(to, there, Due(now_us=now_us), knows()).instance
        fresh = begun(to).instance
        assert (came.waiting, came.status, came.path) == (fresh.waiting, fresh.status, 2)
        assert not came.arriving


def test_moves_name_the_new_step_of_an_old_one() -> None:
    rests = begun(with_steps("{id: a, wait: 2h}")).instance
    to = newer("{id: a, wait: 3h}\n{id: b, wait: 4h}", more="    on_edit: {move: {a: b}}\n")
    now_us = START_US + HOUR_US
    there = taken(rests, to, now_us)
    assert (there.step, there.arriving) == ("b", True)
    came = step(to, there, Due(now_us=now_us), knows()).instance
    assert (came.step, came.path, came.wake_at_us) == ("b", 2, now_us + 4 * HOUR_US)


def test_who_was_moved_twice_before_arriving_still_arrives() -> None:
    rests = begun(with_steps("{id: a, wait: 2h}")).instance
    once = taken(rests, newer("{id: a, emit: {event: Told}}"))
    third = msgspec.structs.replace(newer("{id: a, wait: 1h}"), version=2)
    assert taken(once, third).arriving


def test_where_there_is_no_such_step_people_finish_theirs() -> None:
    rests = begun(with_steps("{id: a, wait: 2h}")).instance
    assert moved(rests, newer("{id: b, wait: 3h}"), START_US) is None


def test_who_has_not_begun_begins_the_newer_version() -> None:
    there = taken(coming(with_steps("{id: a, wait: 2h}")), newer("{id: b, wait: 3h}"))
    to = newer("{id: b, wait: 3h}")
    assert step(to, there, Due(now_us=START_US), knows()).instance.step == "b"


def test_nobody_moves_back_nor_to_another_journey_nor_when_ended() -> None:
    old = with_steps("{id: a, wait: 2h}")
    rests = begun(old).instance
    to = newer("{id: a, wait: 3h}")
    assert moved(taken(rests, to), to, START_US) is None
    assert moved(rests, msgspec.structs.replace(to, journey_id="other"), START_US) is None
    ended = step(old, rests, Due(now_us=START_US + 2 * HOUR_US), knows()).instance
    assert moved(ended, to, START_US) is None


def test_who_came_as_far_and_earlier_goes_on() -> None:
    early = begun(with_steps("{id: a, wait: 2h}")).instance
    late = msgspec.structs.replace(
        early, instance_id="late", individual_id="anon", entered_at_us=START_US + 1
    )
    (written,) = merged([early], [late], "anna", START_US + 9)
    assert (written.instance_id, written.status) == ("late", "merged")
    assert written.reason == f"{early.instance_id} goes on"
    (other,) = merged([late], [early], "anna", START_US + 9)
    assert (other.instance_id, other.status) == ("late", "merged")


@pytest.mark.parametrize("withheld_first", [True, False])
def test_from_whom_it_was_withheld_first_it_is_withheld(withheld_first: bool) -> None:
    treated = begun(with_steps("{id: a, wait: 2h}")).instance
    withheld = msgspec.structs.replace(
        treated,
        instance_id="withheld",
        individual_id="anon",
        arm="holdout",
        status="holdout",
        entered_at_us=START_US - 1 if withheld_first else START_US + 1,
    )
    written = {each.instance_id: each for each in merged([treated], [withheld], "anna", START_US)}
    assert (written["withheld"].individual_id, written["withheld"].status) == ("anna", "holdout")
    if withheld_first:
        ended = written[treated.instance_id]
        assert (ended.status, ended.reason) == ("merged", "withheld from this person")
    else:
        assert treated.instance_id not in written
    # What was entered at another version is counted by that version's own holdout.
    newer = msgspec.structs.replace(treated, version=7, entered=7)
    assert [each.instance_id for each in merged([newer], [withheld], "anna", START_US)] == [
        "withheld"
    ]
