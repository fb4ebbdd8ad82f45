"""``eachwise consent`` over a store of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from eachwise import Engine
from eachwise.cli import main
from eachwise.contracts.consent import ConsentView


def test_what_a_person_said_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    with Engine.open(store) as engine:
        engine.define(
            {"placements": [{"placement_id": "m", "channel": "email", "purpose": "news"}]}
        )
        engine.identify("ann", {"consent": {"news": True}})
        engine.track("ann", "Unsubscribed", {"channel": "email", "purpose": "news"})
        engine.identify("bob", {"name": "Bob"})
    where = ["--store", str(store)]
    assert main(["consent", "ann", *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "user:ann"
    assert lines[1].split() == [
        "email",
        "news",
        "no",
        "unsubscribed",
        "from",
        "email",
        "for",
        "news",
    ]
    assert "Unsubscribed  channel:email:news: no" in lines[3]
    assert "identify  news: yes" in lines[4]
    assert main(["consent", "ann", *where, "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=ConsentView)
    assert [each.key for each in found.cells] == ["channel:email:news", "news"]
    assert main(["consent", "bob", *where]) == 0
    assert "nothing was ever said" in capsys.readouterr().out
    assert main(["consent", "nobody", *where]) == 1
