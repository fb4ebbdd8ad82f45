"""``eachwise recommend`` over a store of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.cli import main


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with four items and a person."""
    with Engine.open(tmp_path / "store") as engine:
        engine.put_items(
            [
                {"item_id": f"{color}-{number}", "title": color, "attributes": {"color": color}}
                for color in ("red", "blue")
                for number in range(2)
            ]
        )
        engine.track("ann", "Product Viewed", {"product_id": "red-0"})
    return str(tmp_path / "store")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    assert main(["recommend", *arguments]) == 0
    return capsys.readouterr().out


def test_items_with_their_reasons(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "ann", "--store", store, "--count", "3")
    assert text.startswith("user:ann: 3 of 4 items\n")
    assert "red-0  red" in text
    token = text.rpartition("--cursor ")[2].strip()
    rest = said(capsys, "user:ann", "--store", store, "--cursor", token)
    assert rest.startswith("user:ann: 1 of 1 items\n")
    assert "next page" not in rest


def test_as_json_with_a_query(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = ["--where", "color=red", "--where", "color=blue", "--exclude", "color=blue"]
    found = json.loads(said(capsys, "bob", "--store", store, "--json", *query))
    assert [item["item_id"] for item in found["items"]] == ["red-0", "red-1"]
    assert found["fallback"] == "unknown_person"
    text = said(capsys, "bob", "--store", store)
    assert "not chosen for this person: unknown_person" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--where", "red"], "name=value"),
        (["--cursor", "x"], "cursor: "),
        (["--count", "0"], "200"),
    ],
)
def test_a_fault_is_one_line(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["recommend", "ann", "--store", store, *arguments]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
