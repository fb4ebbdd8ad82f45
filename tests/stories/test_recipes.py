"""The recipes of journeys: what their pages show is what the files hold, and a shop can have all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.documents import read_document

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "journeys"
HOW_TO = ROOT / "docs" / "how-to"
NAMES = sorted(
    file.stem for file in RECIPES.glob("*.yaml") if not file.stem.endswith(".experiences")
)


def blocks(name: str) -> list[str]:
    """The YAML that a page shows."""
    page = (HOW_TO / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_there_is_a_recipe_for_each_of_the_six() -> None:
    assert NAMES == [
        "abandoned-basket",
        "first-purchase",
        "replenishment",
        "something-new",
        "welcome",
        "win-back",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_its_files_whole(name: str) -> None:
    files = [RECIPES / f"{name}.experiences.yaml", RECIPES / f"{name}.yaml"]
    assert blocks(name) == [file.read_text(encoding="utf-8") for file in files]


def test_a_shop_can_have_all_of_them() -> None:
    whole: dict[str, dict[str, Any]] = {"placements": {}, "experiences": {}}
    for name in NAMES:
        found = read_document((RECIPES / f"{name}.experiences.yaml").read_bytes()).data
        assert isinstance(found, dict)
        for kind, identifier in (("placements", "placement_id"), ("experiences", "experience_id")):
            for each in found[kind]:
                # One placement of all recipes: its caps are theirs together.
                assert whole[kind].setdefault(each[identifier], each) == each
    with Engine.open() as engine:
        engine.define({kind: list(each.values()) for kind, each in whole.items()})
        for name in NAMES:
            engine.put_journeys((RECIPES / f"{name}.yaml").read_bytes())
        assert len(engine.journeys()) == len(NAMES) + 1
