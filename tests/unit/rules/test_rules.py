"""What rules mean, and what they say where they do not hold."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise.rules import ELIGIBILITY, rule

KNOWN: dict[tuple[str, ...], Any] = {
    ("trait", "country"): "US",
    ("trait", "likes"): ["fish", "fruit"],
    ("trait", "none"): [],
    ("trait", "vip"): True,
    ("trait", "age"): 30,
    ("trait", "note"): "30",
    ("trait", "first name"): "Ana",
    ("trait", "address"): {"city": "Graz"},
    ("stage",): "customer",
    ("lapsed",): False,
    ("orders", "count"): 2,
    ("orders", "revenue"): 25.0,
    ("hour",): 23,
    ("context", "path"): "/shop/fish",
}

HOLDS = [
    'trait.country == "US"',
    "trait.country == 'US'",
    'trait.country != "DE"',
    'trait.country in ["DE", "US"]',
    'trait.country not in ["DE", "AT"]',
    'trait["country"] == "US"',
    'trait["first name"] == "Ana"',
    "trait.vip",
    "not lapsed",
    "trait.vip == true",
    "trait.age == 30.0",
    "18 <= trait.age < 65",
    "orders.revenue / orders.count > 12",
    "orders.count * 2 - 1 == 3",
    "orders.count - 1 - 1 == 0",
    "2 + 3 * orders.count == 8",
    "-orders.count == -2",
    "orders.revenue % 10 == 5",
    "hour >= 22 or hour < 8",
    '"fish" in trait.likes',
    'trait.likes in ["meat", "fruit"]',
    '"meat" not in trait.likes',
    'trait.likes not in ["meat"]',
    'trait.country in "US"',
    'trait.country > "UK"',
    "has(trait.country)",
    "has(trait.none) and has(trait.address)",
    "not has(trait.phone)",
    'starts_with(context.path, "/shop")',
    'contains(context.path, "fish")',
    'lower(trait.country) == "us"',
    'stage in ["customer", "repeat"] and orders.count >= 2',
    'trait.phone == "1" or trait.vip',
    "true",
]


@pytest.mark.parametrize("text", HOLDS)
def test_holds(text: str) -> None:
    found = rule(text, ELIGIBILITY)
    assert found.holds(KNOWN.get)
    assert found.unmet(KNOWN.get) == ""


UNMET = [
    ('trait.country == "DE"', "trait.country is 'US', not 'DE'"),
    ('"DE" == trait.country', "trait.country is 'US', not 'DE'"),
    ('trait.country != "US"', "trait.country is 'US', and must not be 'US'"),
    ('trait.country in ["DE", "AT"]', "trait.country is 'US', not one of 'DE', 'AT'"),
    ('trait.country not in ["US"]', "trait.country is 'US', and must be none of 'US'"),
    ('"meat" in trait.likes', "trait.likes is ['fish', 'fruit'], without 'meat'"),
    ('"fish" not in trait.likes', "trait.likes is ['fish', 'fruit'], and must not hold 'fish'"),
    ('"fish" in trait.none', "trait.none is [], without 'fish'"),
    ("orders.count > 2", "orders.count is 2, not above 2"),
    ("2 < orders.count", "orders.count is 2, not above 2"),
    ("orders.count >= 3", "orders.count is 2, not at least 3"),
    ("orders.count < 2", "orders.count is 2, not below 2"),
    ("orders.count <= 1", "orders.count is 2, not at most 1"),
    ("orders.count < -(1 + 2)", "orders.count is 2, not below -3"),
    ("orders.count > trait.age", "orders.count is 2, not above trait.age (30)"),
    ("orders.revenue / orders.count > 20", "orders.revenue / orders.count is 12.5, not above 20"),
    ("lapsed", "lapsed is false"),
    ("not trait.vip", "trait.vip is true, which rules it out"),
    ('not stage == "customer"', "stage is 'customer', which rules it out"),
    ('not (trait.vip and stage == "customer")', "trait.vip is true and stage is 'customer', which"),
    ("not has(trait.vip)", "trait.vip is known, which rules it out"),
    ("not (lapsed or trait.vip)", "trait.vip is true, which rules it out"),
    ("not not lapsed", "lapsed is false, which rules it out"),
    ("trait.vip and lapsed and hour < 8", "lapsed is false"),
    ("lapsed or hour < 8", "lapsed is false; and hour is 23, not below 8"),
    ("8 <= hour < 22", "hour is 23, not below 22"),
    # What is not known makes a comparison false.
    ('trait.phone == "1"', "trait.phone is unknown"),
    ('trait.phone != "1"', "trait.phone is unknown"),
    ('trait.phone not in ["1"]', "trait.phone is unknown"),
    ("trait.phone", "trait.phone is unknown"),
    ("has(trait.phone)", "trait.phone is unknown"),
    ("trait.size + 1 > 0", "trait.size + 1 is unknown"),
    ("orders.count > trait.size", "trait.size is unknown"),
    ('starts_with(context.query, "a")', 'starts_with(context.query, "a") is unknown'),
    # What does not fit fails closed.
    ("trait.country > 3", "cannot be applied: trait.country is 'US' (a text), and 3 (a number): >"),
    ("trait.note != 31", "cannot be applied: trait.note is '30' (a text), and 31 (a number): !="),
    ("trait.vip != 1", "cannot be applied: trait.vip is true (true or false), and 1 (a number)"),
    ("trait.country", "cannot be applied: trait.country is 'US', neither true nor false"),
    ("not trait.country", "cannot be applied: trait.country is 'US', neither true nor false"),
    ("trait.country + 1 > 0", "cannot be applied: 'US' in trait.country + 1 is no number"),
    ("not trait.age / 0 > 1", "cannot be applied: trait.age / 0 divides by 0"),
    ('trait.likes == "fish"', "cannot be applied: trait.likes is ['fish', 'fruit'] (a list)"),
    ('trait.age not in ["30"]', 'cannot be applied: trait.age is 30 (a number), and ["30"] is'),
    ('trait.address != "x"', "cannot be applied: trait.address is neither a number, a text nor a"),
    ('lower(trait.age) != "x"', "cannot be applied: 30 in lower(trait.age) is no text"),
    ("false", "the rule never holds"),
    ("not true", "this always holds, which rules it out"),
]


@pytest.mark.parametrize(("text", "words"), UNMET)
def test_says_which_part_does_not_hold(text: str, words: str) -> None:
    found = rule(text, ELIGIBILITY)
    assert not found.holds(KNOWN.get)
    assert words in found.unmet(KNOWN.get)


def test_parts_are_asked_from_left_to_right_and_no_further_than_needed() -> None:
    assert rule("trait.vip or trait.country > 3", ELIGIBILITY).holds(KNOWN.get)
    assert not rule("trait.country > 3 or trait.vip", ELIGIBILITY).holds(KNOWN.get)
    assert rule("not (lapsed and trait.country > 3)", ELIGIBILITY).holds(KNOWN.get)


def test_a_reason_is_cut_where_a_value_is_long() -> None:
    long: dict[tuple[str, ...], Any] = {
        ("trait", "a"): "x" * 5000,
        ("trait", "b"): [f"v{n}" for n in range(5000)],
    }
    assert len(rule('trait.a == "b"', ELIGIBILITY).unmet(long.get)) < 100
    assert rule('"a" in trait.b', ELIGIBILITY).unmet(long.get).count("'v") == 5
    many = " or ".join(f'trait.a == "{"y" * 50}{n}"' for n in range(20))
    assert len(rule(many, ELIGIBILITY).unmet(long.get)) <= 301


def test_names_that_a_rule_asks_for() -> None:
    found = rule('affinity["category=fish"].z > 2 or has(trait.x.y)', ELIGIBILITY)
    assert found.names == {("affinity", "category=fish", "z"), ("trait", "x", "y")}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("((lapsed))", "lapsed"),
        ("not (lapsed or true)", "not (lapsed or true)"),
        ("(lapsed and true) or true", "lapsed and true or true"),
        ("lapsed and (true or true)", "lapsed and (true or true)"),
        ("1 < hour <= 3", "1 < hour and hour <= 3"),
        ("hour - (2 - 1) > 0", "hour - (2 - 1) > 0"),
        ("(hour - 2) - 1 > 0", "hour - 2 - 1 > 0"),
        ("(hour + 1) * 2 > 0", "(hour + 1) * 2 > 0"),
        ("-(3) < hour", "-(3) < hour"),
        ("hour > -3", "hour > -3"),
        (r"trait['a\'b'] == 'x\n'", r'trait["a' + "'" + r'b"] == "x\n"'),
        ("trait['country'] == 1.50", "trait.country == 1.5"),
        ("(hour == 3) == lapsed", "(hour == 3) == lapsed"),
    ],
)
def test_a_rule_is_written_with_the_fewest_brackets(text: str, written: str) -> None:
    found = rule(text, ELIGIBILITY)
    assert found.text == written
    assert rule(written, ELIGIBILITY).tree == found.tree
