"""Lifetime value at work: worked out from stored lives and decisions, published, read by decisions, replayed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.experience import SILENCE
from eachwise.flow.lifetime import PEOPLE_A_TICK
from eachwise.settings import Settings, parse_settings
from tests.flow.shop import DEFINITIONS, ITEMS

DAY_S = 86_400
SETTINGS = {
    "lifetime": {"period_days": 10.0, "discount": 0.9, "interval_s": 0.0},
    "decide": {"policy": "epsilon_greedy", "epsilon": 0.9, "explorations_per_day": 1000},
    "learn": {"publish_interval_s": 3600.0},
    "store": {"synchronous": "OFF", "checkpoint_interval_s": 3600.0},
}
PEOPLE = 300


def furnish(engine: Engine) -> None:
    """The shop with two of its offers."""
    assert engine.put_items(ITEMS).success
    wanted = ("tofu-offer", "cake-offer")
    some = [each for each in DEFINITIONS["experiences"] if each["experience_id"] in wanted]
    engine.define({**DEFINITIONS, "experiences": some})


def settings_with(**decide: Any) -> Settings:
    return parse_settings({**SETTINGS, "decide": {**SETTINGS["decide"], **decide}})  # type: ignore[dict-item]


def live(engine: Engine, clock: SettableClock, people: int, again: int = 2) -> None:
    """People to whom the hero placement is decided once: the tofu offer makes many of them buy, again and again."""
    generator = np.random.default_rng(1)
    bought: list[str] = []
    for number in range(people):
        user = f"u{number}"
        clock.advance(seconds=60)
        engine.track(user, "Product Viewed", {"product_id": "cake-1"})
        (decided,) = engine.decide(user, placements=["hero"]).decisions
        if generator.random() < (0.9 if decided.experience_id == "tofu-offer" else 0.2):
            bought.append(user)
            buy(engine, clock, user, f"first-{number}")
    for time in range(again):
        clock.advance(seconds=8 * DAY_S)
        for user in bought:
            buy(engine, clock, user, f"{time}-{user}")


def buy(engine: Engine, clock: SettableClock, user: str, order_id: str) -> None:
    clock.advance(seconds=1)
    order = {"order_id": order_id, "total": 40.0, "products": []}
    engine.track(user, "Order Completed", order)


@pytest.fixture(params=["memory", "sqlite"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "store" if request.param == "sqlite" else None


@pytest.fixture
def engine(path: Path | None, clock: SettableClock) -> Iterator[Engine]:
    with Engine.open(path, settings=settings_with(), clock=clock) as opened:
        furnish(opened)
        yield opened


def test_nothing_is_known_before_a_period_is_over(engine: Engine, clock: SettableClock) -> None:
    live(engine, clock, 5, again=0)
    found = engine.lifetime()
    assert (found.version, found.at, found.refused) == (0, None, None)
    found = engine.work_out_lifetime()
    assert found.refused is not None
    assert found.refused.reasons[0].code == "nothing_logged"


def test_what_helps_is_found_and_decisions_count_it(clock: SettableClock) -> None:
    with Engine.open(settings=settings_with(), clock=clock) as engine:
        furnish(engine)
        live(engine, clock, PEOPLE)
        clock.advance(seconds=9 * DAY_S)
        _found_and_counted(engine)


def _found_and_counted(engine: Engine) -> None:
    found = engine.work_out_lifetime()
    assert found.refused is None
    assert (found.version, found.people, found.decisions) == (1, PEOPLE, PEOPLE)
    by_offer = {each.experience_id: each for each in found.changes if each.stage == "known"}
    tofu = by_offer["tofu-offer"]
    assert tofu.clv.low > 0.0
    assert tofu.used == tofu.clv.mean
    assert tofu.moves["known"] < -0.3
    assert all(each.used == 0.0 for each in by_offer.values() if each.clv.low <= 0 <= each.clv.high)
    value = {each.stage: each.value.mean for each in found.stages}
    assert value["repeat"] > value["known"]
    (decided,) = engine.decide("somebody", placements=["hero"]).decisions
    record = engine.decision(decided.decision_id)
    # Somebody unknown is new: nothing was ever measured of the new.
    assert record.inputs.models["lifetime"] == 1
    assert record.inputs.clv == {}
    engine.identify("u9999", {"name": "A"})
    (decided,) = engine.decide("u9999", placements=["hero"]).decisions
    record = engine.decision(decided.decision_id)
    assert record.inputs.clv["tofu-offer"] == tofu.clv.mean
    factors = {each.experience_id: each.factors for each in record.leading}
    assert factors["tofu-offer"].clv == tofu.clv.mean
    assert engine.replay(decided.decision_id).exact


def test_never_adds_nothing_and_always_adds_all(path: Path | None, clock: SettableClock) -> None:
    if path is None:
        pytest.skip("needs a store that outlives its engine")
    with Engine.open(path, settings=settings_with(), clock=clock) as engine:
        furnish(engine)
        live(engine, clock, 100)
        clock.advance(seconds=9 * DAY_S)
        certain = engine.work_out_lifetime()
    for use, wanted in (("never", 0), ("always", len(certain.changes))):
        with Engine.open(
            path, settings=settings_with(use_lifetime_value=use), clock=clock
        ) as engine:
            found = engine.lifetime()
            assert found.version == 1
            assert sum(each.used != 0.0 for each in found.changes) == wanted
            clock.advance(seconds=1)
            engine.identify("u9999", {"name": "A"})
            (decided,) = engine.decide("u9999", placements=["hero"]).decisions
            assert bool(engine.decision(decided.decision_id).inputs.clv) == (wanted > 0)
            assert engine.replay(decided.decision_id).exact


def test_it_is_worked_out_by_itself_a_few_people_with_every_tick(clock: SettableClock) -> None:
    by_itself = {**SETTINGS, "lifetime": {"period_days": 10.0}}
    with Engine.open(settings=parse_settings(by_itself), clock=clock) as engine:
        furnish(engine)
        live(engine, clock, 60, again=0)
        clock.advance(seconds=11 * DAY_S)
        ticks = 0
        while engine.lifetime().at is None:
            clock.advance(seconds=1)
            engine.tick()
            ticks += 1
            assert ticks < 20
        assert ticks == 60 / PEOPLE_A_TICK
        # A day later hardly anything is new: it stays. After a week it is looked at again.
        at = engine.lifetime().at
        for days, changed in ((1, False), (1, False), (7, True)):
            clock.advance(seconds=days * DAY_S + 1)
            for _ in range(10):
                engine.tick()
            assert (engine.lifetime().at != at) == changed


def test_a_restart_reads_the_published_version(path: Path | None, clock: SettableClock) -> None:
    if path is None:
        pytest.skip("needs a store that outlives its engine")
    with Engine.open(path, settings=settings_with(), clock=clock) as engine:
        furnish(engine)
        live(engine, clock, 100)
        clock.advance(seconds=9 * DAY_S)
        found = engine.work_out_lifetime()
    with Engine.open(path, settings=settings_with(), clock=clock) as engine:
        assert engine.lifetime() == found


def test_without_silence_in_the_draw_it_is_refused_and_nothing_is_added(
    path: Path | None, clock: SettableClock
) -> None:
    with Engine.open(path, settings=settings_with(epsilon=0.0), clock=clock) as engine:
        furnish(engine)
        live(engine, clock, 50)
        clock.advance(seconds=9 * DAY_S)
        found = engine.work_out_lifetime()
        assert found.refused is not None
        assert found.refused.reasons[0].code == "no_randomisation"
        assert found.version == 0
        (decided,) = engine.decide("u1", placements=["hero"]).decisions
        assert engine.decision(decided.decision_id).inputs.clv == {}


def test_an_order_credited_to_the_decision_is_not_earned_by_its_change(
    engine: Engine, clock: SettableClock
) -> None:
    """Every silent person buys for 30, every shown one too, and theirs is credited to the decision."""
    for number in range(120):
        user = f"u{number}"
        clock.advance(seconds=60)
        engine.track(user, "Product Viewed", {"product_id": "cake-1"})
        (decided,) = engine.decide(user, placements=["hero"]).decisions
        order: dict[str, Any] = {"order_id": f"o{number}", "total": 30.0, "products": []}
        if decided.experience_id != SILENCE:
            order["decision_id"] = decided.decision_id
        clock.advance(seconds=5)
        engine.track(user, "Order Completed", order)
    clock.advance(seconds=25 * DAY_S)
    found = engine.work_out_lifetime()
    earned = [each.earned for each in found.changes if each.stage == "known"]
    assert earned
    # Of 30 in orders that are not credited, the share that is margin.
    assert earned == pytest.approx([-30.0 * Settings().lifetime.margin_share] * len(earned))
    # Of a stage's worth they are part all the same: what comes in a customer's periods does.
    assert found.stages[0].stage == "new"
    assert sum(each.reward * each.periods for each in found.stages) > 0.0
