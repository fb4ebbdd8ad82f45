"""The product-limit estimate against a published example, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.maths.survival import Survival, kaplan_meier

# Gehan (1965): weeks of remission of leukaemia with 6-mercaptopurine, and with a placebo, which all relapsed.
RELAPSED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
STILL_WELL = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def curve(happened: list[int], not_yet: list[int]) -> Survival:
    times = np.array([*happened, *not_yet], dtype=np.float64)
    marks = np.array([True] * len(happened) + [False] * len(not_yet), dtype=np.bool_)
    return kaplan_meier(times, marks)


def test_the_curve_as_published() -> None:
    found = curve(RELAPSED, STILL_WELL)
    assert found.times.tolist() == [6, 7, 10, 13, 16, 22, 23]
    wanted = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert found.share == pytest.approx(wanted, abs=5e-4)
    # With the transform ln(−ln S), as SAS prints them.
    assert found.median() == (23.0, 13.0, None)
    assert curve(PLACEBO, []).median() == (8.0, 4.0, 11.0)


def test_shares_by_a_time() -> None:
    found = curve(RELAPSED, STILL_WELL)
    by = found.happened_by(10.0)
    assert by is not None
    assert by.value == pytest.approx(1.0 - 0.753, abs=5e-4)
    assert by.low < by.value < by.high
    none_yet = found.happened_by(3.0)
    assert none_yet is not None
    assert (none_yet.value, none_yet.low) == (0.0, 0.0)
    assert 0.1 < none_yet.high < 0.2
    assert found.happened_by(36.0) is None
    # All have relapsed by then: nobody need be followed any longer.
    over = curve(PLACEBO, []).happened_by(100.0)
    assert over is not None
    assert over.value == 1.0


def test_nobody_and_wrong_times() -> None:
    empty = kaplan_meier(np.zeros(0), np.zeros(0, dtype=np.bool_))
    assert empty.median() == (None, None, None)
    assert empty.happened_by(1.0) is None
    with pytest.raises(InvalidInput, match="times"):
        kaplan_meier(np.array([-1.0]), np.array([True]))
    with pytest.raises(InvalidInput, match="times"):
        kaplan_meier(np.array([1.0, 2.0]), np.array([True]))


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40))
def test_it_falls_from_one_and_its_bounds_hold_it(lives: list[tuple[int, bool]]) -> None:
    times = np.array([float(time) for time, _ in lives])
    happened = np.array([mark for _, mark in lives], dtype=np.bool_)
    found = kaplan_meier(times, happened)
    assert (np.diff(np.append(1.0, found.share)) < 0.0).all()
    assert ((found.low <= found.share + 1e-12) & (found.share <= found.high + 1e-12)).all()
    if happened.all():
        # Without censoring it is the share that is left.
        assert found.share == pytest.approx([(times > at).mean() for at in found.times])
