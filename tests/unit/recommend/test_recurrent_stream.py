"""Sequences as batches: every engagement once, in order, and who had met what."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.recommend.models.recurrent_stream import NEVER, Sequences, Shape, batches
from tests.unit.recommend.nets import interactions

COUNT = 12
LIVES = st.lists(st.lists(st.integers(0, COUNT - 1), max_size=30), min_size=2, max_size=12).filter(
    lambda lives: any(len(life) >= 2 for life in lives)
)
SHAPE = Shape(count=COUNT, rows=3, columns=5, sampled=6, barred=True)


@settings(max_examples=40)
@given(LIVES)
def test_a_pass_reads_every_engagement_but_the_last_once(lives: list[list[int]]) -> None:
    sequences = Sequences.of(interactions(*lives, count=COUNT))
    seen = []
    for batch in batches(sequences, SHAPE, np.random.default_rng(1)):
        real = batch.counted > 0
        pairs = (batch.items[real], batch.targets[real], batch.place[real])
        seen += list(zip(*(part.tolist() for part in pairs), strict=True))
        np.testing.assert_array_equal(batch.going_on[real] == 0, batch.place[real] == 0)
        assert len(set(batch.sampled.tolist())) == SHAPE.sampled
    expected = [
        (life[place], life[place + 1], place) for life in lives for place in range(len(life) - 1)
    ]
    assert sorted(seen) == sorted(expected)


@settings(max_examples=40)
@given(LIVES)
def test_it_knows_when_each_person_first_met_each_item(lives: list[list[int]]) -> None:
    sequences = Sequences.of(interactions(*lives, count=COUNT))
    generator = np.random.default_rng(2)
    order = np.random.default_rng(2).permutation(len(sequences.lengths))
    kept = [life for life in lives if len(life) >= 2]
    whose = np.concatenate([np.full(len(kept[person]) - 1, person) for person in order.tolist()])
    owners = SHAPE.lay(whose)
    for step, batch in enumerate(batches(sequences, SHAPE, generator)):
        cut = owners[step * SHAPE.columns : (step + 1) * SHAPE.columns]
        for (row, column), real in np.ndenumerate(batch.counted > 0):
            if real:
                life = kept[cut[row, column]]
                told = batch.first_met[batch.person[row, column]].tolist()
                met = [life.index(item) if item in life else NEVER for item in batch.sampled]
                assert told == met


def test_a_row_goes_on_in_the_next_batch() -> None:
    sequences = Sequences.of(interactions(list(range(COUNT)) * 5, count=COUNT))
    read = list(batches(sequences, SHAPE, np.random.default_rng(0)))
    stretch = np.concatenate([batch.items for batch in read])[:, 0]
    np.testing.assert_array_equal(stretch, np.arange(len(stretch)) % COUNT)


def test_the_newest_engagement_can_be_kept_back() -> None:
    sequences = Sequences.of(interactions([1, 2, 3], [4, 5], [6, 7, 8], count=COUNT))
    shorter = sequences.without_last(np.array([0, 1]))
    assert shorter.rows.tolist() == [1, 2, 6, 7, 8]
    assert shorter.indptr.tolist() == [0, 2, 5]


def test_what_speaks_against_is_left_out_and_repeats_are_counted() -> None:
    data = interactions([1, 2, 1, 3], [4], count=COUNT)
    assert Sequences.of(data).repeats_share() == 0.25
    data.weights[1] = -1.0
    assert Sequences.of(data).rows.tolist() == [1, 1, 3]
