"""Experiences and placements: what is taken, and where a refusal points."""

import re

import msgspec
import pytest
import yaml

from eachwise.catalog import (
    definitions,
    definitions_as_json,
    experiences_from,
    groups_gone,
    parse_definitions,
    placements_from,
)
from eachwise.contracts.errors import InvalidInput, TooLarge
from eachwise.contracts.experience import Cap, Definitions, Eligibility, Experience, Placement
from eachwise.documents import reading

BASE = """\
placements:
  - placement_id: hero
    channel: web
    caps: [{count: 3, window_s: 86400}]
experiences:
  - experience_id: steak
    title: "Steak week"
    kind: offer
    placements: [hero]
    attributes: {category: [beef, meat], diet: no}
    eligibility: {stages: [known], traits: {country: [NO, 1]}}
    starts_at: 2026-01-01
"""
LAST_LINE = BASE.count("\n")


def test_a_document_is_read() -> None:
    found = parse_definitions(BASE)
    assert found.placements == {
        "hero": Placement(placement_id="hero", channel="web", caps=[Cap(count=3, window_s=86400)])
    }
    assert found.experiences == {
        "steak": Experience(
            experience_id="steak",
            title="Steak week",
            kind="offer",
            placements=["hero"],
            attributes={"category": ["beef", "meat"], "diet": "no"},
            eligibility=Eligibility(stages=["known"], traits={"country": ["NO", 1]}),
            starts_at="2026-01-01",
        )
    }


def test_json_comes_back_the_same() -> None:
    found = parse_definitions(BASE)
    plain = definitions_as_json(found)
    assert plain.pop("version") == 0
    assert parse_definitions(msgspec.json.encode(plain)) == found
    assert placements_from(plain["placements"]) == found.placements
    assert experiences_from(plain["experiences"], known_placements=["hero"]) == found.experiences
    assert experiences_from(
        {"experiences": plain["experiences"]}, known_placements=found.placements
    ) == (found.experiences)


def test_groups_of_what_is_gone_are_remembered_up_to_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def declared(*groups: tuple[str, str]) -> dict[str, Experience]:
        return {each: Experience(experience_id=each, group=group) for each, group in groups}

    monkeypatch.setattr(definitions, "GONE_MAX", 2)
    before = Definitions(
        experiences=declared(("b", "new"), ("c", ""), ("d", "sea"), ("e", "sea")),
        groups_gone={"a": "land", "z": "old"},
    )
    now = Definitions(experiences=declared(("d", "land"), ("z", "")))
    assert groups_gone(before, now) == {"b": "new", "e": "sea"}
    monkeypatch.setattr(definitions, "GONE_MAX", 3)
    assert list(groups_gone(before, now)) == ["a", "b", "e"]


def test_json_escapes_that_yaml_does_not_know() -> None:
    text = '{"placements": [{"placement_id": "a", "title": "\\ud83d\\ude00"}]}'
    assert parse_definitions(text).placements["a"].title == "😀"


def test_known_placements_may_be_named() -> None:
    text = "experiences: [{experience_id: a, placements: [mail]}]"
    assert list(parse_definitions(text, known_placements={"mail"}).experiences) == ["a"]
    assert parse_definitions("placements: []") == parse_definitions("experiences:")


# What is put below the experience, the line that is named (from its end), where, and what would be right.
REFUSED = [
    ("    lever: 11", 1, "experiences[0].lever", "must be between 0.1 and 10"),
    ("    lever: .nan", 1, "experiences[0].lever", "must be a number, not a string"),
    ("    levr: 1", 1, "experiences[0].levr", "unknown key (did you mean lever?)"),
    ("    value: -1", 1, "experiences[0].value", "at least 0"),
    ("    cost: -0.5", 1, "experiences[0].cost", "at least 0"),
    ("    cost: 1e999", 1, "experiences[0].cost", "at least 0"),
    ("    cost: cheap", 1, "experiences[0].cost", "must be a number, not a string"),
    ("    ends_at: 2025-12-31", 1, "experiences[0].ends_at", "after starts_at (2026-01-01)"),
    ("    ends_at: soon", 1, "experiences[0].ends_at", "ISO 8601"),
    ("    caps: [{count: 1}]", 1, "experiences[0].caps[0]", "window_s is required"),
    ("    caps:\n    - {count: 0, window_s: 1}", 2, "experiences[0].caps[0].count", "at least 1"),
    ("    items: {wher: {}}", 1, "experiences[0].items.wher", "did you mean where"),
    ("    items: {count: 0}", 1, "experiences[0].items.count", "between 1 and 100"),
    ("    items: {where: {a: []}}", 1, "experiences[0].items.where.a", "at least one value"),
    ("    items: {exclude: {a=b: c}}", 1, "experiences[0].items.exclude.a=b", '"="'),
    ("  - {experience_id: steak, placements: [hero]}", 1, "experiences[1].experience_id", "twice"),
    ("  - {experience_id: silence, placements: [hero]}", 1, "experiences[1].experience_id", "alw"),
    ("  - {experience_id: a, placements: [hera]}", 1, "experiences[1].placements[0]", "mean hero"),
    ("  - {experience_id: a, placements: []}", 1, "experiences[1].placements", "at least one"),
    ("  - {experience_id: a, placements: hero}", 1, "experiences[1].placements", "a list"),
    ("  - {id: a, placements: [hero]}", 1, "experiences[1].id", "did you mean experience_id"),
    ("  - {placements: [hero]}", 1, "experiences[1]", "experience_id is required"),
    ("  - {experience_id: a, placements: [hero], kind: list}", 1, "experiences[1].items", "requir"),
    (
        "  - {experience_id: a, placements: [hero], kind: ad}",
        1,
        "experiences[1].kind",
        "one of off",
    ),
    (
        "  - {experience_id: a, placements: [hero], attributes: {a: 1}}",
        1,
        "experiences[1].attributes.a",
        'write "1"',
    ),
    (
        "  - {experience_id: a, placements: [hero], eligibility: {stages: [old]}}",
        1,
        "experiences[1].eligibility.stages[0]",
        "one of new, known",
    ),
    (
        "  - {experience_id: a, placements: [hero], eligibility: {context: {page: []}}}",
        1,
        "experiences[1].eligibility.context.page",
        "at least one value",
    ),
    (
        "  - experience_id: a\n    placements: [hero]\n    eligibility:\n      when: tait.x == 1",
        4,
        "experiences[1].eligibility.when",
        "of 'a': column 1: unknown name `tait`; did you mean `trait`?",
    ),
    (
        "  - {experience_id: a, placements: [hero], eligibility: {when: 'stage == \"custmer\"'}}",
        1,
        "experiences[1].eligibility.when",
        'column 10: `stage` is never "custmer"',
    ),
    (
        "    caps: [{count: 1, window_s: 9, of: group}]",
        1,
        "experiences[0].caps[0].of",
        "the experience has none",
    ),
    ("    caps: [{count: 1, window_s: 9, of: shop}]", 1, "experiences[0].caps[0].of", "one of"),
    ("    group: ' a'", 1, "experiences[0].group", "blank"),
    ("    risk: soft", 1, "experiences[0].risk", "one of"),
    ("    margin: -1", 1, "experiences[0].margin", "at least 0"),
    ("    budgets: [{limit: 0}]", 1, "experiences[0].budgets[0].limit", "above 0"),
    ("    budgets: [{limit: 1e999}]", 1, "experiences[0].budgets[0].limit", "above 0"),
    (
        "    budgets: [{limit: 1, window_s: -1}]",
        1,
        "experiences[0].budgets[0].window_s",
        "0 for a stock",
    ),
    ("  - steak", 1, "experiences[1]", "a mapping"),
    ("    title: again", 1, "experiences[0].title", "stands twice"),
    ("    1: a", 1, "experiences[0]", 'write "1"'),
    ("    cost: &a 1", 1, "experiences[0]", "anchors"),
    ("    content: *a", 1, "experiences[0]", "aliases"),
    ("    content: " + "[" * 40 + "]" * 40, 1, "document", "nested deeper than 32"),
    ("    content: [", 2, "document", "not valid YAML"),
    ("---\nplacements: []", 1, "document", "only one"),
    ("foo: 1", 1, "foo", "unknown key"),
]


@pytest.mark.parametrize(("text", "below", "field", "words"), REFUSED)
def test_a_refusal_names_line_field_and_fix(text: str, below: int, field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_definitions(f"{BASE}{text}\n")
    assert words in refused.value.message
    assert refused.value.message.startswith(f"line {LAST_LINE + below}: {field}")
    assert refused.value.field == field


PLACEMENTS_REFUSED = [
    ({"placement_id": "a", "count": 0}, "count", "between 1 and 100"),
    ({"placement_id": "a", "channel": "fax"}, "channel", "one of web, app"),
    ({"placement_id": "a", "purpose": ""}, "purpose", "empty"),
    ({"placement_id": "a", "outcome_window_s": 0}, "outcome_window_s", "at least 1 second"),
    ({"placement_id": "a", "sticky_s": -1}, "sticky_s", "at least 0"),
    ({"placement_id": "a", "quiet_hours": "22-8"}, "quiet_hours", "two times of day such as"),
    ({"placement_id": "a", "quiet_hours": "08:00-08:00"}, "quiet_hours", "at different times"),
    ({"placement_id": " "}, "placement_id", "blank"),
    ({"placement_id": "a", "count": 1.5}, "count", "a whole number"),
]


@pytest.mark.parametrize(("raw", "field", "words"), PLACEMENTS_REFUSED)
def test_a_decoded_body_is_refused_by_its_index(raw: object, field: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)) as refused:
        placements_from([{"placement_id": "b"}, raw])
    assert refused.value.field == f"placements[1].{field}"


def test_bodies_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidInput, match="must be a list"):
        placements_from("hero")
    with pytest.raises(InvalidInput, match="unknown key"):
        placements_from({"experiences": []})
    with pytest.raises(InvalidInput, match="top level"):
        parse_definitions("- a")
    with pytest.raises(InvalidInput, match="top level"):
        parse_definitions("")
    with pytest.raises(InvalidInput, match="known: none yet"):
        experiences_from([{"experience_id": "a", "placements": ["hero"]}])


def test_a_cap_may_count_more_than_the_contacts_that_are_kept() -> None:
    found = parse_definitions(f"{BASE}    caps: [{{count: 500, window_s: 60, of: person}}]\n")
    assert found.experiences["steak"].caps == [Cap(count=500, window_s=60, of="person")]


def test_a_document_has_a_limit() -> None:
    with pytest.raises(TooLarge):
        parse_definitions("#" * (1024 * 1024 + 1))


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInput):
        parse_definitions(b"placements: \xff\xfe\xfa")


def test_without_the_c_loader_the_lines_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LOADER", yaml.SafeLoader)
    assert parse_definitions(BASE).experiences
    with pytest.raises(InvalidInput, match=f"^line {LAST_LINE + 1}: experiences"):
        parse_definitions(BASE + "    lever: 11\n")
