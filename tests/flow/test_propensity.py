"""The propensity model in use: watched, refused where it broke, rolled back on demand."""

from __future__ import annotations

from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.flow import propensity
from tests.flow.shop import answer, furnish


def shown(engine: Engine, person: str) -> None:
    """One more exposure to learn, and nothing published of it yet."""
    (decided,) = engine.decide(person, placements=["hero"]).decisions
    answer(engine, person, decided.decision_id, "Viewed")


def play(engine: Engine, clock: SettableClock, people: int, first: int = 0) -> None:
    """People who see the hero; every tenth clicks."""
    for number in range(first, first + people):
        (decided,) = engine.decide(f"u{number}", placements=["hero"]).decisions
        if not decided.is_silence:
            answer(engine, f"u{number}", decided.decision_id, "Viewed")
            if number % 10 == 0:
                answer(engine, f"u{number}", decided.decision_id, "Clicked")
        clock.advance(seconds=2)
        engine.tick()
    clock.advance(seconds=120)
    engine.tick()


def test_the_status_tells_age_and_calibration(engine: Engine, clock: SettableClock) -> None:
    play(engine, clock, 60)
    clock.advance(seconds=500)
    found = engine.status()["propensity"]
    assert found["version"] == engine.status()["models"]["propensity"] > 0
    assert found["age_s"] >= 500
    takeup = found["calibration"]["takeup"]
    assert takeup["exposures"] == pytest.approx(found["updates"], rel=0.01)
    assert 0.0 < takeup["observed"] < 0.2
    assert found["refused"] == []


def test_a_broken_version_is_refused_and_the_last_good_one_serves(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propensity, "JUDGED_EVERY", 20)
    play(engine, clock, 40)
    good = engine.status()["propensity"]
    assert good["refused"] == []
    # What no code should do, a fault may: a weight is lost.
    engine.core._learning.propensity._learner.heads["hide"].correct({"bias": 1.0}, float("nan"))
    play(engine, clock, 40, first=40)
    now = engine.status()["propensity"]
    (refused,) = now["refused"]
    assert "finite" in refused["reason"]
    assert now["version"] > good["version"]
    (decided,) = engine.decide("later", placements=["hero"]).decisions
    record = engine.decision(decided.decision_id)
    assert all(each.priority == each.priority for each in record.leading)
    assert engine.replay(decided.decision_id).exact
    assert not record.failed


def test_a_version_is_rolled_back_and_learns_on(engine: Engine, clock: SettableClock) -> None:
    play(engine, clock, 10)
    older = engine.core._learning.propensity.model
    play(engine, clock, 30, first=10)
    newest = engine.core._learning.propensity.model
    view = engine.rollback("propensity", older.version)
    assert view.version == newest.version + 1
    model = engine.core._learning.propensity.model
    assert model.updates == older.updates
    assert (model.heads["takeup"].mean == older.heads["takeup"].mean).all()
    play(engine, clock, 5, first=40)
    assert engine.core._learning.propensity.model.updates > older.updates
    assert engine.rollback("propensity", 0).version > view.version
    assert engine.core._learning.propensity.model.updates == 0
    with pytest.raises(NotFound, match="no version 999"):
        engine.rollback("propensity", 999)
    with pytest.raises(InvalidInput, match="follows the events"):
        engine.rollback("taste", 1)


def test_what_is_learnt_while_a_version_is_made_belongs_to_the_next(
    engine: Engine, clock: SettableClock
) -> None:
    play(engine, clock, 5)
    learning, sequence = engine.core._learning, engine.core._ingest.applied_sequence
    shown(engine, "first")
    flow = learning.flush(sequence)
    made = next(flow).result()
    before = learning.propensity.model.version
    shown(engine, "second")
    assert learning.propensity.unpublished == 1
    engine.tick()  # finds that one is on its way
    flow.send(made).result()
    with pytest.raises(StopIteration):
        flow.send(None)
    assert learning.propensity.model.version == before + 1
    assert learning.propensity.model.updates == 6
    clock.advance(seconds=2)
    engine.tick()
    newest = learning.propensity.model
    assert (newest.version, newest.updates) == (before + 2, 7)
    rebuilt = learning.propensity._restored(newest.version).propensity_model(newest.version)
    for outcome, head in newest.heads.items():
        assert (rebuilt.heads[outcome].covariance == head.covariance).all()
        assert (rebuilt.heads[outcome].draws == head.draws).all()


def test_a_version_that_is_given_up_is_drawn_again(engine: Engine, clock: SettableClock) -> None:
    play(engine, clock, 5)
    learning = engine.core._learning
    shown(engine, "first")
    before = learning.propensity.model.version
    flow = learning.flush(engine.core._ingest.applied_sequence)
    next(flow)
    flow.close()
    assert learning.propensity.unpublished == 1
    clock.advance(seconds=2)
    engine.tick()
    assert (learning.propensity.model.version, learning.propensity.model.updates) == (before + 1, 6)


def test_a_refused_version_forgets_nothing_that_came_after_it(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propensity, "JUDGED_EVERY", 0)
    play(engine, clock, 5)
    learning = engine.core._learning
    good = learning.propensity.model
    learning.propensity._learner.heads["hide"].correct({"bias": 1.0}, float("nan"))
    shown(engine, "first")
    flow = learning.flush(engine.core._ingest.applied_sequence)
    refused = next(flow).result()
    assert not refused.verdict.accepted
    shown(engine, "second")
    instead = flow.send(refused).result()
    assert learning.propensity.unpublished == 1
    flow.send(instead).result()
    with pytest.raises(StopIteration):
        flow.send(None)
    assert learning.propensity.model.version == good.version + 1
    assert learning.propensity.model.updates == good.updates


def test_the_version_that_others_are_held_against_outlives_a_restart(
    tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propensity, "JUDGED_EVERY", 20)
    with Engine.open(tmp_path, clock=clock) as engine:
        furnish(engine)
        play(engine, clock, 30)
        play(engine, clock, 5, first=30)
        reference = engine.core._learning.propensity._reference
    with Engine.open(tmp_path, clock=clock) as engine:
        found = engine.core._learning.propensity
        assert 0 < found._reference.version == reference.version < found.model.version
        means = found._reference.heads["takeup"].mean, reference.heads["takeup"].mean
        assert (means[0] == means[1]).all()


def test_a_version_that_is_not_finite_never_serves(engine: Engine, clock: SettableClock) -> None:
    play(engine, clock, 5)
    engine.core._learning.propensity._learner.heads["hide"].correct({"bias": 1.0}, float("nan"))
    play(engine, clock, 2, first=5)
    (refused,) = engine.status()["propensity"]["refused"]
    assert "finite" in refused["reason"]
    (decided,) = engine.decide("later", placements=["hero"]).decisions
    assert not engine.decision(decided.decision_id).failed
