"""Engines for tests of the whole loop, on both stores and a clock that tests set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from tests.flow.shop import START_US, furnish


@pytest.fixture
def clock() -> SettableClock:
    """Stands still until a test moves it."""
    return SettableClock(START_US)


@pytest.fixture(params=["memory", "sqlite"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock
) -> Iterator[Engine]:
    """A furnished engine."""
    path = tmp_path / "store" if request.param == "sqlite" else None
    with Engine.open(path, clock=clock) as opened:
        furnish(opened)
        yield opened
