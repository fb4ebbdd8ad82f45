"""Answers that take their time: a mailing's clicks, what a rollback forgot, and a restart in between."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.arrays import PropensityModel
from eachwise.settings import LearnSettings, Settings
from tests.flow.shop import START_US, answer

HOUR_S = 3600
PEOPLE = 300
OFFER: dict[str, Any] = {"experience_id": "offer", "placements": ["mail", "hero"], "value": 100.0}
SHOP: dict[str, Any] = {
    "placements": [
        {"placement_id": "mail", "channel": "email", "purpose": "news", "outcome_window_s": 86_400},
        {"placement_id": "hero", "outcome_window_s": 600},
    ],
    "experiences": [OFFER],
}


def opened(path: Path | None, clock: SettableClock, **learn: Any) -> Engine:
    return Engine.open(path, clock=clock, settings=Settings(learn=LearnSettings(**learn)))


def known(name: str) -> dict[str, Any]:
    """The traits of somebody who takes mail."""
    return {"email": f"{name}@shop.example", "consent": {"news": True}}


def shown(engine: Engine, placement: str, people: int = PEOPLE) -> list[tuple[str, str]]:
    """Whom it was shown to, and the decisions."""
    found = []
    for number in range(people):
        engine.identify(f"u{number}", known(f"u{number}"))
        (decided,) = engine.decide(f"u{number}", placements=[placement]).decisions
        if not decided.is_silence:
            answer(engine, f"u{number}", decided.decision_id, "Viewed")
            found.append((f"u{number}", decided.decision_id))
    return found


def later(engine: Engine, clock: SettableClock, hours: float) -> PropensityModel:
    """The model once what came until then is learnt."""
    for _ in range(2):
        clock.advance(seconds=hours * HOUR_S / 2)
        engine.tick()
    return engine.core._learning.propensity.model


def clicked(engine: Engine, sent: list[tuple[str, str]]) -> None:
    """One in twenty clicks."""
    for user, decision_id in sent[::20]:
        answer(engine, user, decision_id, "Clicked")


def expected(engine: Engine, placement: str) -> float:
    """P(take-up) for somebody new."""
    engine.identify("new", known("new"))
    (decided,) = engine.decide("new", placements=[placement]).decisions
    leading = engine.decision(decided.decision_id).leading
    return next(each.factors.p_takeup for each in leading if each.experience_id == "offer")


def mailing(engine: Engine, clock: SettableClock) -> float:
    """Everybody gets the mail within the hour; the clicks come two hours after."""
    sent = shown(engine, "mail")
    assert len(sent) > 0.9 * PEOPLE
    later(engine, clock, 2)
    clicked(engine, sent)
    later(engine, clock, 5)
    return expected(engine, "mail")


def test_a_mailing_is_learnt_once_its_answers_have_come(clock: SettableClock) -> None:
    with opened(None, clock) as engine:
        engine.define(SHOP)
        assert 0.03 < mailing(engine, clock) < 0.08
        assert engine.status()["outcomes"]["learnt"] > 0.9 * PEOPLE


def test_learnt_at_once_it_would_be_thought_much_better_than_it_is(clock: SettableClock) -> None:
    with opened(None, clock, settle_s=0) as engine:
        engine.define(SHOP)
        assert mailing(engine, clock) > 0.12


@pytest.mark.parametrize("killed_after", [1.0, 3.0, 8.0])
def test_a_kill_in_between_changes_nothing(tmp_path: Path, killed_after: float) -> None:
    def story(path: Path, *, killed: bool) -> PropensityModel:
        clock = SettableClock(START_US)
        engine = opened(path / "store", clock)
        engine.define(SHOP)
        sent = shown(engine, "mail", 40)
        passed, model = 0.0, engine.core._learning.propensity.model
        for hours in (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 9.0, 30.0):
            model = later(engine, clock, hours - passed)
            passed = hours
            if hours == 2.0:
                clicked(engine, sent)
            if hours == 9.0:
                answer(engine, *sent[1], "Clicked")
            if killed and hours == killed_after:
                shutil.copytree(path / "store", path / "killed")
                engine.close()
                engine = opened(path / "killed", clock)
        engine.close()
        return model

    whole = story(tmp_path / "whole", killed=False)
    again = story(tmp_path / "again", killed=True)
    assert again.updates == whole.updates > 30
    assert again.heads["takeup"].mean == pytest.approx(whole.heads["takeup"].mean, rel=1e-9)


def test_what_a_receiver_keeps_waiting_counts_as_seen_when_it_arrives(clock: SettableClock) -> None:
    with opened(None, clock) as engine:
        engine.define(SHOP)
        for number in range(5):
            engine.identify(f"u{number}", known(f"u{number}"))
        made = {f"u{n}": engine.decide(f"u{n}", placements=["mail"]).decisions[0] for n in range(5)}
        later(engine, clock, 20)
        for user, decided in made.items():
            answer(engine, user, decided.decision_id, "Viewed")
        assert later(engine, clock, 5).updates == 0
        assert later(engine, clock, 2).updates >= 4
        assert engine.status()["outcomes"]["waiting"] >= 4


def test_what_is_taken_up_is_off_the_stock_before_it_is_learnt(
    engine: Engine, clock: SettableClock
) -> None:
    engine.define(
        {**SHOP, "experiences": [{**OFFER, "budgets": [{"limit": 2, "unit": "takeups"}]}]}
    )
    for user, decision_id in shown(engine, "mail", 6)[:2]:
        answer(engine, user, decision_id, "Clicked")
    assert engine.status()["outcomes"]["learnt"] == 0
    (view,) = engine.core.budgets.report()
    assert view.used == 2
    assert shown(engine, "mail", 3) == []


def test_an_answer_to_what_a_rollback_forgot_corrects_nothing(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    engine = opened(tmp_path / "store", clock)
    engine.define(SHOP)
    seen = shown(engine, "hero")
    later(engine, clock, 0.01)
    assert engine.rollback("propensity", 0).version > 1
    clicked(engine, seen[:100])
    later(engine, clock, 0.01)
    shutil.copytree(tmp_path / "store", tmp_path / "killed")
    engine.close()
    with opened(tmp_path / "killed", clock) as again:
        clicked(again, seen[100:])
        later(again, clock, 1)
        assert again.core._learning.propensity.model.updates == 0
        fresh = shown(again, "hero", 20)
        clicked(again, fresh)
        assert later(again, clock, 1).updates == len(fresh)


def test_a_refund_counts_once_whatever_stops_the_engine(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    engine = opened(tmp_path / "store", clock)
    engine.define(SHOP)
    ((user, decision_id),) = shown(engine, "hero", 1)
    clock.advance(seconds=1)
    answer(engine, user, decision_id, "Clicked")
    order = {"order_id": "o", "decision_id": decision_id}
    engine.track(user, "Order Completed", {**order, "total": 100.0})
    engine.track(user, "Order Refunded", {**order, "total": 30.0})
    shutil.copytree(tmp_path / "store", tmp_path / "killed")
    kept = later(engine, clock, 0.01).heads["purchase"].mean
    engine.close()
    clock.set(START_US + 1_000_000)
    with opened(tmp_path / "killed", clock) as again:
        assert (later(again, clock, 0.01).heads["purchase"].mean == kept).all()
