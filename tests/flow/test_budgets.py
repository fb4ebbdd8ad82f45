"""What all people together may use: never more, given back when nobody saw it, and the same after a crash."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput
from tests.flow.shop import answer, furnish

OFFER = {"experience_id": "offer", "placements": ["hero"], "value": 5.0, "lever": 5.0}


def define(engine: Engine, **offer: Any) -> None:
    """One offer at the hero."""
    placement = {"placement_id": "hero", "outcome_window_s": 60, "reserve_s": 30}
    engine.define({"placements": [placement], "experiences": [{**OFFER, **offer}]})


def offered(engine: Engine, user: str) -> str:
    """The decision that offers it to a person; "" for silence."""
    (decided,) = engine.decide(user, placements=["hero"]).decisions
    assert engine.replay(decided.decision_id).exact
    return "" if decided.is_silence else decided.decision_id


def test_exposures_are_never_more_than_the_budget(engine: Engine, clock: SettableClock) -> None:
    define(engine, budgets=[{"limit": 10, "window_s": 3600}])
    made = [offered(engine, f"u{number}") for number in range(40)]
    assert 1 <= sum(map(bool, made)) <= 10
    last = engine.decision(engine.decide("one more", placements=["hero"]).decisions[0].decision_id)
    assert last.inputs.prices["offer"] > 0.0
    (view,) = engine.core.budgets.report()
    assert view.used == sum(map(bool, made))
    assert view.price > 0.0
    assert "one more exposure is worth" in view.words


def test_what_is_used_up_is_filtered_and_comes_back_with_time(
    engine: Engine, clock: SettableClock
) -> None:
    define(engine, budgets=[{"limit": 1, "window_s": 3600}])
    made = {f"u{number}": offered(engine, f"u{number}") for number in range(10)}
    ((user, first),) = ((user, decision_id) for user, decision_id in made.items() if decision_id)
    answer(engine, user, first, "Viewed")
    (decided,) = engine.decide("other", placements=["hero"]).decisions
    record = engine.decision(decided.decision_id)
    assert record.filters["budget"] == 1
    assert "used up" in record.filtered[0].reason
    clock.advance(seconds=2 * 3600)
    assert any(offered(engine, f"v{number}") for number in range(10))


def test_what_nobody_saw_is_free_again(engine: Engine, clock: SettableClock) -> None:
    define(engine, budgets=[{"limit": 1}])
    assert sum(bool(offered(engine, f"u{number}")) for number in range(10)) == 1
    clock.advance(seconds=31)
    engine.tick()
    again = [offered(engine, f"v{number}") for number in range(10)]
    assert sum(map(bool, again)) == 1


@pytest.mark.parametrize(
    ("before", "after", "fit"),
    [
        ({"cost": 1.0, "budgets": [{"limit": 8, "unit": "cost"}]}, {"cost": 4.0}, 2),
        ({"budgets": [{"limit": 60, "window_s": 3600}]}, {"budgets": [{"limit": 8}]}, 8),
    ],
    ids=["cost", "window"],
)
def test_what_is_given_back_is_what_was_used_whatever_is_declared_since(
    engine: Engine, clock: SettableClock, before: dict[str, Any], after: dict[str, Any], fit: int
) -> None:
    define(engine, value=500.0, **before)
    assert sum(bool(offered(engine, f"u{number}")) for number in range(30)) >= 2
    define(engine, value=500.0, **{**before, **after})
    clock.advance(seconds=31)
    engine.tick()
    (view,) = engine.core.budgets.report()
    assert view.used == 0.0
    assert sum(bool(offered(engine, f"v{number}")) for number in range(30)) == fit


def test_two_budgets_that_would_share_their_books_are_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match=r"budgets\[1\]: an earlier one has the same unit and"):
        define(engine, budgets=[{"limit": 10}, {"limit": 20}])


def test_a_stock_is_used_by_take_ups_alone(engine: Engine, clock: SettableClock) -> None:
    define(engine, budgets=[{"limit": 2, "unit": "takeups"}])
    taken = 0
    for number in range(30):
        user = f"u{number}"
        if decision_id := offered(engine, user):
            answer(engine, user, decision_id, "Viewed")
            if number % 3 == 0:
                answer(engine, user, decision_id, "Clicked")
                taken += 1
    assert taken == 2
    (view,) = engine.core.budgets.report()
    assert view.used == 2.0


def test_the_books_are_the_same_after_a_kill(tmp_path: Path, clock: SettableClock) -> None:
    budgets = [{"limit": 100, "window_s": 3600}, {"limit": 50, "unit": "takeups"}]
    with Engine.open(tmp_path / "store", clock=clock) as engine:
        furnish(engine)
        define(engine, budgets=budgets)
        for number in range(20):
            user = f"u{number}"
            if decision_id := offered(engine, user):
                answer(engine, user, decision_id, "Viewed")
                answer(engine, user, decision_id, "Clicked")
            if number == 10:
                clock.advance(seconds=2)
                engine.tick()
        before = [view.used for view in engine.core.budgets.report()]
        shutil.copytree(tmp_path / "store", tmp_path / "killed")
    with Engine.open(tmp_path / "killed", clock=clock) as again:
        assert [view.used for view in again.core.budgets.report()] == before
        clock.advance(seconds=2)
        again.tick()
        assert [view.used for view in again.core.budgets.report()] == before
