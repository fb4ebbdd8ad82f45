"""The reference of journeys names every key, kind and word that a document can have."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from eachwise.contracts.experience import STAGES
from eachwise.contracts.journey import CatalogChange, Outcome, Status
from eachwise.journeys import JOURNEY, parse_journeys
from eachwise.journeys.reading import BEGINS, ENTRY_KEYS, EXIT_KEYS, GOAL_KEYS, KEYS
from eachwise.journeys.steps import KEYS_OF, READERS
from tests.unit.journeys.material import PLACEMENTS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "journeys.md"
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def sections() -> dict[str, set[str]]:
    """Heading → the names that begin a row under it."""
    parts = re.split(r"^##+ (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        heading.replace("`", ""): set(_ROW.findall(text))
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("A journey", set(KEYS)),
        ("goal", set(GOAL_KEYS)),
        ("entry", set(ENTRY_KEYS)),
        ("exits", set(EXIT_KEYS)),
        ("Steps", {"id", "then", "else", *READERS}),
        ("decide and send", {*KEYS_OF["decide"], *KEYS_OF["send"], *get_args(Outcome)}),
        ("wait_for", set(KEYS_OF["wait_for"])),
        ("Status", set(get_args(Status))),
    ],
)
def test_every_key_has_a_row_and_no_row_is_of_another(heading: str, names: set[str]) -> None:
    assert sections()[heading] == names


def test_every_word_is_said() -> None:
    text = PAGE.read_text(encoding="utf-8")
    words = {*STAGES, *get_args(CatalogChange), *BEGINS, *KEYS_OF["webhook"], *KEYS_OF["emit"]}
    roots = {path[0] for path in JOURNEY.names}
    assert [word for word in sorted(words) if f"`{word}`" not in text] == []
    said = {root for root in roots if f"`{root}`" in text or f"`{root}." in text}
    assert {root for root in roots - said if not root.startswith("days_since")} == set()


def test_the_example_is_valid() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert yaml.safe_load(example)["journeys"]
    assert set(parse_journeys(example, placements=PLACEMENTS, experiences={})) == {
        "abandoned_basket"
    }
