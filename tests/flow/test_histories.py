"""Samples of people: fixed, whoever asks and in whatever order, and a larger one holds a smaller one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise import Engine
from eachwise.flow import histories
from eachwise.flow.drive import run
from eachwise.flow.histories import Histories, sampled

IDS = st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=30)


@given(IDS, st.integers(1, 30), st.integers(1, 30))
def test_samples_nest(ids: list[str], one: int, two: int) -> None:
    smaller, larger = sorted((one, two))
    shuffled = list(reversed(ids))
    assert sampled(ids, larger) == sampled(shuffled, larger)
    assert sampled(ids, larger)[:smaller] == sampled(ids, smaller)
    assert len(sampled(ids, larger)) == min(larger, len(ids))


def test_everybody_page_by_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(25):
        engine.track(f"u{number}", "Product Viewed", {"product_id": "beef-1"})
    run(engine.core.checkpoint())
    reading: Histories = engine.core.relations._histories
    monkeypatch.setattr(histories, "PAGE_IDS", 7)
    total, some = run(reading.everybody(10))
    _, every = run(reading.everybody(1_000))
    assert total == 25
    assert some == every[:10] == sampled([f"user:u{number}" for number in range(25)], 10)
