"""What many candidates are spared: ordering all of them, a list of items each, draws that nobody looks at."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.catalog import ItemQuery
from eachwise.contracts.experience import Experience
from eachwise.decide import POLICIES, decide
from eachwise.decide import candidates as ordering
from eachwise.decide.arbitration import Worth
from eachwise.decide.candidates import Candidates
from eachwise.decide.policies import SAMPLING, Scored
from eachwise.maths.draws import normals, normals_of
from eachwise.settings import DecideSettings
from tests.unit.decide.making import plan_of, shop, situation_of

FIGURE = st.sampled_from([0.0, 0.1, 0.2, 0.3])


def worth_of(count: int) -> Worth:
    none = np.zeros(count)
    return Worth(
        p_takeup=none, p_purchase=none, value=none, margin=none, clv=none, lever=none,
        p_disconnect=none, kappa=0.0, fatigue=none, cost=none, price=none,
    )  # fmt: skip


@given(st.lists(st.tuples(FIGURE, FIGURE), min_size=2, max_size=30), st.integers(1, 12))
def test_the_first_are_those_of_the_whole_order(
    figures: list[tuple[float, float]], count: int
) -> None:
    priorities, probabilities = np.array(figures).T.copy()
    ids = [f"e{number:02d}" for number in range(len(figures) - 1)]
    made = Candidates(ids, worth_of(len(ids)), priorities, probabilities)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "_FEW", 0)
        picked = made.leading(count, ids[0])
    whole = list(made)
    named = {each.experience_id for each in whole[:count]}
    more = [each for each in (ids[0], "silence") if each not in named]
    assert [each.experience_id for each in picked] == [
        *(each.experience_id for each in whole[:count]),
        *more,
    ]


def test_queries_that_ask_alike_share_a_list() -> None:
    fish, alike = ItemQuery(where={"category": "fish"}), ItemQuery(where={"category": "fish"})
    fewer = msgspec.structs.replace(fish, count=2)
    never = msgspec.structs.replace(fish, repeats=False)
    queries = [fish, alike, fewer, never, None]
    experiences = [
        Experience(experience_id=f"e{number}", kind="offer", items=query)
        for number, query in enumerate(queries)
    ]
    layout = plan_of(experiences, shop()).layout
    assert layout.item_list.tolist() == [0, 0, 0, 1, -1]
    assert len(layout.items_of(0)) > 0
    assert layout.items_of(0).tolist() == layout.items_of(3).tolist()
    assert layout.items_of(4).tolist() == []


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_only_policies_that_sample_look_at_draws(name: str) -> None:
    generator = np.random.default_rng(1)
    priorities = np.append(generator.normal(0.0, 0.01, 6), 0.0)
    drawn = [priorities + generator.normal(0.0, 0.01, (16, 7)) for _ in range(2)]
    found = [
        POLICIES[name](Scored(priorities, each, np.ones(7, dtype=bool), 100), DecideSettings())
        for each in drawn
    ]
    assert np.array_equal(found[0], found[1]) == (name not in SAMPLING)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_policy_decides_the_same_way_whether_or_not_draws_are_made_for_it(name: str) -> None:
    experiences = [Experience(experience_id=f"e{n}", kind="offer", value=1.0 + n) for n in range(3)]
    situation = situation_of(
        plan_of(experiences, shop()),
        settings=DecideSettings(policy=name),  # type: ignore[arg-type]
    )
    choice = decide(situation)
    assert sum(each.probability for each in choice.candidates) == pytest.approx(1.0)
    assert len(choice.candidates) == 4


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=5), st.integers(1, 9))
def test_draws_of_many_seeds_are_those_of_each(seeds: list[int], count: int) -> None:
    found = normals_of(seeds, count)
    assert found.shape == (len(seeds), count)
    for row, seed in zip(found, seeds, strict=True):
        assert row.tolist() == normals(seed, (count,)).tolist()
