"""What comes before a moment: visits end at a pause, and what happens at once is one act."""

from __future__ import annotations

import numpy as np
import pytest

from eachwise.recommend.histories import history_before
from eachwise.recommend.training import TrainingOptions
from eachwise.recommend.training.targets import choose
from tests.unit.recommend.test_sessions import interactions

ORDERS = interactions(
    [
        [(0.0, 1), (5.0, 9)],
        [(0.0, 1), (0.0, 2), (7000.0, 3), (7060.0, 4), (7060.0, 5), (7060.0, 6)],
    ]
)


@pytest.mark.parametrize("line", [5, 6, 7])
def test_every_line_of_an_order_has_the_same_history(line: int) -> None:
    found = history_before(ORDERS, line, 2)
    assert found.rows.tolist() == [3, 2, 1]
    assert found.ages_s.tolist() == [60.0, 7060.0, 7060.0]
    assert found.session == 1


def test_another_persons_engagement_at_the_same_moment_is_nothing_of_ones_own() -> None:
    assert history_before(ORDERS, 2, 2).rows.tolist() == []
    assert history_before(ORDERS, 1, 0).rows.tolist() == [1]


def test_a_first_order_is_no_target_and_a_later_one_is_line_by_line() -> None:
    people = [
        [(float(start), 1), (float(start), 2), (start + 9e5, 3), (start + 9e5, 4)]
        for start in range(400)
    ]
    data = interactions(people)
    targets = choose(data, TrainingOptions(targets_max=50))
    assert set(data.rows[targets.places].tolist()) == {3, 4}
    for place, begin in zip(targets.places.tolist(), targets.begins.tolist(), strict=True):
        assert np.sort(history_before(data, place, begin).rows).tolist() == [1, 2]
