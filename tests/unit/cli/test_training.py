"""``eachwise train``: from a store or a server, resumed, compared, published, rolled back."""

from __future__ import annotations

import importlib.util
import random
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.adapters.lock import StoreLock
from eachwise.cli import main, training
from eachwise.maths.times import iso
from eachwise.recommend.training import run as runs
from tests.flow.shop import ITEMS, START_US, furnish
from tests.support.server import SECRET_KEY, serving

PEOPLE = 60


def visits(seed: int = 1, people: int = PEOPLE, start_us: int = START_US) -> list[dict[str, Any]]:
    """People who go from an item to its successor more often than not."""
    chance = random.Random(seed)
    names = sorted(str(item["item_id"]) for item in ITEMS)
    events = []
    for number in range(people):
        place = chance.randrange(len(names))
        for step in range(10):
            at_us = start_us - (people - number) * 3_600_000_000 + step * 60_000_000
            events.append(
                {
                    "type": "track",
                    "event": "Product Viewed",
                    "messageId": f"{seed}-{number}-{step}",
                    "userId": f"u{number}",
                    "timestamp": iso(at_us),
                    "properties": {"product_id": names[place]},
                }
            )
            follows = chance.random() < 0.7
            place = (place + 1) % len(names) if follows else chance.randrange(len(names))
    return events


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a shop and its people's visits."""
    path = tmp_path / "store"
    with Engine.open(path, clock=SettableClock(START_US)) as engine:
        furnish(engine)
        engine.send(visits())
    return path


def train(*options: str | Path) -> int:
    """Run the command without the network."""
    return main(["train", "--no-net", "--memory-mb", "512", *map(str, options)])


def test_it_trains_compares_publishes_and_is_rolled_back(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--store", store, "--dry-run") == 0
    out = capsys.readouterr().out
    assert "not published: --dry-run" in out
    # The same training, without fitting anything again.
    assert train("--store", store) == 0
    out, progress = capsys.readouterr()
    assert "going on with a training" in progress
    assert "transitions: fitted before" in progress
    assert "published as version 1" in out
    assert "popularity" in out
    assert list((store / "training" / "fits").iterdir()) == []
    assert train("--store", store) == 0
    out = capsys.readouterr().out
    assert "this blend less the one in use (version 1): too little to tell, 18 engagements" in out
    assert main(["models", "list", "--store", str(store)]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith("* trained         2")
    assert second.startswith("  trained         1")
    assert main(["models", "rollback", "trained", "1", "--store", str(store)]) == 0
    assert "trained 1 is in use again, as version 3" in capsys.readouterr().out
    assert main(["models", "show", "trained", "3", "--store", str(store)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "version 1 once more" in shown[0]
    assert '"kept":' in shown[-1]


def test_a_second_training_reads_only_what_came_since(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--store", store) == 0
    with Engine.open(store, clock=SettableClock(START_US)) as engine:
        engine.send(visits(seed=2, people=5))
    asked = []
    interactions = Engine.interactions

    def watched(self: Engine, after: int = 0, limit: int = 20_000) -> Any:
        asked.append(after)
        return interactions(self, after, limit)

    monkeypatch.setattr(Engine, "interactions", watched)
    capsys.readouterr()
    assert train("--store", store) == 0
    assert asked == [600]
    assert "650 engagements up to event 650" in capsys.readouterr().err


def test_a_training_that_was_killed_goes_on(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blend = runs._blend

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_blend", killed)
    assert train("--store", store) == 130
    monkeypatch.setattr(runs, "_blend", blend)
    # Whatever happened meanwhile comes with the next training.
    with Engine.open(store, clock=SettableClock(START_US)) as engine:
        engine.send(visits(seed=3, people=5))
    capsys.readouterr()
    assert train("--store", store) == 0
    assert capsys.readouterr().err.count("fitted before") >= 5
    # A day later it is begun anew.
    monkeypatch.setattr(training, "RESUMED_MAX_S", 0.0)
    assert train("--store", store, "--dry-run") == 0
    assert train("--store", store) == 0
    assert "going on with" not in capsys.readouterr().err


def test_what_is_worse_is_not_published_unless_forced(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "worse_than_in_use", lambda _: "worse than version 1, in use")
    assert train("--store", store) == 1
    assert "not published: worse than version 1, in use; --force" in capsys.readouterr().out
    assert train("--store", store, "--force") == 0
    assert "published as version 1" in capsys.readouterr().out


def test_a_live_server_takes_the_model_without_a_restart(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(store) as server, closing(server.engine()) as engine:
        before = engine.decide("u1", placements=["rail"]).decisions[0].decision_id
        where = ("--url", server.url, "--key", SECRET_KEY, "--work", tmp_path / "work")
        assert train(*where) == 0
        assert "published as version 1" in capsys.readouterr().out
        assert engine.status()["models"]["trained"] == 1
        after = engine.decide("u1", placements=["rail"]).decisions[0].decision_id
        assert engine.decision(before).inputs.models["trained"] == 0
        assert engine.decision(after).inputs.models["trained"] == 1
        assert engine.replay(before).exact
        assert engine.replay(after).exact
        assert train(*where) == 0
        assert engine.rollback("trained", 0).version == 3
        found = engine.audience("fish-1", limit=5)
        assert found.considered == PEOPLE
        assert len(found.members) == 5
        command = ["audience", "fish-1", "--limit", "2", "--url", server.url, "--key", SECRET_KEY]
        capsys.readouterr()
        assert main(command) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(found.members[0].individual_id)
        assert lines[-1].startswith("60 considered, 60 scored in full, 2 listed; left out: ")


def test_without_the_extra_it_says_what_to_install(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(module: str) -> None:
        found = importlib.util.find_spec
        monkeypatch.setattr(training, "find_spec", lambda n: None if n == module else found(n))

    lacks("scipy")
    assert train("--store", store) == 1
    assert "pip install 'eachwise[train]'" in capsys.readouterr().err
    lacks("jax")
    assert main(["train", "--memory-mb", "512", "--store", str(store), "--dry-run"]) == 0
    assert "recurrent: left out: jax is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--memory-mb", "1"), ("--minutes", "0")])
def test_options_out_of_range_are_refused(
    store: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--store", str(store), *option]) == 1
    assert option[0] in capsys.readouterr().err


def test_two_trainings_do_not_share_a_folder(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StoreLock(store / "training"):
        assert train("--store", store) == 1
    assert "in use by process" in capsys.readouterr().err


def test_too_little_to_learn_from_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Engine.open(tmp_path / "store", clock=SettableClock(START_US)) as engine:
        furnish(engine)
    assert train("--store", tmp_path / "store") == 1
    assert "training needs 20 engagements to predict, found 0" in capsys.readouterr().err
