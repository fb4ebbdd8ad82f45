"""What the terminal says of stages and of a journey's effect, over a store and over a server."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.cli.arguments import build_parser
from eachwise.cli.arguments_relating import effect
from eachwise.contracts.errors import InvalidInput

# Well before any real clock: what the commands ask is long over.
START_US = 1_700_006_400_000_000
JOURNEY = """
journeys:
  - journey_id: welcome
    goal: {event: Order Completed, within: 7d}
    entry: {event: Signed Up}
    holdout: 0.5
    steps:
      - {id: rest, wait: 1d}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred people sign up; of the treated most buy."""
    path = tmp_path_factory.mktemp("relating") / "store"
    clock = SettableClock(START_US)
    generator = np.random.default_rng(1)
    with Engine.open(path, clock=clock) as engine:
        engine.put_journeys(JOURNEY)
        for number in range(200):
            clock.advance(seconds=1)
            engine.track(f"u{number}", "Signed Up", {})
        engine.tick()
        clock.advance(seconds=86_400)
        for number in range(200):
            (view,) = engine.journeys_of(f"user:u{number}")
            if generator.random() < (0.9 if view.arm == "treated" else 0.1):
                order = {"order_id": f"o{number}", "total": 30.0, "products": []}
                engine.track(f"u{number}", "Order Completed", order)
    return path


def run(parser: argparse.ArgumentParser, *words: str) -> int | None:
    parsed = parser.parse_args(words)
    found: int | None = parsed.run(parsed)
    return found


def test_everybody(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("stages", "--since", "2023-11-15", "--until", "2023-11-17", "--period", "day")
    run(build_parser(), *asked, "--store", str(store))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "200 people were read"
    assert any("people at" in line for line in lines)
    assert any(line.startswith("  2023-11-17") for line in lines)
    assert any("known → customer" in line for line in lines)
    run(build_parser(), *asked, "--store", str(store), "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["periods"][0]["came"]["known"] == 200


def test_one_person(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(build_parser(), "stages", "--individual", "u1", "--store", str(store))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("user:u1: ")
    assert lines[1].endswith("first seen, known")
    with pytest.raises(InvalidInput, match="--individual"):
        run(build_parser(), "stages", "--individual", "u1", "--since", "x", "--store", str(store))


def test_an_effect(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    effect(parser.add_subparsers())
    assert run(parser, "effect", "welcome", "--store", str(store)) == 0
    out = capsys.readouterr().out
    assert out.startswith("welcome: 200 people entered\n")
    assert "the journey helps" in out
    assert "treated: from the entry on" in out
    assert run(parser, "effect", "welcome", "--store", str(store), "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["verdict"] == "better"
