"""Counter-based draws: pure, independent of batching, and of the right distribution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.worlds.frozen.draws import Stream, gumbel, normal, uniform

SEEDS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
COUNTERS = st.integers(min_value=0, max_value=2**40)


@settings(max_examples=50)
@given(seed=SEEDS, counters=st.lists(COUNTERS, min_size=1, max_size=8))
def test_a_batch_equals_one_by_one(seed: int, counters: list[int]) -> None:
    batch = uniform(seed, Stream.ITEM, np.array(counters), 3)
    single = [float(uniform(seed, Stream.ITEM, counter, 3)) for counter in counters]
    assert batch.tolist() == single
    assert all(0.0 < draw < 1.0 for draw in single)


def test_values_are_frozen() -> None:
    """Golden values: a change here changes every world that was ever reported."""
    assert float(uniform(1, Stream.RESPONSE, 17, 3, 0)) == 0.676617100343426
    assert float(normal(1, Stream.TASTE, 17, 3)) == pytest.approx(-1.1372175765512482, rel=1e-12)


def test_streams_counters_and_seeds_differ() -> None:
    draws = [
        # A seed and a stream do not change places: seed 1 of stream 2 is not seed 2 of stream 1.
        float(uniform(1, Stream.DEMOGRAPHY, 1, 2)),
        float(uniform(1, Stream.ITEM, 1, 2)),
        float(uniform(2, Stream.ITEM, 1, 2)),
        float(uniform(1, Stream.SLATE, 1, 2)),
        float(uniform(1, Stream.ITEM, 2, 1)),
        float(uniform(1, Stream.ITEM, 1)),
    ]
    assert len(set(draws)) == len(draws)


def test_moments() -> None:
    """100,000 draws: four standard errors around the exact mean and variance."""
    grid = np.arange(1000)[:, None], np.arange(100)
    flat = uniform(5, Stream.ITEM, *grid)
    assert abs(flat.mean() - 0.5) < 4.0 * 0.0009
    assert abs(flat.var() - 1.0 / 12.0) < 0.001
    assert abs(np.corrcoef(flat[:, 0], flat[:, 1])[0, 1]) < 0.13
    assert abs(normal(5, Stream.ITEM, *grid).mean()) < 4.0 * 0.0032
    assert abs(normal(5, Stream.ITEM, *grid).std() - 1.0) < 0.01
    assert abs(gumbel(5, Stream.ITEM, *grid).mean() - np.euler_gamma) < 4.0 * 0.0041
