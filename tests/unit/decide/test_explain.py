"""A record in words, and its comparison with a recomputed decision."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eachwise.contracts.decision import DecisionRecord, Inputs, OutcomeView
from eachwise.decide import Choice, compare, decide, explain
from eachwise.settings import DecideSettings
from tests.unit.decide.making import NOW_US, experiences_of, plan_of, shop, situation_of

PLAN = plan_of(experiences_of("beef", "fish", "fruit"), shop())


def made(**changes: Any) -> tuple[DecisionRecord, Choice]:
    """A choice, and the record that the shell makes of it."""
    hidden = {"experience:beef-week": NOW_US}
    choice = decide(situation_of(PLAN, hidden=hidden, **changes))
    inputs = Inputs(
        state=b"",
        reservations=[],
        context={},
        count=None,
        placement_id="hero",
        now_us=NOW_US,
        catalog_version=4,
        definitions_version=2,
        models={"propensity": 7},
        policy="thompson",
        seed=1,
    )
    record = DecisionRecord(
        decision_id="d1",
        individual_id="p1",
        asked_as=[],
        request_id=None,
        inputs=inputs,
        experience_id=choice.experience_id,
        probability=choice.probability,
        items=choice.items,
        candidates=len(choice.candidates),
        leading=choice.leading(2),
        filters=choice.filters,
        filtered=choice.filtered[:10],
        features=choice.features,
        reasons=choice.reasons,
    )
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=DecisionRecord)
    return stored, choice


def nudged(record: DecisionRecord, by: float) -> DecisionRecord:
    """The record with the first leading candidate's P(take-up) off by so much."""
    first = record.leading[0]
    factors = msgspec.structs.replace(first.factors, p_takeup=first.factors.p_takeup + by)
    leading = [msgspec.structs.replace(first, factors=factors), *record.leading[1:]]
    return msgspec.structs.replace(record, leading=leading)


def test_a_stored_record_is_recomputed_exactly() -> None:
    for seed in range(20):
        record, choice = made(seed=seed)
        found = compare(record, choice)
        assert (found.exact, found.agrees, found.differences) == (True, True, [])


def test_rounding_agrees_and_more_than_rounding_does_not() -> None:
    record, choice = made()
    close = compare(nudged(record, 1e-12), choice)
    assert (close.exact, close.agrees) == (False, True)
    far = compare(nudged(record, 1e-6), choice)
    assert (far.exact, far.agrees) == (False, False)
    assert "p_takeup: recorded" in far.differences[0]
    assert not compare(nudged(record, float("nan")), choice).agrees


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("experience_id", "steak", "choice: recorded 'steak'"),
        ("probability", 0.999, "probability: recorded 0.999"),
        ("candidates", 9, "number of candidates: recorded 9"),
        ("filters", {"consent": 1}, "filters: recorded"),
        ("filtered", [], ""),
        ("features", {"bias": 1.0}, "names of features"),
        ("items", [], "items: recorded []"),
    ],
)
def test_every_part_is_compared(field: str, value: Any, words: str) -> None:
    record, choice = made(settings=DecideSettings(policy="epsilon_greedy", epsilon=0.0))
    found = compare(msgspec.structs.replace(record, **{field: value}), choice)
    assert found.agrees == (words == "")
    assert any(words in each for each in found.differences) or not words


def test_a_filter_that_says_something_else_is_a_difference() -> None:
    record, choice = made()
    other = msgspec.structs.replace(record.filtered[0], reason="because")
    found = compare(msgspec.structs.replace(record, filtered=[other]), choice)
    assert found.differences[0].startswith("filter of beef-week")


def test_explanation_in_words() -> None:
    record, choice = made(settings=DecideSettings(policy="epsilon_greedy", epsilon=0.0))
    outcome = OutcomeView(
        at="2025-06-15", action="click", event="Experience Clicked", message_id="m"
    )
    text = "\n".join(explain(record, [outcome]))
    assert "2025-06-15 15:06 UTC, hero, individual p1" in text
    assert f"chosen: {choice.experience_id}, with probability 1.0000 among 3 candidates" in text
    assert "take-up " in text
    assert "× lever 1 − κ 3 × disconnect" in text
    assert "filtered out: suppression 1" in text
    assert "beef-week by suppression: the person hid it on 2025-06-15 15:06" in text
    assert "item 1: i00" in text
    assert "models propensity 7" in text
    assert "features of" in text
    assert "came back 2025-06-15: click (Experience Clicked)" in text


def test_what_failed_and_what_the_record_does_not_name() -> None:
    record, _ = made(consent=(False, "no"))
    failed = msgspec.structs.replace(record, failed="ValueError: broken")
    text = "\n".join(explain(failed, explorations_max=7))
    assert "failed: ValueError: broken" in text
    assert "no draw; shown for the sake of learning within the day before: 0 of at most 7" in text
    assert "of at most" not in "\n".join(explain(record))
    short = explain(msgspec.structs.replace(record, filtered=record.filtered[:1]))
    assert "  and 2 more" in short
    assert "funnel: 3 declared → schedule 3 → eligibility 3 → consent 0 (−3)" in "\n".join(short)


def test_the_sum_leaves_out_what_is_nothing() -> None:
    record, choice = made(settings=DecideSettings(policy="epsilon_greedy", epsilon=0.0))
    factors = msgspec.structs.replace(
        record.leading[0].factors, kappa=0.0, price=0.25, clv=0.5, margin=2.0, p_purchase=0.5
    )
    told = msgspec.structs.replace(record.leading[0], factors=factors, priority=1.0)
    record = msgspec.structs.replace(record, leading=[told, *record.leading[1:]])
    (line,) = [each for each in explain(record) if each.startswith("  worth")]
    assert "lifetime value +0.5000, budgets -0.2500" in line
    assert f"purchases after them {factors.p_takeup:+.4f}" in line
    assert "disconnects" not in line
    assert choice.experience_id == told.experience_id


def test_explanation_of_silence() -> None:
    record, _ = made(consent=(False, "no"))
    lines = explain(record)
    assert lines[1].startswith("chosen: silence, with probability 1.0000")
    assert "  silence: probability 1.0000, priority 0 (always)" in lines
    assert not any("come back" in line for line in lines)
