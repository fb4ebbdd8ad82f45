"""What is no rule: every refusal names the column and what would be right."""

from __future__ import annotations

import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.rules import ELIGIBILITY, rule
from eachwise.rules.parse import DEPTH_MAX, TEXT_CHARS_MAX

REFUSED = [
    # names
    ("tait.x == 1", "column 1: unknown name `tait`; did you mean `trait`?"),
    ("lapsed and tait.x", "column 12: unknown name `tait`"),
    ("orders.cont > 2", "column 1: unknown name `orders.cont`; did you mean `count`?; known: "),
    ("trait", 'column 1: unknown name `trait`; known: `trait["…"]`'),
    ("stage.x", "column 1: `stage.x`: `stage` is a single value"),
    ('affinity["category=fish"].sd > 1', '`affinity["…"].evidence`'),
    ("affinity.fish.z.z > 1", "unknown name"),
    ("__class__", "unknown name `__class__`"),
    ("experience.__class__", "unknown name"),
    # signs
    ("", "column 1: expected a value or a name, found the end"),
    ("lapsed and", "column 11: expected a value or a name, found the end"),
    ('trait.a = "b"', "column 9: unexpected '=': write == to compare"),
    ("lapsed && lapsed", "column 8: unexpected '&': write and"),
    ("lapsed || lapsed", "column 8: unexpected '|': write or"),
    ("!lapsed", "column 1: unexpected '!': write not"),
    ("orders.count <> 1", "column 14: unexpected '<': write != for unequal"),
    ("lapsed # yes", "a rule takes no comments"),
    ("{1: 2}", "only lists are taken"),
    ("lapsed; lapsed", "unexpected ';'"),
    ("lapsed lapsed", "column 8: unexpected 'lapsed': an operator such as"),
    ("trait.a is null", "column 9: unexpected 'is': write == to compare, or has(…)"),
    ("trait.a == None", "column 12: unexpected 'None': write has(…)"),
    ("trait.a == True", "column 12: unexpected 'True': write true"),
    ("lapsed AND lapsed", "column 8: unexpected 'AND': write and"),
    ("trait.a if lapsed else trait.b", "a rule is one condition"),
    ("lapsed == and", "column 11: expected a value or a name, found and"),
    ("trait.a not 3", "column 13: expected in after not, found 3"),
    ("(lapsed", "column 8: expected ) to close (, found the end"),
    ('stage in ["new"', "column 16: expected ] to close [, found the end"),
    ("trait.", "column 7: expected a name after '.', found the end"),
    ("trait[x]", "column 7: expected a text in quotes after '[', found x"),
    ("trait.größe > 3", "column 9: a name with 'ö' is written in brackets"),
    ("trait[1:2]", "column 8: unexpected ':'"),
    ("orders.count ** 2 > 3", "column 15: expected a value or a name, found *"),
    # literals
    ('stage == "new', 'column 10: the text that begins here has no closing "'),
    (r'trait.a == "\q"', r"column 13: \q stands for nothing"),
    ("orders.count > 3px", "column 17: 'p' cannot follow a number"),
    ("orders.count > 1e999", "column 16: 1e999 is too large"),
    ("orders.count > 1234567890123456789", "at most 18 digits"),
    # functions
    (
        "upper(stage)",
        "column 1: unknown function `upper`; known: contains, has, lower, starts_with",
    ),
    ("has()", "`has` takes 1, 0 are given"),
    ("has(3)", "column 5: `has` takes a name"),
    ("starts_with(stage, 3)", "column 20: `starts_with` takes a text, and `3` is a number"),
    ("trait.lower()", "column 12: unexpected '('"),
    # kinds
    ("orders.count", "column 1: `orders.count` is a number, not a condition; compare it, such as"),
    (
        "not stage",
        'column 5: `stage` is a text, not a condition; compare it, such as `stage == "…"`',
    ),
    ("lapsed and [1]", "column 12: `[1]` is a list"),
    ('orders.count == "3"', "column 14: a number and a text are compared"),
    ("lapsed == 1", "true or false and a number are compared"),
    ("lapsed > true", "`>` holds for numbers and texts, not flags"),
    ('stage + "x" == "newx"', "column 1: `+` takes a number, and `stage` is a text"),
    ("-stage == 3", "column 2: `-` takes a number"),
    ("trait.a == [1]", "column 12: `[1]` is a list: use in"),
    ("trait.a in [[1]]", "column 13: a list holds single values"),
    ("trait.a in []", "column 12: an empty list holds nothing"),
    ('orders.count in [1, "2"]', "column 21: a text and a number are compared"),
    ('stage == "custmer"', 'column 10: `stage` is never "custmer"; it is one of "new", "known"'),
    ('weekday in ["sat", "Sun"]', 'column 20: `weekday` is never "Sun"'),
    ('"shop" == placement.channel', 'column 1: `placement.channel` is never "shop"'),
    # places and limits
    ("lapsed or\n  tait.x", "line 2, column 3: unknown name `tait`"),
    ("x" * (TEXT_CHARS_MAX + 1), "a rule has at most 2000 characters"),
    ("(" * 40 + "lapsed" + ")" * 40, "column 34: nested deeper than 32 levels"),
    ("not " * 40 + "lapsed", "nested deeper than 32 levels"),
    ("-" * 40 + "hour > 1", "nested deeper than 32 levels"),
    (" + ".join(["hour"] * 40) + " > 1", "nested deeper than 32 levels"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_refusal_names_the_column_and_the_fix(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rule(text, ELIGIBILITY)
    assert words in refused.value.message


def test_the_deepest_that_is_taken() -> None:
    deep = "(" * DEPTH_MAX + "lapsed" + ")" * DEPTH_MAX
    assert rule(deep, ELIGIBILITY).text == "lapsed"
    wide = " and ".join(["lapsed"] * 150)
    assert rule(wide, ELIGIBILITY).holds(lambda _: True)
