"""The reference names everything that a rule may use, and nothing else."""

import re
from pathlib import Path

from eachwise.rules import ELIGIBILITY, FUNCTIONS
from eachwise.rules.scope import SOME
from eachwise.rules.tree import KEYWORDS

TEXT = (Path(__file__).parents[3] / "docs/reference/rules.md").read_text(encoding="utf-8")


def table(heading: str) -> set[str]:
    """Everything between backticks in the first column under a heading."""
    part = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {code for cell in cells for code in re.findall(r"`([^`]+)`", cell)}


def test_every_name_is_documented() -> None:
    names = set()
    for pattern in ELIGIBILITY.names:
        if pattern[0] == "affinity":
            names.add(".".join(['affinity["category=fish"]', *pattern[2:]]))
        else:
            names.add(".".join("NAME" if part in ("*", SOME) else part for part in pattern))
    assert table("Names") == names


def test_every_function_and_word_is_documented() -> None:
    codes = table("Values and signs")
    assert {code.partition("(")[0] for code in codes if re.match(r"\w+\(", code)} == set(FUNCTIONS)
    assert set(re.findall(r"[a-z]+", " ".join(codes))) >= KEYWORDS
