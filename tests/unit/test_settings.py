"""Settings: every number has a range, and a fault names the key and the range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.settings import Settings, parse_settings, range_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def numbers(section: msgspec.Struct, path: str = "") -> Iterator[str]:
    """The keys of every number."""
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, msgspec.Struct):
            yield from numbers(value, f"{path}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path + name


def raw(path: str, value: object) -> dict[str, Any]:
    """Plain settings with one key."""
    built: Any = value
    for name in reversed(path.split(".")):
        built = {name: built}
    whole: dict[str, Any] = built
    return whole


@pytest.mark.parametrize("path", list(numbers(Settings())))
def test_every_number_has_a_range_that_is_documented_and_kept(path: str) -> None:
    wanted = range_of(path)
    assert wanted
    (row,) = [line for line in PAGE.read_text("utf-8").splitlines() if f"| `{path}` |" in line]
    assert row.split(" | ")[3] == wanted
    for value in (-math.inf, math.inf, math.nan, -1e30, 10**18):
        with pytest.raises(InvalidInput) as caught:
            parse_settings(raw(path, value))
        assert caught.value.message.startswith(f"settings: {path}: ")
        assert caught.value.field == path


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("decide.epsilon", 1.5, "it must be from 0 to 1"),
        ("decide.thompson_draws", 65, "it must be from 1 to 64"),
        ("decide.kappa", -0.1, "it must be at least 0"),
        ("decide.conflict_upper_bound", 0.1, "it must be at most 0"),
        ("affinity.moment_half_life_s", 0, "it must be above 0"),
        ("api.body_bytes_max", 0, "it must be at least 1"),
        ("api.body_bytes_max", "4M", "Expected `int`, got `str`; it must be at least 1"),
    ],
)
def test_a_fault_names_key_and_range(path: str, value: object, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_settings(raw(path, value))
    assert caught.value.message.startswith(f"settings: {path}: ")
    assert caught.value.message.endswith(words)


def test_the_ends_of_a_range_are_taken() -> None:
    ends = {"epsilon": 1, "thompson_draws": 64, "kappa": 0, "conflict_upper_bound": 0}
    assert parse_settings({"decide": ends}).decide.thompson_draws == 64
    assert parse_settings({"recommend": {"neighbours_max": 0}}).recommend.neighbours_max == 0


def test_unknown_keys_and_weights_below_zero_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"decide: .*unknown field `kapa`"):
        parse_settings({"decide": {"kapa": 1}})
    with pytest.raises(InvalidInput, match=r"settings: .*unknown field `x`"):
        parse_settings({"x": 1})
    with pytest.raises(InvalidInput, match=r"events\.names"):
        parse_settings({"events": {"names": {"Meal Cooked": ["view", -1]}}})


def test_the_defaults_lie_in_their_ranges() -> None:
    assert parse_settings(msgspec.to_builtins(Settings())) == Settings()


@pytest.mark.parametrize("name", ["Moon", "Europe", "../x", ""])
def test_a_time_zone_must_be_known(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not in this system's time zone database") as refused:
        parse_settings({"decide": {"timezone": name}})
    assert refused.value.field == "decide.timezone"
    assert parse_settings({"decide": {"timezone": "Europe/Berlin"}}).decide.timezone
