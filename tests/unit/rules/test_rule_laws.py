"""Laws: reading a rule never fails but with a reason, its text reads back, and applying one never raises."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

import eachwise.rules
from eachwise.contracts.errors import InvalidInput
from eachwise.rules import ELIGIBILITY, Rule, rule

WORDS = [
    *("and", "or", "not", "in", "true", "false", "has", "lower", "starts_with"),
    *("trait", "stage", "lapsed", "orders.count", "hour", 'affinity["a=b"]', "experience.kind"),
    *("(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">="),
    *("1", "0", "2.5", "1e400", '"x"', "'", "\\", "\n", "é", "=", "__class__", "{", "is"),
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)))
def test_reading_never_raises_anything_but_a_refusal_with_its_place(text: str) -> None:
    found: Rule | None
    try:
        found = rule(text, ELIGIBILITY)
    except InvalidInput as refused:
        place = refused.message.partition(" ")[0]
        event(place)
        found = None
    else:
        place = "column"
    assert place in {"column", "line"}
    assert found is None or rule(found.text, ELIGIBILITY).tree == found.tree


numbers = st.one_of(
    st.sampled_from(["hour", "orders.count", "engagement", "trait.n"]),
    st.integers(0, 20).map(str),
    st.sampled_from(["0.5", "1e3", "-2", "-0.25"]),
)
sums = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=6,
)
compared = st.one_of(
    st.tuples(sums, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), sums).map(" ".join),
    st.tuples(sums, st.sampled_from(["<", "<="]), sums, st.just("<"), sums).map(" ".join),
    st.tuples(
        sums, st.sampled_from(["in", "not in"]), st.lists(numbers, min_size=1, max_size=3)
    ).map(lambda parts: f"{parts[0]} {parts[1]} [{', '.join(parts[2])}]"),
    st.sampled_from(["lapsed", "trait.flag", "true", "false"]),
)
conditions = st.recursive(
    compared,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=6,
)
known_numbers = st.one_of(st.integers(-5, 30), st.sampled_from([0.0, 0.5, -1.25, 1e6]))


@given(conditions, st.lists(known_numbers, min_size=4, max_size=4), st.booleans(), st.booleans())
def test_where_all_is_known_a_rule_says_what_python_says(
    text: str, found: list[float], lapsed: bool, flag: bool
) -> None:
    names = ("hour", "orders.count", "engagement", "trait.n")
    known: dict[str, Any] = dict(zip(names, found, strict=True))
    known |= {"lapsed": lapsed, "trait.flag": flag}
    read = rule(text, ELIGIBILITY)
    python = text.replace("true", "True").replace("false", "False")
    for name, value in known.items():
        python = python.replace(name, f"({value!r})")
    try:
        wanted = bool(eval(python, {"__builtins__": {}}))
    except (ZeroDivisionError, OverflowError):
        wanted = False
    assert read.holds(lambda path: known[".".join(path)]) == wanted
    assert rule(read.text, ELIGIBILITY).tree == read.tree
    assert rule(read.text, ELIGIBILITY).text == read.text


class Trap:
    """An object of Python's: nothing of it may be looked at but its class."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Trap
        raise AssertionError(f"a rule asked for {name}")


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**70, 10**400, -(10**400)]),
    st.floats(),
    st.text(max_size=5),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.lists(
        st.one_of(st.none(), st.integers(), st.text(max_size=3), st.floats(), st.just([1])),
        max_size=4,
    ),
    st.builds(Trap),
    st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.just(b"x"),
)
open_texts = st.recursive(
    st.sampled_from(
        ["trait.a", "trait.b", "context.c", "1", "0", '"x"', '[1, "x"]', "lower(trait.a)", "true"]
    ),
    lambda inner: st.one_of(
        st.tuples(
            inner,
            st.sampled_from(
                [*("==", "!=", "<", ">=", "in", "not in"), *("+", "-", "*", "/", "%", "and", "or")]
            ),
            inner,
        ).map(" ".join),
        inner.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"(-{text})"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=8,
)


@given(open_texts, values, values, values)
def test_applying_never_raises_and_is_the_same_each_time(text: str, a: Any, b: Any, c: Any) -> None:
    try:
        read = rule(text, ELIGIBILITY)
    except InvalidInput:
        return
    known = {"a": a, "b": b, "c": c}
    reason = read.unmet(lambda path: known[path[-1]])
    assert isinstance(reason, str)
    assert len(reason) <= 301
    assert read.holds(lambda path: known[path[-1]]) == (reason == "")
    assert read.unmet(lambda path: known[path[-1]]) == reason
    assert rule(read.text, ELIGIBILITY).unmet(lambda path: known[path[-1]]) == reason


def test_nothing_of_python_is_evaluated() -> None:
    folder = Path(str(eachwise.rules.__file__)).parent
    files = sorted(folder.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "getattr", "__import__"}
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & {"ast", "builtins", "importlib"}
