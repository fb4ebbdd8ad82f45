"""Rows of a table gathered over a history: kept or not, they say the same as the sums written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.contracts.taste import History
from eachwise.recommend.models.base import Frame
from eachwise.recommend.tables import Table, decayed, gather, reached, strongest

ITEMS = 9
HISTORIES = st.lists(
    st.tuples(st.integers(0, ITEMS - 1), st.sampled_from([1.0, 1.0, 0.5, -1.0])), max_size=12
)
TAILS = st.lists(st.tuples(st.integers(1, 14), st.sampled_from([1.0, 0.8, 0.5])), min_size=1)


def table(seed: int) -> tuple[Table, np.ndarray]:
    """A table of about half its cells, as CSR and dense; one row is empty."""
    draw = np.random.default_rng(seed)
    dense = draw.random((ITEMS, ITEMS)) * (draw.random((ITEMS, ITEMS)) < 0.5)
    dense[4] = 0.0
    dense = dense.astype(np.float32)
    columns = [np.flatnonzero(row).astype(np.int32) for row in dense]
    found = Table(
        np.concatenate([[0], np.cumsum([len(one) for one in columns])]),
        np.concatenate(columns),
        np.concatenate([row[one] for row, one in zip(dense, columns, strict=True)]),
    )
    return found, dense


def history(engaged: list[tuple[int, float]]) -> History:
    size = len(engaged)
    return History(
        rows=np.array([row for row, _ in engaged], dtype=np.int64),
        weights=np.array([weight for _, weight in engaged]),
        ages_s=np.arange(size, dtype=np.float64),
        bought=np.zeros(size, dtype=np.bool_),
        session=size,
    )


@settings(max_examples=60, deadline=None)
@given(HISTORIES, TAILS, st.integers(0, 5), st.sets(st.integers(0, ITEMS - 1)))
def test_sums_are_the_same_kept_or_not_at_all_items_or_at_some(
    engaged: list[tuple[int, float]], tails: list[tuple[int, float]], seed: int, some: set[int]
) -> None:
    held, dense = table(seed)
    plain = history(engaged)
    kept = replace(plain, memo={})
    rows = np.array(sorted(some), dtype=np.int64)
    for tail, decay in tails:
        expected = np.zeros(ITEMS)
        for place, (row, weight) in enumerate(engaged[:tail]):
            expected += weight * decay**place * dense[row]
        for who in (plain, kept, kept):
            found = gather(held, who, tail)
            whole = decayed(found, Frame.of(ITEMS, None), tail, decay)
            np.testing.assert_allclose(whole, expected, atol=1e-6)
            part = decayed(found, Frame.of(ITEMS, rows), tail, decay)
            np.testing.assert_allclose(part, expected[rows], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, TAILS, st.integers(0, 5), st.integers(0, ITEMS - 1))
def test_the_strongest_is_the_newest_of_those_that_add_most(
    engaged: list[tuple[int, float]], tails: list[tuple[int, float]], seed: int, row: int
) -> None:
    held, dense = table(seed)
    kept = replace(history(engaged), memo={})
    for tail, decay in tails:
        pulls = [
            float(dense[origin, row]) * weight * decay**place
            for place, (origin, weight) in enumerate(engaged[:tail])
        ]
        most = max(pulls, default=0.0)
        expected = engaged[pulls.index(most)][0] if most > 0.0 else None
        assert strongest(held, kept, row, tail, decay) == expected
        assert strongest(held, history(engaged), row, tail, decay) == expected


def test_two_tables_of_one_history_are_kept_apart() -> None:
    who = replace(history([(0, 1.0), (1, 1.0)]), memo={})
    for seed in (0, 1, 0):
        held, dense = table(seed)
        found = decayed(gather(held, who, 2), Frame.of(ITEMS, None), 2, 1.0)
        np.testing.assert_allclose(found, dense[0] + dense[1], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.integers(1, 12), st.integers(1, ITEMS), st.integers(0, 5))
def test_what_is_reached_is_the_strongest_of_what_the_newest_lead_to(
    engaged: list[tuple[int, float]], origins: int, each: int, seed: int
) -> None:
    held, dense = table(seed)
    found = reached(held, history(engaged), origins, each)
    most = each * ((origins + 1) // 2)
    entries = [
        (float(dense[row, column]) * 0.9**place, column)
        for place, (row, _) in enumerate(engaged[:origins])
        for column in np.flatnonzero(dense[row]).tolist()
    ]
    assert len(found) == min(most, len(entries))
    if len(entries) > most:
        least = sorted((strength for strength, _ in entries), reverse=True)[most - 1]
        entries = [entry for entry in entries if entry[0] >= least * (1.0 - 1e-6)]
    assert set(found.tolist()) <= {column for _, column in entries}


def test_whom_nothing_is_known_of_reaches_nothing() -> None:
    held, _ = table(0)
    assert reached(held, history([]), 10, 5).tolist() == []
    assert strongest(held, history([]), 3, 10, 0.9) is None
