"""The live counts across versions and restarts: nothing is counted twice, and every version can be had again."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.arrays import TasteModel
from eachwise.contracts.errors import CannotReplay
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Commit
from eachwise.flow import taste
from eachwise.flow.drive import run
from eachwise.flow.taste import HEAD, ITEMS, OLD, RUN
from tests.flow.shop import ITEMS as SHOP
from tests.flow.shop import START_US, furnish, view


def browse(engine: Engine, seed: int, people: int = 12) -> None:
    """Some people look at a few items each."""
    chance = random.Random(seed)
    names = [str(item["item_id"]) for item in SHOP]
    for number in range(people):
        view(engine, f"u{seed}-{number}", *chance.sample(names, 5))


def publish(engine: Engine) -> TasteModel:
    """Publish now."""
    core = engine.core
    engine.clock.advance(seconds=1)  # type: ignore[attr-defined]
    run(core._tasting.publish(core._ingest.applied_sequence))
    return core._tasting.model


def assert_same(one: TasteModel, other: TasteModel) -> None:
    """To the bit."""
    assert (one.version, one.item_ids, one.expected) == (
        other.version,
        other.item_ids,
        other.expected,
    )
    for name in ("indptr", "indices", "weights", "totals", "popularity", "recent"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def bases(engine: Engine) -> list[int]:
    """The bases of all versions, newest first."""
    return [one.base for one in engine.core._store.model_versions("taste")]


def test_versions_are_changes_upon_a_snapshot_and_replay_exactly(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taste, "WHOLE_BYTES_MAX", 0)
    made, models = [], []
    for seed in range(6):
        browse(engine, seed)
        models.append(publish(engine))
        made.append(engine.decide("u0-1", placements=["rail"]).decisions[0].decision_id)
    assert bases(engine)[-1] == 0
    assert len([base for base in bases(engine) if base]) >= 3
    for decision_id in made:
        assert engine.replay(decision_id).exact
    for model in models:
        assert_same(engine.core._tasting.model_at(model.version), model)
    with pytest.raises(CannotReplay, match="version 99"):
        engine.core._tasting.model_at(99)


def test_a_small_model_is_always_whole(engine: Engine) -> None:
    for seed in range(3):
        browse(engine, seed)
        publish(engine)
    assert set(bases(engine)) == {0}


def test_a_restart_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taste, "WHOLE_BYTES_MAX", 0)

    def lived(path: Path, stops: set[int]) -> TasteModel:
        clock = SettableClock(START_US)
        engine = Engine.open(path, clock=clock)
        furnish(engine)
        for seed in range(5):
            browse(engine, seed, people=4)
            publish(engine)
            if seed in stops:
                before = engine.core._tasting.model
                engine.close()
                engine = Engine.open(path, clock=clock)
                assert_same(engine.core._tasting.model, before)
        model = engine.core._tasting.model
        engine.close()
        return model

    one, other = lived(tmp_path / "one", set()), lived(tmp_path / "other", {0, 2, 3})
    assert one.version == other.version
    np.testing.assert_allclose(one.totals, other.totals, rtol=1e-9)
    np.testing.assert_allclose(one.popularity, other.popularity, rtol=1e-9)


def test_only_new_runs_are_written_and_old_ones_go(engine: Engine) -> None:
    store = engine.core._store

    def runs() -> dict[str, bytes]:
        names = [f"{RUN}/{number}" for number in range(1, 40)]
        return {name: body for name in names if (body := store.statistic(name)) is not None}

    seen: set[str] = set()
    for seed in range(6):
        browse(engine, seed)
        publish(engine)
        assert len(runs()) == len(engine.core._tasting._statistics.counted().runs)
        seen |= runs().keys()
    assert len(seen) > len(runs())
    assert store.statistic(HEAD)
    assert store.statistic(ITEMS)


def test_models_of_an_earlier_eachwise_are_left_out_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SettableClock(START_US)
    with Engine.open(tmp_path, clock=clock) as engine:
        furnish(engine)
        browse(engine, 1)
        before = publish(engine)
        old = {"taste": [2, 9, before.item_ids], "trained": [1, "old"]}
        bodies = {name: msgspec.msgpack.encode(body) for name, body in old.items()}
        earlier = [
            ModelVersion(model=name, version=9, base=0, created_at_us=1, body=body)
            for name, body in bodies.items()
        ]
        engine.core._store.commit(Commit(models=earlier)).result()
    with caplog.at_level("WARNING"), Engine.open(tmp_path, clock=clock) as engine:
        assert len(engine.recommend("u1-0", count=3).items) == 3
        assert engine.core.trained.version == 0
        told = [record.getMessage() for record in caplog.records]
        assert any("taste starts from the counts alone: version 9" in line for line in told)
        assert any("version 9 of the trained model is left out" in line for line in told)
        clock.advance(seconds=400)
        engine.tick()
        after = engine.core._tasting.model
        assert after.version == 10
        np.testing.assert_allclose(after.totals, before.totals)


def test_counts_of_an_earlier_eachwise_are_taken_over(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    with Engine.open(tmp_path, clock=clock) as engine:
        furnish(engine)
        browse(engine, 1)
        publish(engine)
        tasting, store = engine.core._tasting, engine.core._store
        totals = tasting.model.totals
        old = msgspec.msgpack.encode(
            (
                tasting.sequence,
                60,
                tasting._statistics.encode(),
                msgspec.msgpack.encode(tasting.population),
            )
        )
        newest = tasting.model.version + 1
        unread = ModelVersion(model="taste", version=newest, base=0, created_at_us=1, body=b"old")
        gone = dict.fromkeys([HEAD, ITEMS, *[f"{RUN}/{number}" for number in range(9)]])
        store.commit(Commit(models=[unread], statistics={**gone, OLD: old})).result()
        # What comes after is told by the log's tail.
        tasting._published_catalog = engine.core.catalogue.version
    with Engine.open(tmp_path, clock=clock) as engine:
        assert engine.core._tasting.model.version == 0
        clock.advance(seconds=400)
        engine.tick()
        model = engine.core._tasting.model
        assert model.version == newest + 1
        np.testing.assert_allclose(model.totals, totals)
        assert engine.core._store.statistic(OLD) is None
