"""What every policy must keep, for each one in the registry, found by itself."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eachwise.decide.policies as package
from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.decide.policies import POLICIES, Scored, bounded, policy_named
from eachwise.decide.policies.base import shared_wins
from eachwise.maths.draws import sample
from eachwise.maths.goodness import fit_to_own_vectors
from eachwise.settings import DecideSettings, parse_settings

SETTINGS = DecideSettings(epsilon=0.1, probability_floor=0.1)
NOT_POLICIES = {"__init__", "base", "bounds", "registry"}
# A policy that draws as it says fails once in 10,000 changes of its figures.
IMPROBABLE = 1e-4
EXTREMES = [
    *itertools.product([-np.inf, -1e308, 0.0, 1e-308, 1e308, np.inf], repeat=2),
    (np.inf, np.inf, 0.0),
    (5e-324, 1e-320, 0.0),
    (1.0, -1e308, 0.0),
]


def scored(seed: int, count: int, draws: int = 16) -> Scored:
    """Priorities (K,) with silence's 0 last, and (M, K) draws around them; some candidates tie."""
    generator = np.random.default_rng(seed)
    priorities = np.append(generator.normal(size=count - 1).round(1), 0.0)
    sampled = priorities + generator.normal(size=(draws, count)).round(1)
    sampled[:, -1] = 0.0
    return Scored(priorities, sampled, everyone(count), int(generator.integers(100_000)))


def sure(priorities: list[float], draws: int = 16, explorable: list[bool] | None = None) -> Scored:
    """These priorities in every draw, of a model that has learnt a lot."""
    values = np.array(priorities)
    may = everyone(len(values)) if explorable is None else np.array(explorable)
    return Scored(values, np.tile(values, (draws, 1)), may, 10**14)


def everyone(count: int) -> Bools:
    """All may be explored."""
    return np.ones(count, dtype=bool)


def nobody(count: int) -> Bools:
    """None is hard."""
    return np.zeros(count, dtype=bool)


def test_every_policy_file_is_registered_and_can_be_set() -> None:
    files = {path.stem for path in Path(package.__path__[0]).glob("*.py")} - NOT_POLICIES
    assert files == set(POLICIES)
    for name in POLICIES:
        assert parse_settings({"decide": {"policy": name}}).decide.policy == name


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="epsilon_greedy, inverse_gap_weighting, pairwise_match"):
        policy_named("greedy")


@pytest.mark.parametrize("name", POLICIES)
class TestEveryPolicy:
    @given(seed=st.integers(0, 10_000), count=st.integers(1, 60), draws=st.integers(1, 40))
    def test_is_a_distribution(self, name: str, seed: int, count: int, draws: int) -> None:
        found = POLICIES[name](scored(seed, count, draws), SETTINGS)
        assert found.shape == (count,)
        assert (found >= 0.0).all()
        assert found.sum() == pytest.approx(1.0, abs=1e-12)

    @given(seed=st.integers(0, 10_000), count=st.integers(2, 40))
    def test_ties_are_shared(self, name: str, seed: int, count: int) -> None:
        one = scored(seed, count)
        twins = Scored(
            np.append(one.priorities, one.priorities[0]),
            np.column_stack([one.sampled, one.sampled[:, 0]]),
            everyone(count + 1),
            one.updates,
        )
        found = POLICIES[name](twins, SETTINGS)
        assert found[0] == pytest.approx(found[count], abs=1e-15)

    def test_equals_get_equal_shares(self, name: str) -> None:
        found = POLICIES[name](sure([0.0] * 8), SETTINGS)
        assert found == pytest.approx(np.full(8, 1 / 8))

    @given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
    def test_explorable_candidates_keep_a_minimum(self, name: str, seed: int, count: int) -> None:
        one = scored(seed, count)
        explorable = np.random.default_rng(seed).random(count) < 0.5
        explorable[-1] = True
        found = POLICIES[name](
            Scored(one.priorities, one.sampled, explorable, one.updates), SETTINGS
        )
        assert (found[explorable] >= 0.1 / explorable.sum() - 1e-15).all()
        assert found.sum() == pytest.approx(1.0, abs=1e-12)

    def test_what_is_hopeless_and_not_explorable_is_never_shown(self, name: str) -> None:
        found = POLICIES[name](sure([1.0, -5.0, 0.0], explorable=[True, False, True]), SETTINGS)
        assert found[1] == 0.0

    @given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
    def test_the_order_of_candidates_does_not_matter(
        self, name: str, seed: int, count: int
    ) -> None:
        one = scored(seed, count)
        order = np.random.default_rng(seed + 1).permutation(count)
        turned = Scored(
            one.priorities[order], one.sampled[:, order], one.explorable[order], one.updates
        )
        straight = POLICIES[name](one, SETTINGS)
        assert POLICIES[name](turned, SETTINGS) == pytest.approx(straight[order], abs=1e-14)

    @given(seed=st.integers(0, 10_000), unit=st.sampled_from([2.0**-30, 0.25, 2.0**30]))
    def test_the_unit_of_money_does_not_matter(self, name: str, seed: int, unit: float) -> None:
        """By powers of two, which leave equals equal."""
        one = scored(seed, 12)
        dear = Scored(unit * one.priorities, unit * one.sampled, one.explorable, one.updates)
        straight = POLICIES[name](one, SETTINGS)
        assert POLICIES[name](dear, SETTINGS) == pytest.approx(straight, abs=1e-9)

    def test_the_same_input_gives_the_same_bits(self, name: str) -> None:
        once = POLICIES[name](scored(3, 30), SETTINGS)
        again = POLICIES[name](scored(3, 30), SETTINGS)
        assert once.tobytes() == again.tobytes()

    @pytest.mark.parametrize("draws", [1, 16])
    def test_silence_alone_is_certain(self, name: str, draws: int) -> None:
        assert POLICIES[name](sure([0.0], draws), SETTINGS).tolist() == [1.0]

    def test_a_clear_winner_gets_all_but_the_exploration(self, name: str) -> None:
        found = POLICIES[name](sure([5.0, 1.0, -1.0, 0.0]), SETTINGS)
        assert found[0] == pytest.approx(0.9 + 0.1 / 4, abs=1e-6)

    @pytest.mark.parametrize("draws", [1, 16])
    def test_no_figure_is_too_large_or_too_small(self, name: str, draws: int) -> None:
        """Warnings of overflow or of no number would be errors here."""
        sharp = DecideSettings(softmax_temperature=1e-6, gap_weight=1e12)
        for priorities in EXTREMES:
            for settings in (SETTINGS, sharp):
                found = POLICIES[name](sure(list(priorities), draws), settings)
                assert (found >= 0.0).all(), priorities
                assert found.sum() == pytest.approx(1.0, abs=1e-12), priorities

    @pytest.mark.parametrize("floor", [0.0, 1.0])
    def test_no_exploration_and_nothing_else(self, name: str, floor: float) -> None:
        settings = DecideSettings(epsilon=floor, probability_floor=floor)
        found = POLICIES[name](sure([5.0, 1.0, -1.0, 0.0]), settings)
        wanted = [0.25] * 4 if floor else [1.0, 0.0, 0.0, 0.0]
        assert found == pytest.approx(np.array(wanted), abs=1e-6)

    def test_inputs_are_left_alone(self, name: str) -> None:
        one = scored(5, 9)
        before = one.priorities.tobytes() + one.sampled.tobytes() + one.explorable.tobytes()
        POLICIES[name](one, SETTINGS)
        after = one.priorities.tobytes() + one.sampled.tobytes() + one.explorable.tobytes()
        assert after == before

    def test_what_is_recorded_is_what_is_sampled(self, name: str) -> None:
        """100,000 choices in 1,000 situations against each decision's own vector, hard candidates among them."""
        count, each = 8, 100
        hard = np.arange(count) == 2
        vectors = np.array(
            [
                bounded(POLICIES[name], scored(seed, count), hard, 0, SETTINGS)
                for seed in range(1000)
            ]
        )
        chosen = [
            sample(vector, each * row + again, 2)
            for row, vector in enumerate(vectors)
            for again in range(each)
        ]
        for by_rank in (False, True):
            fit = fit_to_own_vectors(
                np.repeat(vectors, each, axis=0), np.array(chosen), by_rank=by_rank
            )
            assert fit.freedom == count - 1
            assert fit.p_value > IMPROBABLE


@pytest.mark.parametrize("name", POLICIES)
class TestBounds:
    @given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
    def test_hard_candidates_never_have_more_than_without_exploration(
        self, name: str, seed: int, count: int
    ) -> None:
        one = scored(seed, count)
        hard = np.random.default_rng(seed).random(count) < 0.5
        hard[-1] = False
        found = bounded(POLICIES[name], one, hard, 0, SETTINGS)
        exploited = shared_wins(one.priorities)
        assert (found[hard] <= exploited[hard] + 1e-15).all()
        assert (found[~hard] >= 0.1 / (~hard).sum() - 1e-15).all()
        assert found.sum() == pytest.approx(1.0, abs=1e-12)

    def test_equals_share_where_one_of_them_is_hard(self, name: str) -> None:
        one = scored(1, 6)
        tied = Scored(
            np.array([2.0, 2.0, 2.0, 1.0, 0.5, 0.0]), one.sampled, one.explorable, one.updates
        )
        found = bounded(POLICIES[name], tied, np.arange(6) == 1, 0, SETTINGS)
        assert found[0] == found[1] == found[2] <= 1 / 3

    @given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
    def test_none_hard_leaves_the_policy_as_it_is(self, name: str, seed: int, count: int) -> None:
        one = scored(seed, count)
        found = bounded(POLICIES[name], one, nobody(count), 0, SETTINGS)
        assert found.tobytes() == POLICIES[name](one, SETTINGS).tobytes()

    @given(seed=st.integers(0, 10_000), count=st.integers(1, 40), most=st.integers(0, 3))
    def test_who_has_been_explored_enough_gets_the_best(
        self, name: str, seed: int, count: int, most: int
    ) -> None:
        one, settings = scored(seed, count), DecideSettings(explorations_per_day=most)
        found = bounded(POLICIES[name], one, nobody(count), most, settings)
        best = one.priorities == one.priorities.max()
        assert found == pytest.approx(best / best.sum(), abs=1e-15)

    @given(seed=st.integers(0, 10_000), count=st.integers(2, 40))
    def test_one_below_the_limit_still_explores(self, name: str, seed: int, count: int) -> None:
        one, settings = scored(seed, count), DecideSettings(explorations_per_day=3, epsilon=0.1)
        found = bounded(POLICIES[name], one, nobody(count), 2, settings)
        assert (found > 0.0).all()


def test_the_leader_is_beaten_as_often_as_the_normal_law_says() -> None:
    """Two candidates, the difference N(−1, 2²) in four draws: the other wins with Φ(−1/2) = .3085."""
    sampled = np.array([[3.0, 4.0], [3.0, 0.0], [3.0, 4.0], [3.0, 0.0]])
    sides: Floats = POLICIES["pairwise_matching"](
        Scored(np.array([3.0, 2.0]), sampled, everyone(2)), DecideSettings(probability_floor=0.0)
    )
    assert sides[1] / sides[0] == pytest.approx(2 * 0.30853754, abs=0.004)


def test_the_gap_is_weighed_as_foster_and_rakhlin_say() -> None:
    """Gaps 0, 1, 3 in units of their mean 4/3 and γ = 2·√9: 1/(3 + 6·.75) and 1/(3 + 6·2.25)."""
    one = Scored(np.array([3.0, 2.0, 0.0]), np.zeros((1, 3)), everyone(3), 9)
    settings = DecideSettings(probability_floor=0.0, gap_weight=2.0)
    found = POLICIES["inverse_gap_weighting"](one, settings)
    assert found == pytest.approx(np.array([1 - 1 / 7.5 - 1 / 16.5, 1 / 7.5, 1 / 16.5]), abs=1e-15)


def test_a_challenger_wins_when_the_leader_is_set_aside() -> None:
    """Wins .5, .25, .25 and β = .6: the first is leader (.3), or challenges one of the others (.4 · 2 · .25 · 2/3)."""
    sampled = np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    settings = DecideSettings(probability_floor=0.0, top_two_leader=0.6)
    found = POLICIES["top_two"](Scored(np.zeros(3), sampled, everyone(3)), settings)
    assert found[0] == pytest.approx(0.6 * 0.5 + 0.4 * 2 * 0.25 * 0.5 / 0.75, abs=1e-15)


def test_the_temperature_may_be_set_in_money() -> None:
    settings = DecideSettings(probability_floor=0.0, softmax_temperature=2.0)
    found = POLICIES["softmax"](sure([2.0, 0.0]), settings)
    assert found[1] / found[0] == pytest.approx(np.exp(-1.0), abs=1e-12)
