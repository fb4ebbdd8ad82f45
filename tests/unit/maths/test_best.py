"""The best of many numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eachwise.maths.best import best


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(-1, 12))
def test_the_best_are_those_of_a_stable_sort(values: list[int], count: int) -> None:
    scores = np.array(values, dtype=np.float64)
    expected = sorted(range(len(values)), key=lambda row: (-values[row], row))[: max(count, 0)]
    assert best(scores, count).tolist() == expected
