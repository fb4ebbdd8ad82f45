"""The decision: deterministic, honest about its probability, and sensible from the first impression."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import msgspec
import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import Experience
from eachwise.contracts.individual import Contact
from eachwise.decide import Choice, decide, layout
from eachwise.decide.arbitration import Worth, explorable, kappa_money, priorities
from eachwise.settings import DecideSettings
from tests.unit.decide.making import (
    HERO,
    NOW_US,
    catalog_of,
    experiences_of,
    indifferent,
    plan_of,
    select_from,
    shop,
    situation_of,
)

SHOP = shop()
FOUR = experiences_of("beef", "fish", "fruit", "pizza")
PLAN = plan_of(FOUR, SHOP)


def encoded(choice: Choice) -> bytes:
    """Every figure of a choice, as bytes."""
    return msgspec.msgpack.encode(
        [choice.experience_id, choice.probability, choice.items, list(choice.candidates), choice.features,
         choice.filtered, choice.filters, choice.reasons]
    )  # fmt: skip


def test_the_same_situation_gives_the_same_bits() -> None:
    for seed in range(20):
        again = plan_of(list(reversed(FOUR)), shop())
        assert encoded(decide(situation_of(PLAN, seed=seed))) == encoded(
            decide(situation_of(again, seed=seed))
        )


def test_no_experience_is_silence() -> None:
    choice = decide(situation_of(plan_of([], SHOP)))
    assert choice.is_silence
    assert (choice.probability, choice.items, choice.features) == (1.0, [], {})
    assert [each.experience_id for each in choice.candidates] == ["silence"]
    assert choice.reasons == ["no experience is declared for this placement"]


def test_an_empty_catalogue_is_no_obstacle() -> None:
    bare = [msgspec.structs.replace(each, items=None) for each in FOUR]
    choice = decide(situation_of(plan_of(bare, catalog_of([]))))
    assert len(choice.candidates) == 5


def test_priorities_are_the_formula_of_their_factors() -> None:
    costly = [
        msgspec.structs.replace(each, value=5.0 + k, lever=1.5, cost=0.01)
        for k, each in enumerate(FOUR)
    ]
    settings = DecideSettings(fatigue_cost=0.1)
    contacts = [Contact(NOW_US, 1, "expose", "fish-week", "hero", "web", "d1")]
    choice = decide(situation_of(plan_of(costly, SHOP), settings=settings, contacts=contacts))
    for each in choice.candidates:
        it = each.factors
        worth = (
            (it.p_takeup * (it.value + it.p_purchase * it.margin) + it.clv) * it.lever
            - it.kappa * it.p_disconnect
            - it.fatigue
            - it.cost
            - it.price
        )
        assert each.priority == pytest.approx(worth, abs=1e-12)
        if each.experience_id != "silence":
            assert it.kappa == pytest.approx(settings.kappa * 6.5)
            assert it.fatigue == pytest.approx(0.1 if each.experience_id == "fish-week" else 0.0)


def test_silence_is_always_a_candidate_and_wins_over_harm() -> None:
    worthless = [msgspec.structs.replace(each, cost=100.0) for each in FOUR]
    settings = DecideSettings(probability_floor=0.0)
    choice = decide(situation_of(plan_of(worthless, SHOP), settings=settings))
    assert choice.is_silence
    assert choice.probability == 1.0
    assert choice.reasons == ["none of 4 candidates was worth more than silence"]
    assert choice.features == {}


def test_what_a_person_likes_is_likelier_before_anything_was_learnt() -> None:
    affinity = indifferent(SHOP)
    affinity.general[SHOP.value_of["category=fish"]] = 2.0
    affinity.general[SHOP.value_of["category=beef"]] = -0.8
    choice = decide(situation_of(PLAN, affinity=affinity))
    by_id = {each.experience_id: each for each in choice.candidates}
    takeup = {name: each.factors.p_takeup for name, each in by_id.items()}
    assert takeup["fish-week"] > 1.5 * takeup["fruit-week"]
    assert takeup["fruit-week"] > 1.2 * takeup["beef-week"]
    assert by_id["fish-week"].probability > 0.6
    assert choice.candidates[0].experience_id == "fish-week"


def test_recorded_probabilities_are_those_of_the_draws() -> None:
    # The draws of the model change with the seed too, so the mean of the records is what is met.
    chosen: Counter[str] = Counter()
    said: defaultdict[str, float] = defaultdict(float)
    count = 3000
    for seed in range(count):
        choice = decide(situation_of(PLAN, seed=seed))
        chosen[choice.experience_id] += 1
        for each in choice.candidates:
            said[each.experience_id] += each.probability
    for name, expected in said.items():
        spread = 4.0 * math.sqrt(count * 0.25) + 1.0
        assert abs(chosen[name] - expected) < spread


def test_every_seed_stays_within_the_records_support() -> None:
    for seed in range(200):
        choice = decide(situation_of(PLAN, seed=seed))
        chosen = [each for each in choice.candidates if each.experience_id == choice.experience_id]
        assert [each.probability for each in chosen] == [choice.probability]
        assert choice.probability > 0.0


def test_items_are_the_best_allowed_ones_in_order() -> None:
    fish = [each for each in FOUR if each.experience_id == "fish-week"]
    settings = DecideSettings(probability_floor=0.0, policy="epsilon_greedy", epsilon=0.0)
    scores = np.zeros(40)
    scores[[5, 9, 13]] = [1.0, 3.0, 3.0]
    scores[17] = 9.0  # hidden
    choice = decide(
        situation_of(plan_of(fish, SHOP), settings=settings, scores=scores, hidden={"item:i017": 1})
    )
    assert [each.item_id for each in choice.items] == ["i009", "i013", "i005"]
    assert [each.position for each in choice.items] == [0, 1, 2]
    assert choice.items[0].title == "Item 9"
    assert all(each.deterministic and each.probability == 1.0 for each in choice.items)
    more = decide(situation_of(plan_of(fish, SHOP), settings=settings, scores=scores, count=6))
    assert [each.item_id for each in more.items] == ["i017", "i009", "i013", "i005", "i001", "i021"]


def test_reasons_speak_to_the_person() -> None:
    fish = [each for each in FOUR if each.experience_id == "fish-week"]
    settings = DecideSettings(probability_floor=0.0, policy="epsilon_greedy", epsilon=0.0)
    column = SHOP.value_of["category=fish"]
    affinity = indifferent(SHOP)
    affinity.general[column] = affinity.moment[column] = 1.0

    def reasons() -> list[str]:
        made = situation_of(plan_of(fish, SHOP), settings=settings, affinity=affinity)
        return decide(made).reasons

    assert reasons() == ["you are looking at fish now", "you often choose fish"]
    affinity.declared[column] = 1.0
    assert reasons() == ["you told us you like fish"]


def test_values_that_read_alike_are_named_once() -> None:
    shop = catalog_of([{"category": "fish", "diet": "fish", "course": "main-dish"}] * 4)
    both = Experience(
        experience_id="both",
        placements=["hero"],
        attributes={"category": "fish", "diet": "fish", "course": "main-dish"},
        value=1.0,
    )
    settings = DecideSettings(probability_floor=0.0, policy="epsilon_greedy", epsilon=0.0)
    affinity = indifferent(shop)
    affinity.general[:] = [3.0 if value.endswith("fish") else 2.0 for value in shop.values]
    made = situation_of(plan_of([both], shop), settings=settings, affinity=affinity)
    assert decide(made).reasons == ["you often choose fish", "you often choose main dish"]
    affinity.declared[:] = 1.0
    made = situation_of(plan_of([both], shop), settings=settings, affinity=affinity)
    assert sorted(decide(made).reasons) == [
        "you told us you like fish",
        "you told us you like main dish",
    ]


def test_leading_keeps_the_chosen_one_and_silence() -> None:
    settings = DecideSettings(probability_floor=0.9)
    for seed in range(50):
        choice = decide(situation_of(PLAN, seed=seed, settings=settings))
        leading = choice.leading(1)
        assert {choice.experience_id, "silence"} <= {each.experience_id for each in leading}
        assert len(leading) <= 3
        assert choice.leading(99) == list(choice.candidates)


def test_more_draws_than_are_stored_are_drawn_from_the_covariance() -> None:
    settings = DecideSettings(thompson_draws=200)
    assert len(decide(situation_of(PLAN, settings=settings)).candidates) == 5


def test_ids_must_differ_and_silence_is_taken() -> None:
    for ids in (["a", "a"], ["silence"]):
        twice = [Experience(experience_id=each) for each in ids]
        with pytest.raises(InvalidInput, match="experience ids"):
            layout(HERO, twice, SHOP, lambda query: select_from(SHOP, query))


def test_exploration_leaves_out_what_runs_against_the_person() -> None:
    def worth(p_disconnect: float) -> Worth:
        return Worth(
            p_takeup=np.array([0.1]),
            p_purchase=np.zeros(1),
            margin=np.zeros(1),
            clv=np.zeros(1),
            price=np.zeros(1),
            value=np.array([2.0]),
            lever=np.array([1.0]),
            p_disconnect=np.array([p_disconnect]),
            kappa=4.0,
            fatigue=np.zeros(1),
            cost=np.array([1.0]),
        )

    assert explorable(worth(0.05)).tolist() == [True, True]  # 0.2 ≥ 0.2, whatever it costs
    assert explorable(worth(0.051)).tolist() == [False, True]
    assert priorities(worth(0.05), np.array([0.1])).tolist() == pytest.approx([-1.0, 0.0])
    assert kappa_money(3.0, np.array([1.0, 2.0])) == 4.5
    assert kappa_money(3.0, np.zeros(0)) == 0.0
