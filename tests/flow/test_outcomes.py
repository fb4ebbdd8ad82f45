"""What comes back late, corrected, or without saying for what, is learnt once and the same after a restart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.arrays import PropensityModel
from tests.flow.shop import answer, furnish

HOUR_S = 3600


def decided(engine: Engine, user: str = "u") -> str:
    """A decision for the hero that is not silence, seen."""
    for _ in range(20):
        (found,) = engine.decide(user, placements=["hero"]).decisions
        if not found.is_silence:
            answer(engine, user, found.decision_id, "Viewed")
            return found.decision_id
    raise AssertionError("nothing but silence")


def published(engine: Engine, clock: SettableClock) -> PropensityModel:
    """The model once all that came is learnt."""
    clock.advance(seconds=2)
    engine.tick()
    return engine.core._learning.propensity.model


def bias(model: PropensityModel, outcome: str) -> float:
    """The general level of an outcome."""
    return float(model.heads[outcome].mean[model.index["bias"]])  # type: ignore[index]


def order(engine: Engine, name: str = "Order Completed", **more: object) -> None:
    """The person's order, or what became of it; it names no decision."""
    engine.track("u", name, {"order_id": "o1", "total": 30.0, **more})


@pytest.mark.parametrize("name", ["Hidden", "Unsubscribed"])
def test_an_answer_after_the_wait_is_over_is_learnt(
    engine: Engine, clock: SettableClock, name: str
) -> None:
    decision_id = decided(engine)
    before = published(engine, clock)
    clock.advance(seconds=HOUR_S)  # the window of the hero is a minute
    engine.tick()
    assert engine.status()["outcomes"]["waiting"] == 0
    event = {"Hidden": "Experience Hidden", "Unsubscribed": "Unsubscribed"}[name]
    engine.track("u", event, {"decision_id": decision_id})
    after = published(engine, clock)
    outcome = "hide" if name == "Hidden" else "unsubscribe"
    assert bias(after, outcome) > bias(before, outcome)
    assert after.updates == before.updates == 1


def test_what_is_seen_long_after_the_decision_is_learnt(
    engine: Engine, clock: SettableClock
) -> None:
    """A mail is opened the day after; the reservation was over in half a minute."""
    made = [engine.decide("u", placements=["hero"]).decisions[0] for _ in range(5)]
    found = next(each for each in made if not each.is_silence)
    clock.advance(seconds=24 * HOUR_S)
    engine.tick()
    answer(engine, "u", found.decision_id, "Viewed")
    assert published(engine, clock).updates == 1
    answer(engine, "u", found.decision_id, "Clicked")
    clicked = published(engine, clock)
    assert clicked.updates == 1
    answer(engine, "u", found.decision_id, "Clicked")
    assert published(engine, clock).version == clicked.version


def test_an_order_is_credited_to_the_click_and_a_refund_takes_it_back(
    engine: Engine, clock: SettableClock
) -> None:
    decision_id = decided(engine)
    answer(engine, "u", decision_id, "Clicked")
    clicked = published(engine, clock)
    clock.advance(seconds=2 * HOUR_S)
    order(engine)
    (logged,) = [
        entry.event
        for entry in engine.core._store.outcomes_of(decision_id)
        if entry.event.name == "Order Completed"
    ]
    assert logged.properties["credited"] is True
    bought = published(engine, clock)
    assert bias(bought, "purchase") > bias(clicked, "purchase")
    clock.advance(seconds=24 * HOUR_S)
    order(engine, "Order Refunded")
    refunded = published(engine, clock)
    assert bias(refunded, "purchase") < bias(bought, "purchase")
    assert refunded.updates == 1


def test_an_order_without_a_click_is_nobodys(engine: Engine, clock: SettableClock) -> None:
    decision_id = decided(engine)
    order(engine)
    names = [entry.event.name for entry in engine.core._store.outcomes_of(decision_id)]
    assert names == ["Experience Viewed"]


def test_a_click_that_names_only_the_experience_is_credited(
    engine: Engine, clock: SettableClock
) -> None:
    decision_id = decided(engine)
    before = published(engine, clock)
    experience_id = engine.decision(decision_id).experience_id
    engine.track("u", "Experience Clicked", {"experience_id": experience_id})
    assert bias(published(engine, clock), "takeup") > bias(before, "takeup")


def test_a_late_answer_is_learnt_once_whatever_stops_the_engine(
    tmp_path: Path, clock: SettableClock
) -> None:
    """Killed between the answer and the next version, the engine learns it from the log: the same, and once."""

    def story(path: Path) -> Path:
        here = SettableClock(clock.now_us())
        with Engine.open(path / "store", clock=here) as engine:
            furnish(engine)
            decision_id = decided(engine)
            here.advance(seconds=HOUR_S)
            engine.tick()
            answer(engine, "u", decision_id, "Hidden")
            clock.set(here.now_us())
            # What a kill leaves: all that is durable, no last version, no checkpoint.
            shutil.copytree(path / "store", path / "killed")
        return path

    made = story(tmp_path)
    models = []
    for name in ("store", "killed"):
        with Engine.open(made / name, clock=clock) as again:
            models.append(published(again, clock))
    closed, killed = models
    assert bias(killed, "hide") == pytest.approx(bias(closed, "hide"), rel=1e-12)
    assert killed.updates == closed.updates == 1
