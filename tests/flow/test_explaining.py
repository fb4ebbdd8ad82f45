"""A decision in words: complete for the operator; for the person from their own acts, without the operator's names."""

from __future__ import annotations

import re

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import NotFound
from tests.flow.shop import DEFINITIONS, answer, furnish, view


def shown_to(engine: Engine, user: str, experience: str = "") -> str:
    """The id of a decision for this experience (by default any, and not silence)."""
    for number in range(100):
        (decided,) = engine.decide(user, placements=["hero"]).decisions
        if decided.experience_id == experience or not (experience or decided.is_silence):
            return decided.decision_id
        engine.clock.advance(seconds=number)  # type: ignore[attr-defined]
    raise AssertionError("not once in a hundred times")


def test_the_operator_reads_everything(engine: Engine, clock: SettableClock) -> None:
    experiences = [dict(each) for each in DEFINITIONS["experiences"]]
    experiences[0]["caps"] = [{"count": 1, "window_s": 86_400}]
    experiences[1]["eligibility"] = {"stages": ["customer"]}
    experiences[2]["budgets"] = [{"limit": 9, "window_s": 86_400}]
    engine.define({**DEFINITIONS, "experiences": experiences})
    view(engine, "u", "cake-0", "cake-1", "cake-0", "cake-2", "cake-3")
    engine.track(
        "u", "Preference Declared", {"attribute": "category", "value": "cake", "preference": "like"}
    )
    answer(engine, "u", shown_to(engine, "u"), "Viewed")
    clock.advance(seconds=2)
    decision_id = shown_to(engine, "u", experience="cake-offer")
    answer(engine, "u", decision_id, "Viewed")
    record = engine.decision(decision_id)
    lines = engine.explain(decision_id).lines
    text = "\n".join(lines)
    chosen = next(each for each in record.leading if each.experience_id == record.experience_id)
    assert f"worth {chosen.priority:+.4f}: take-ups bring" in text
    money = [float(each) for each in re.findall(r"[a-z] ([+-]\d+\.\d{4})", line(lines, "  worth "))]
    assert sum(money[1:]) == pytest.approx(money[0], abs=3e-4)
    assert re.search(
        r"policy thompson: (not )?the best by expectation; .*: \d+ of at most 20", text
    )
    assert "funnel: 4 declared → schedule 4 → eligibility 3 (−1) → consent 3" in text
    left = int(re.findall(r"no_items (\d+)", text)[0])
    assert left == record.candidates - 1
    assert "seed " + str(record.inputs.seed) in text
    match = line(lines, "  match:category")
    assert "items as of Monday 2026-09-21 14:13:25 UTC" in match
    assert "declared +1 on Monday 2026-09-21 14:13:25 UTC" in match
    assert "view cake-3 Monday 2026-09-21 14:13:25 UTC, view cake-2" in match
    assert "2 acts before" in match
    assert "1 active days, the newest 2026-09-21" in line(lines, "  engagement")
    assert "scores of taste" in line(lines, "  items")
    assert "shown" in line(lines, "  fatigue:all")
    assert "came back" in lines[-1]


def line(lines: list[str], start: str) -> str:
    (found,) = [each for each in lines if each.startswith(start)]
    return found


def test_the_page_the_places_and_the_budgets_are_told(engine: Engine, clock: SettableClock) -> None:
    experiences = [dict(each) for each in DEFINITIONS["experiences"]]
    experiences[0]["budgets"] = [{"limit": 1, "window_s": 86_400}]
    for each in experiences[:4]:
        each["placements"] = ["hero", "rail"]
    engine.define({**DEFINITIONS, "experiences": experiences})
    for number in range(40):
        user = f"u{number}"
        engine.decide(user, placements=["hero", "rail"])
    told = [
        "\n".join(engine.explain(each.decision_id).lines)
        for number in range(40)
        for each in engine.why(f"u{number}").decisions
    ]
    assert any("the page had already: " in each for each in told)
    assert any("place held under the caps: " in each for each in told)
    assert any("used up: beef-offer: its budget of 1 exposures is used up" in each for each in told)


def test_the_person_reads_of_their_own_acts_only(engine: Engine, clock: SettableClock) -> None:
    for number in range(20):
        view(engine, f"other-{number}", "fish-0", "fish-1", "beef-2")
    view(engine, "u", "cake-0", "cake-1", "cake-2", "cake-0")
    clock.advance(seconds=60)
    engine.tick()
    decision_id = shown_to(engine, "u", experience="cake-offer")
    told = engine.explain_to_person(decision_id)
    text = "\n".join([*told.lines, *told.change])
    assert told.lines[0].endswith("you were shown “Offer: cake”.")
    assert "What you did lately: Cake 0 (looked at, Monday 2026-09-21" in text
    assert text.count("Cake 0 (") == 1
    assert told.change[0] == "Hide it, and you are not shown it again."
    assert "such as cake," in told.change[1]
    assert "Fish" not in text
    record = engine.decision(decision_id)
    secret = {
        record.experience_id,
        record.inputs.placement_id,
        record.inputs.policy,
        *record.features,
        *record.filters,
        *(each.item_id for each in record.items),
        *(each.experience_id for each in record.leading),
        "probability",
        "priority",
        "value",
        "EUR",
        "score",
    }
    assert [word for word in secret if re.search(rf"\b{re.escape(word)}\b", text)] == []


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        ("consent", "You have not agreed to be sent this."),
        ("hidden", "You had hidden what there was."),
        ("quiet", "It was a time at which you are left alone."),
        ("none", "There was nothing for you at that moment."),
        ("worth", "Nothing seemed worth your attention at that moment."),
    ],
)
def test_the_person_reads_why_nothing_was_shown(engine: Engine, prepare: str, words: str) -> None:
    definitions = {
        "placements": [dict(each) for each in DEFINITIONS["placements"]],
        "experiences": [dict(each) for each in DEFINITIONS["experiences"]],
    }
    placement = {"consent": "mail"}.get(prepare, "hero")
    definitions["placements"][0]["title"] = "Front page"
    if prepare == "quiet":
        definitions["placements"][0]["quiet_hours"] = "00:00-23:59"
    for each in definitions["experiences"]:
        if prepare == "worth":
            each["cost"] = 1_000.0
        if prepare == "none":
            each["starts_at"] = "2030-01-01"
        if prepare == "hidden":
            engine.track("u", "Experience Hidden", {"experience_id": each["experience_id"]})
    engine.define(definitions)
    (decided,) = engine.decide("u", placements=[placement]).decisions
    assert decided.is_silence
    told = engine.explain_to_person(decided.decision_id)
    assert told.lines[1] == words
    assert ("(Front page)" in told.lines[0]) == (placement == "hero")
    assert not any("Hide it" in each for each in told.change)


def test_a_newcomer_is_told_that_little_is_known(engine: Engine) -> None:
    told = engine.explain_to_person(shown_to(engine, "new"))
    assert "Too little is known of what you like to say why." in told.lines or (
        "Something new, to learn what you like." in told.lines
    )
    with pytest.raises(NotFound):
        engine.explain_to_person("d-0")


def test_what_was_said_is_told_back(engine: Engine) -> None:
    furnish(engine)
    for value in ("beef", "fish", "tofu", "cake"):
        engine.track(
            "u",
            "Preference Declared",
            {"attribute": "category", "value": value, "preference": "like"},
        )
    told = engine.explain_to_person(shown_to(engine, "u"))
    assert any(
        re.fullmatch(r"You told us on Monday .* that you like (beef|fish|tofu|cake)\.", each)
        for each in told.lines
    )
