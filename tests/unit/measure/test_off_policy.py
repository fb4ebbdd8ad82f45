"""Off-policy estimates: they hold the truth of a known world, and refuse where they would not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Evaluated, Evaluation, Refused
from eachwise.measure import (
    LIMITS,
    Log,
    as_logged,
    evaluate,
    greedy,
    sharpened,
    uniform,
    within_support,
    without,
)
from tests.unit.measure.bandit import ARMS, Bandit, bandit, logged

RUNS = 400
Target = Callable[[Log], Floats]
TARGETS: dict[str, Target] = {
    "sharpened": lambda log: sharpened(log, 2.0),
    "epsilon_greedy": lambda log: greedy(log, 0.1),
    "withdrawn": lambda log: without(log, {"e0"}),
}


@cache
def world(policy: str = "thompson") -> Bandit:
    return bandit(1, policy=policy)


def everybody(of: Bandit) -> Log:
    """The world's decisions as a log, to ask a target what it would do there."""
    count, width = of.probability.shape
    return Log(
        person=of.person,
        indptr=np.arange(count + 1) * width,
        arm=np.tile(np.arange(width), count),
        arms=ARMS,
        probability=of.probability.ravel(),
        recorded=np.ones(count * width, dtype=bool),
        priority=of.priority.ravel(),
        features=np.zeros((count * width, 1)),
        chosen=np.arange(count) * width + of.probability.argmax(axis=1),
        reward=np.zeros(count),
        converted=np.zeros(count, dtype=bool),
    )


def truth(of: Bandit, target: Target) -> float:
    return of.truth(target(everybody(of)).reshape(of.probability.shape))


# (the log's policy, the policy asked for, people): so many that every run's effective sample is above 3,000.
CASES = [
    ("thompson", "sharpened", 1000),
    ("thompson", "epsilon_greedy", 1500),
    ("thompson", "withdrawn", 1800),
    ("epsilon_greedy", "epsilon_greedy", 950),
]


@pytest.mark.parametrize(("policy", "name", "people"), CASES)
def test_the_interval_holds_the_truth_in_400_runs(policy: str, name: str, people: int) -> None:
    of, target = world(policy), TARGETS[name]
    right, held, ess = truth(of, target), [], []
    for run in range(RUNS):
        log, _ = logged(of, 10_000 + run, people)
        found = evaluate(log, target(log))
        if isinstance(found, Evaluated):
            held.append(found.value.low <= right <= found.value.high)
            ess.append(found.diagnostics.ess)
    # One in a hundred logs has a choice of so low a probability that it outweighs the others, and is refused.
    assert len(held) >= 0.98 * RUNS
    assert min(ess) >= 3000
    assert np.mean(held) >= 0.92


def test_estimates_agree_and_are_close_to_the_truth() -> None:
    log, _ = logged(world(), 3, 3500)
    found = evaluate(log, TARGETS["sharpened"](log))
    assert isinstance(found, Evaluated)
    assert found.decisive
    right = truth(world(), TARGETS["sharpened"])
    assert found.value.mean == pytest.approx(right, rel=0.15)
    assert found.snips.mean == pytest.approx(found.value.mean, rel=0.1)
    assert found.ips == pytest.approx(found.value.mean, rel=0.15)
    assert found.difference.mean == pytest.approx(found.value.mean - found.logged.mean)
    assert found.diagnostics.weight_mean == pytest.approx(1.0, abs=0.05)


def test_the_logs_own_policy_is_worth_what_it_earned() -> None:
    log, _ = logged(world(), 5, 400)
    found = evaluate(log, as_logged(log))
    assert isinstance(found, Evaluated)
    assert found.diagnostics.ess == pytest.approx(len(log.person))
    assert found.snips.mean == pytest.approx(log.reward.mean())
    assert found.value.mean == pytest.approx(log.reward.mean(), abs=0.1)
    assert found.difference.low <= 0.0 <= found.difference.high


def refusal(found: Evaluation) -> set[str]:
    assert isinstance(found, Refused)
    assert all(reason.words for reason in found.reasons)
    return {reason.code for reason in found.reasons}


def test_few_effective_decisions_are_refused() -> None:
    log, _ = logged(world(), 7, 300)
    found = evaluate(log, uniform(log))
    assert "too_few_effective" in refusal(found)
    assert isinstance(found, Refused)
    assert found.diagnostics is not None
    assert found.diagnostics.ess < LIMITS.ess_min


def test_few_conversions_are_refused() -> None:
    log, _ = logged(world(), 9, 500)
    rare = log.converted & (np.arange(len(log.person)) % 60 == 0)
    quiet = replace(log, reward=np.where(rare, log.reward, 0.0), converted=rare)
    assert refusal(evaluate(quiet, as_logged(quiet))) == {"too_few_conversions"}


def test_one_heavy_decision_is_refused() -> None:
    log, _ = logged(world(), 11, 2000)
    p = log.probability.copy()
    p[log.chosen[0]] = 1e-4
    heavy = replace(log, probability=p)
    target = as_logged(log)
    assert "one_weight" in refusal(evaluate(heavy, target))


def test_a_target_beyond_the_logs_reach_is_refused() -> None:
    log, _ = logged(world(), 13, 1000)
    p = log.probability.copy()
    gone = (log.arm == 1) & ~np.isin(np.arange(len(p)), log.chosen)
    p[gone] = 0.0
    cut = replace(log, probability=p)
    target = uniform(cut)
    assert "no_support" in refusal(evaluate(cut, target))
    inside = within_support(cut, target)
    assert inside[gone].max() == 0.0
    assert cut.summed(inside) == pytest.approx(np.ones(len(cut.person)))


def test_half_a_policy_is_refused() -> None:
    log, _ = logged(world(), 13, 1000)
    assert "no_support" in refusal(evaluate(log, 0.5 * as_logged(log)))


def test_wrong_probabilities_raise_the_alarm_and_are_refused() -> None:
    log, _ = logged(world(), 15, 3000)
    wrong = replace(log, probability=log.probability**2)
    found = evaluate(wrong, as_logged(log))
    assert "wrong_probabilities" in refusal(found)
    assert isinstance(found, Refused)
    assert found.diagnostics is not None
    assert found.diagnostics.alarms


def test_an_alarm_that_may_be_chance_is_shown_and_decides_nothing() -> None:
    log, _ = logged(world(), 17, 2000)
    strict = replace(LIMITS, weight_mean_off_max=1e-6, weight_mean_errors_max=50.0)
    found = evaluate(log, sharpened(log, 2.0), limits=strict)
    assert isinstance(found, Evaluated)
    assert found.diagnostics.alarms
    assert not found.decisive


def test_enough_to_show_is_not_enough_to_decide() -> None:
    log, _ = logged(world(), 19, 250)
    found = evaluate(log, sharpened(log, 2.0))
    assert isinstance(found, Evaluated)
    assert found.diagnostics.ess < LIMITS.ess_decisive
    assert not found.decisive


def test_nobody_and_one_person_are_refused() -> None:
    log, _ = logged(world(), 21, 500)
    alone = replace(log, person=np.zeros(len(log.person), dtype=np.int64))
    assert refusal(evaluate(alone, as_logged(alone))) == {"nothing_logged"}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda log: as_logged(log)[:-1],
        lambda log: -as_logged(log),
        lambda log: 2.0 * as_logged(log),
        lambda log: np.full(len(log.arm), np.nan),
    ],
)
def test_what_is_no_policy_is_an_error(wrong: Target) -> None:
    log, _ = logged(world(), 23, 300)
    with pytest.raises(InvalidInput) as error:
        evaluate(log, wrong(log))
    assert error.value.field == "target"


def test_a_target_may_not_act_on_what_only_a_choice_put_into_the_log() -> None:
    log, _ = logged(world(), 25, 300)
    seen = replace(log, recorded=~np.isin(np.arange(len(log.arm)), log.chosen))
    with pytest.raises(InvalidInput):
        evaluate(seen, log.probability)
    # A policy over what is always there is fine: choices outside it weigh nothing.
    assert "no_support" not in refusal(evaluate(seen, uniform(seen)))


def test_any_model_that_is_not_the_persons_own_will_do() -> None:
    log, _ = logged(world(), 29, 1000)
    target = sharpened(log, 2.0)
    usual = evaluate(log, target)
    none = evaluate(log, target, model=np.zeros(len(log.arm)))
    assert isinstance(usual, Evaluated)
    assert isinstance(none, Evaluated)
    assert none.value.mean == pytest.approx(none.ips)
    assert none.model_only == 0.0
    assert usual.value.mean == pytest.approx(none.value.mean, rel=0.1)
    with pytest.raises(InvalidInput):
        evaluate(log, target, model=np.zeros(3))


def test_a_level_outside_its_range_is_an_error() -> None:
    log, _ = logged(world(), 25, 300)
    with pytest.raises(InvalidInput):
        evaluate(log, as_logged(log), level=1.0)


@given(st.integers(0, 10_000), st.floats(0.3, 2.0))
def test_neither_order_nor_the_unit_of_money_matters(seed: int, unit: float) -> None:
    log, _ = logged(world(), 27, 300)
    target = sharpened(log, 1.5)
    order = np.random.default_rng(seed).permutation(len(log.person))
    rows = (order[:, None] * len(ARMS) + np.arange(len(ARMS))).ravel()
    turned = replace(
        log,
        person=log.person[order],
        probability=log.probability[rows],
        priority=log.priority[rows],
        features=log.features[rows],
        chosen=log.chosen[order] % len(ARMS) + np.arange(len(order)) * len(ARMS),
        reward=unit * log.reward[order],
        converted=log.converted[order],
    )
    one, other = evaluate(log, target), evaluate(turned, target[rows])
    assert isinstance(one, Evaluated)
    assert isinstance(other, Evaluated)
    assert parts(other) == pytest.approx([unit * part for part in parts(one)], rel=1e-7)


def parts(found: Evaluated) -> tuple[float, float, float]:
    return found.value.mean, found.value.low, found.value.high
