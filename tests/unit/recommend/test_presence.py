"""In-visit presence: how soon people come back to what they looked at, counted as defined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eachwise.contracts.taste import Interactions, Parts
from eachwise.recommend.models import presence
from eachwise.recommend.models.base import DoesNotApply, Frame
from tests.unit.recommend.test_sessions import ITEMS, Person, fitting, interactions, visit

# Nothing but what the parts hold matters to the score.
RATES: Parts = {"rates": np.array([0.2, 0.1, 0.05, *[0.01] * 47], dtype=np.float32)}


def rates(*people: Person) -> Any:
    return presence.fit(interactions(people), fitting())["rates"]


def by_loops(data: Interactions) -> list[float]:
    """The definition, engagement by engagement."""
    returns, chances = [0] * presence.PLACES, [0] * presence.PLACES
    for begin, end in zip(data.indptr[:-1].tolist(), data.indptr[1:].tolist(), strict=True):
        for place in range(begin + 1, end):
            before = []
            for earlier in range(place - 1, begin - 1, -1):
                if data.at_s[earlier + 1] - data.at_s[earlier] > 1800.0:
                    break
                before.append(int(data.rows[earlier]))
            before = before[: presence.PLACES]
            for distance in range(len(before)):
                chances[distance] += 1
            if int(data.rows[place]) in before:
                returns[before.index(int(data.rows[place]))] += 1
    mean = sum(returns) / sum(chances)
    return [
        (back + 20.0 * mean) / (chance + 20.0)
        for back, chance in zip(returns, chances, strict=True)
    ]


def test_rates_are_counted_as_defined() -> None:
    generator = np.random.default_rng(6)
    people = []
    for _ in range(30):
        times = np.cumsum(generator.choice([60.0, 4000.0], size=60, p=[0.9, 0.1]))
        people.append(
            [
                (float(at_s), int(row))
                for at_s, row in zip(times, generator.integers(5, size=60), strict=True)
            ]
        )
    np.testing.assert_allclose(rates(*people), by_loops(interactions(people)), rtol=1e-6)


def test_what_is_always_returned_to_has_the_highest_rate() -> None:
    there_and_back = [(float(step), step % 2) for step in range(40)]
    found = rates(*[there_and_back] * 20)
    assert found.argmax() == 1
    assert found[1] > 0.9
    assert found[0] < 0.1


def test_a_return_after_a_pause_or_against_an_item_is_none() -> None:
    with pytest.raises(DoesNotApply, match="nobody came back"):
        rates([(0.0, 1), (1801.0, 1)], [(0.0, 2), (1.0, -2)], [(0.0, 3)], [])


def test_scores_tell_the_newest_the_last_and_how_often() -> None:
    again, last, count = presence.score(RATES, visit(3, 5, 3, 7, session=3), Frame(ITEMS))
    assert again[3] == pytest.approx(np.log1p(0.2 / 1e-3))
    assert again[5] == pytest.approx(np.log1p(0.1 / 1e-3))
    assert np.flatnonzero(again).tolist() == [3, 5]
    assert np.flatnonzero(last).tolist() == [3]
    assert last[3] == 1.0
    assert count[3] == pytest.approx(np.log(3.0))
    assert count[5] == pytest.approx(np.log(2.0))
    assert presence.reach(RATES, visit(3, 5, 3, 7, session=3)).tolist() == [3, 5, 3]


def test_a_frame_of_some_items_scores_as_the_whole() -> None:
    history = visit(3, 5, 3, 7)
    rows = np.array([0, 5, 7])
    whole = presence.score(RATES, history, Frame(ITEMS))
    np.testing.assert_array_equal(
        presence.score(RATES, history, Frame.of(ITEMS, rows)), whole[:, rows]
    )


def test_before_a_visit_begins_and_for_what_is_disliked_there_is_nothing() -> None:
    assert not presence.score(RATES, visit(3, 5, session=0), Frame(ITEMS)).any()
    history = visit(3, 5)
    history.weights[0] = -1.0
    again, last, _ = presence.score(RATES, history, Frame(ITEMS))
    assert np.flatnonzero(again).tolist() == [5]
    assert np.flatnonzero(last).tolist() == [5]
