"""What is sent: whole, in Segment's shape, and other people's on request."""

import json

import pytest

from eachwise.bench.material import EXPERIENCES, ITEMS, Material, decide_body, touch_bodies


@pytest.fixture(scope="module")
def material() -> Material:
    return Material(people=200, days=3.0)


def test_there_are_a_thousand_items_and_forty_experiences(material: Material) -> None:
    assert len(material.catalogue().splitlines()) == ITEMS
    experiences = json.loads(material.definitions())["experiences"]
    assert len({each["experience_id"] for each in experiences}) == EXPERIENCES


def test_batches_are_full_and_hold_events_of_about_half_a_kilobyte(material: Material) -> None:
    batches = [json.loads(body)["batch"] for body in material.batches(100)]
    assert {len(batch) for batch in batches} == {100}
    sizes = [len(line) for line in material.lines()]
    assert 350 < sum(sizes) / len(sizes) < 650


def test_a_suffix_makes_other_people_and_messages_of_the_same_events(material: Material) -> None:
    ours = [json.loads(line) for line in material.lines()]
    theirs = [json.loads(line) for line in material.lines("-b")]
    for name in ("messageId", "anonymousId", "userId"):
        mine = {each[name] for each in ours if name in each}
        assert mine.isdisjoint(each[name] for each in theirs if name in each)
    emails = [
        {each["traits"]["email"] for each in events if "traits" in each}
        for events in (ours, theirs)
    ]
    assert emails[0]
    assert emails[0].isdisjoint(emails[1])
    assert [each.get("properties") for each in ours] == [each.get("properties") for each in theirs]


def test_a_touch_is_one_event_for_each_person(material: Material) -> None:
    batches = [
        json.loads(body)["batch"] for body in touch_bodies(material, ["a", "b", "c"], "t", 2)
    ]
    assert [[event["userId"] for event in batch] for batch in batches] == [["a", "b"], ["c"]]


def test_a_decision_is_asked_for_one_person_and_placement() -> None:
    assert json.loads(decide_body(anonymous_id="a")) == {
        "anonymousId": "a",
        "placements": ["home_hero"],
    }
