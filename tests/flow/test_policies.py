"""The stored decisions asked about another policy: the same figures from records and from replays, and refusals."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.cli import arguments_measure, main
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.measurement import Estimate, Evaluated, Refused
from eachwise.flow import policies
from eachwise.settings import parse_settings
from tests.flow.shop import answer, furnish
from tests.support.server import serving

DAY_S = 86_400
EPSILON = 0.6
BASE = {"epsilon": EPSILON, "explorations_per_day": 1000}


def opened(clock: SettableClock, **decide: Any) -> Engine:
    settings = {
        "decide": {"policy": "epsilon_greedy", **BASE, **decide},
        "learn": {"publish_interval_s": 1e9},
        "lifetime": {"interval_s": 0.0},
    }
    engine = Engine.open(settings=parse_settings(settings), clock=clock)
    furnish(engine)
    return engine


def visits(engine: Engine, clock: SettableClock, count: int) -> None:
    """Everybody sees what was decided; half of them click on beef, few on the rest."""
    generator = np.random.default_rng(3)
    for number in range(count):
        clock.advance(seconds=10)
        user = f"u{number}"
        (decided,) = engine.decide(user, placements=["hero"]).decisions
        if decided.is_silence:
            continue
        answer(engine, user, decided.decision_id, "Viewed")
        if generator.random() < (0.5 if decided.experience_id == "beef-offer" else 0.1):
            answer(engine, user, decided.decision_id, "Clicked")
    clock.advance(seconds=8 * DAY_S)


def evaluated(found: Estimate) -> Evaluated:
    assert isinstance(found.evaluation, Evaluated), found.evaluation
    return found.evaluation


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Six hundred visits that were decided with much exploration."""
    clock = SettableClock(1_790_000_000_000_000)
    engine = opened(clock)
    visits(engine, clock, 600)
    return engine


def test_the_policy_that_ran_is_worth_what_it_earned(engine: Engine) -> None:
    for reward in ("takeup", "value"):
        found = engine.estimate("epsilon_greedy", reward=reward)
        shown = evaluated(found)
        assert (found.decisions, found.left_out) == (600, {})
        assert shown.diagnostics.ess == pytest.approx(600.0)
        assert shown.difference.low < 0.0 < shown.difference.high
        assert shown.snips.mean == pytest.approx(shown.logged.mean)
    taken = evaluated(engine.estimate("epsilon_greedy", reward="takeup")).logged.mean
    assert 0.05 < taken < 0.5
    # Five in money a take-up, and nothing else came of anything: no cost, no hide.
    assert evaluated(engine.estimate("epsilon_greedy")).logged.mean == pytest.approx(5.0 * taken)


def test_another_epsilon_is_worth_something_else(engine: Engine) -> None:
    found = engine.estimate("epsilon_greedy", settings={"epsilon": 1.0}, reward="takeup")
    shown = evaluated(found)
    assert shown.diagnostics.ess < 600.0
    assert shown.value.low < shown.value.mean < shown.value.high
    # Four offers and silence alike: a click in two on one of them, in ten on the others.
    assert shown.value.low < (0.5 + 3 * 0.1) / 5 < shown.value.high


def test_records_and_replays_say_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"settings": {"epsilon": 0.3}, "limit": 400, "reward": "takeup"}
    recorded = engine.estimate("epsilon_greedy", **asked)
    monkeypatch.setattr(policies, "_PLAIN", frozenset())
    replayed = engine.estimate("epsilon_greedy", **asked)
    assert recorded.decisions == replayed.decisions == 400
    one, other = evaluated(recorded), evaluated(replayed)
    assert one.value.mean == pytest.approx(other.value.mean)
    assert one.diagnostics.ess == pytest.approx(other.diagnostics.ess)


def test_a_policy_that_draws_is_asked_by_deciding_again(engine: Engine) -> None:
    found = engine.estimate("thompson", limit=300, reward="takeup")
    assert found.decisions == 300
    assert isinstance(found.evaluation, Evaluated | Refused)
    figures = found.evaluation.diagnostics
    assert figures is not None
    # It gives nothing to what the log could not choose.
    assert figures.unsupported == pytest.approx(0.0, abs=1e-9)


def test_what_is_too_young_or_of_another_placement_is_not_asked(clock: SettableClock) -> None:
    engine = opened(clock)
    visits(engine, clock, 30)
    assert engine.estimate("softmax", placement_id="rail").decisions == 0
    assert engine.estimate("softmax", placement_id="hero").decisions == 30
    assert engine.estimate("softmax", since_days=1.0).decisions == 0
    engine.decide("somebody", placements=["hero"])
    assert engine.estimate("softmax", placement_id="hero").decisions == 30
    found = engine.estimate("softmax", placement_id="hero")
    assert isinstance(found.evaluation, Refused)
    assert "too_few_effective" in {reason.code for reason in found.evaluation.reasons}
    assert any("no estimate" in line for line in found.words)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"policy": "astrology"}, "policy"),
        ({"policy": "softmax", "settings": {"kappa": 1.0}}, "kappa"),
        ({"policy": "epsilon_greedy", "settings": {"epsilon": 2.0}}, "decide.epsilon"),
        ({"policy": "softmax", "since_days": 0.0}, "since_days"),
        ({"policy": "softmax", "limit": 0}, "limit"),
        ({"policy": "softmax", "reward": "fame"}, "reward"),
    ],
)
def test_what_cannot_be_asked_is_named(
    clock: SettableClock, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        opened(clock).estimate(**asked)
    assert error.value.field == field


def test_a_placement_that_is_not_there(clock: SettableClock) -> None:
    with pytest.raises(NotFound):
        opened(clock).estimate("softmax", placement_id="moon")


def test_the_command_says_the_same_in_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SettableClock(round(time.time() * 1e6) - 30 * DAY_S * 1_000_000)
    settings = parse_settings({"decide": {"policy": "epsilon_greedy", **BASE}})
    with Engine.open(tmp_path, settings=settings, clock=clock) as kept:
        furnish(kept)
        visits(kept, clock, 20)
    store = ["--store", str(tmp_path)]
    assert main(["estimate", "--policy", "softmax", "--epsilon", "0.1", *store]) == 1
    told = capsys.readouterr().out
    assert "20 stored decisions were asked about softmax" in told
    assert "no estimate is given" in told
    assert "effective sample" in told
    assert main(["estimate", "--policy", "softmax", "--json", *store]) == 1
    assert json.loads(capsys.readouterr().out)["evaluation"]["type"] == "refused"
    assert main(["lifetime", "--refresh", *store]) == 0
    assert "no decision is older" in capsys.readouterr().out
    with Engine.open(tmp_path) as here:
        wanted, known = here.estimate("softmax", settings={"epsilon": 0.1}), here.lifetime()
    with serving(tmp_path) as server, closing(server.engine()) as there:
        found = there.estimate("softmax", settings={"epsilon": 0.1})
        assert (found.decisions, found.evaluation) == (wanted.decisions, wanted.evaluation)
        assert there.estimate("softmax", placement_id="rail", limit=5).decisions == 0
        assert there.lifetime() == known
        with pytest.raises(InvalidInput, match="reward"):
            there.estimate("softmax", reward="fame")
        assert there.work_out_lifetime().refused == known.refused


def test_the_command_knows_what_policies_are_tuned_by() -> None:
    assert tuple(arguments_measure.TUNABLE) == policies.TUNABLE
