"""What became of one experience: of the decision made again, and of the record where that cannot be."""

from __future__ import annotations

import msgspec

from eachwise.contracts.experience import Experience
from eachwise.decide import standing_elsewhere, standing_of, standing_recorded
from eachwise.decide.safely import decide_safely
from tests.unit.decide.making import NOW_US, experiences_of, plan_of, shop, situation_of
from tests.unit.decide.test_explain import made

GONE = "version 3 of model 'taste' is no longer kept"


def test_every_filter_is_told_and_the_first_named() -> None:
    record, choice = made(taken=["beef-week"])
    situation = situation_of(
        plan_of(experiences_of("beef", "fish", "fruit"), shop()),
        hidden={"experience:beef-week": NOW_US},
        taken=["beef-week"],
    )
    found = standing_of(situation, choice, record, "beef-week")
    assert (found.fate, found.filter) == ("filtered", "suppression")
    assert [each.filter for each in found.filtered] == ["suppression", "taken"]
    assert found.words.endswith("; and by taken: it is on the page already")
    assert {"suppression", "taken"} < {each.kind for each in found.counterfactuals}


def test_a_decision_that_differs_from_its_record_says_so() -> None:
    record, choice = made()
    situation = situation_of(
        plan_of(experiences_of("beef", "fish", "fruit"), shop()),
        hidden={"experience:beef-week": NOW_US},
    )
    off = msgspec.structs.replace(record, probability=record.probability / 2)
    assert "differs from its record" not in standing_of(situation, choice, record, "silence").words
    assert "differs from its record" in standing_of(situation, choice, off, "silence").words
    assert "differs from its record" in standing_of(situation, choice, off, "beef-week").words


def test_the_record_alone_knows_those_it_names() -> None:
    record, choice = made()
    first = record.leading[0]
    found = standing_recorded(record, first.experience_id, GONE)
    assert (found.probability, found.priority) == (first.probability, first.priority)
    assert (found.gap, found.recomputed) == (None, False)
    hidden = standing_recorded(record, "beef-week", GONE)
    assert (hidden.fate, hidden.filter) == ("filtered", "suppression")
    assert GONE in hidden.words
    short = msgspec.structs.replace(record, leading=record.leading[:1])
    unnamed = {each.experience_id for each in choice.candidates} - {first.experience_id}
    assert {standing_recorded(short, name, GONE).fate for name in unnamed} == {"unrecorded"}


def test_a_failed_decision_is_told_for_every_experience() -> None:
    record, choice = made()
    failed = msgspec.structs.replace(record, failed="ValueError: broken")
    situation = situation_of(plan_of(experiences_of("beef", "fish", "fruit"), shop()))
    for found in (
        standing_of(situation, choice, failed, "fish-week"),
        standing_recorded(failed, "fish-week", GONE),
    ):
        assert (found.fate, found.counterfactuals) == ("failed", [])
        assert "ValueError: broken" in found.words


def test_what_the_placement_does_not_have() -> None:
    record, _ = made()
    elsewhere = standing_elsewhere(record, "rail-only", ["rail", "mail"])
    assert elsewhere.fate == "elsewhere"
    assert elsewhere.words == "rail-only is not declared for hero, but for rail, mail"
    assert standing_elsewhere(record, "none", None).fate == "unknown"


def test_the_best_by_expectation_may_lose_the_draw() -> None:
    two = [
        Experience(experience_id=name, placements=["hero"], value=value)
        for name, value in (("best", 1.02), ("other", 1.0))
    ]
    plan = plan_of(two, shop())
    record, _ = made()
    for seed in range(200):
        situation = situation_of(plan, seed=seed)
        choice = decide_safely(situation)
        if choice.experience_id == "other":
            drawn = msgspec.structs.replace(
                record, experience_id="other", probability=choice.probability, explored=True
            )
            found = standing_of(situation, choice, drawn, "best")
            assert (found.fate, found.gap, found.counterfactuals) == ("candidate", 0.0, [])
            assert (
                "the best by expectation; other was drawn, for the sake of learning" in found.words
            )
            return
    raise AssertionError("the other was never drawn")
