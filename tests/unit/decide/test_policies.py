"""Policies and their bounds inside a decision: what is recorded is what was drawn with."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from eachwise.decide import POLICIES, Choice, decide
from eachwise.maths.goodness import fit_to_own_vectors
from eachwise.settings import DecideSettings
from tests.unit.decide.making import experiences_of, plan_of, shop, situation_of

SHOP = shop()
FOUR = experiences_of("beef", "fish", "fruit", "pizza")
DAILY = 3


def settings_of(policy: str) -> DecideSettings:
    """Much exploration, so that its absence would show."""
    return msgspec.convert(
        {
            "policy": policy,
            "epsilon": 0.5,
            "probability_floor": 0.5,
            "explorations_per_day": DAILY,
        },
        DecideSettings,
    )


def probabilities(choice: Choice) -> dict[str, float]:
    """Every candidate's."""
    return {each.experience_id: each.probability for each in choice.candidates}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_hard_experience_is_not_explored(policy: str) -> None:
    hard = [
        msgspec.structs.replace(each, value=0.1, risk="hard")
        if each.experience_id == "beef-week"
        else each
        for each in FOUR
    ]
    settings = settings_of(policy)
    found = probabilities(decide(situation_of(plan_of(hard, SHOP), settings=settings)))
    assert found["beef-week"] == 0.0
    assert all(value > 0.0 for name, value in found.items() if name != "beef-week")
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_hard_experience_that_is_best_may_win(policy: str) -> None:
    hard = [
        msgspec.structs.replace(each, value=50.0, risk="hard")
        if each.experience_id == "beef-week"
        else each
        for each in FOUR
    ]
    settings = settings_of(policy)
    found = probabilities(decide(situation_of(plan_of(hard, SHOP), settings=settings)))
    assert 0.3 < found["beef-week"] < 1.0


@pytest.mark.parametrize("policy", POLICIES)
def test_after_the_days_explorations_the_best_is_certain(policy: str) -> None:
    dearer = [
        msgspec.structs.replace(each, value=1.0 + 0.1 * number) for number, each in enumerate(FOUR)
    ]
    made = plan_of(dearer, SHOP)
    for seed in range(10):
        choice = decide(situation_of(made, seed=seed, settings=settings_of(policy), explored=DAILY))
        assert (choice.experience_id, choice.probability) == ("pizza-week", 1.0)
        assert not choice.explored
    before = situation_of(made, settings=settings_of(policy), explored=DAILY - 1)
    assert decide(before).probability < 1.0


@pytest.mark.parametrize("policy", POLICIES)
def test_decisions_follow_their_own_probabilities(policy: str) -> None:
    made, settings = plan_of(FOUR, SHOP), settings_of(policy)
    vectors, chosen = [], []
    ids = [each.experience_id for each in FOUR] + ["silence"]
    for seed in range(400):
        choice = decide(situation_of(made, seed=seed, settings=settings))
        found = probabilities(choice)
        assert choice.probability == found[choice.experience_id]
        vectors.append([found[each] for each in ids])
        chosen.append(ids.index(choice.experience_id))
    fit = fit_to_own_vectors(np.array(vectors), np.array(chosen))
    assert fit.freedom == len(FOUR)
    assert fit.p_value > 1e-4
