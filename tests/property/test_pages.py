"""Laws of pages, over random visits with a login and restarts: what a request was answered with stays, nothing is twice
on a page, exploring stays within its bound, and every decision replays."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.settings import Settings, parse_settings
from tests.flow.shop import START_US

PLACEMENTS = ("a", "b", "c")
BOUND = 2
SETTINGS: Settings = parse_settings(
    {"decide": {"policy": "epsilon_greedy", "epsilon": 0.9, "explorations_per_day": BOUND}}
)
DEFINITIONS: dict[str, Any] = {
    "placements": [
        {"placement_id": "a", "sticky_s": 600, "reserve_s": 300},
        {"placement_id": "b", "sticky_s": 120},
        {"placement_id": "c"},
    ],
    "experiences": [
        {
            "experience_id": f"x{number}",
            "placements": PLACEMENTS,
            "value": 10.0 + number,
            "group": "pair" if number < 2 else "",
            "caps": [{"count": 3, "window_s": 3600}] if number == 3 else [],
            "budgets": [{"limit": 2, "unit": "exposures"}] if number == 4 else [],
        }
        for number in range(5)
    ],
}

asking = st.tuples(
    st.just("ask"),
    st.lists(st.sampled_from(PLACEMENTS), min_size=1, max_size=3, unique=True),
    st.sampled_from([None, "r1", "r2", "r3"]),
)
steps = st.lists(
    st.one_of(
        asking,
        asking,
        st.tuples(st.just("answer"), st.sampled_from(["Viewed", "Clicked", "Dismissed"])),
        st.tuples(st.just("wait"), st.sampled_from([1, 100, 400])),
        st.tuples(st.just("login")),
        st.tuples(st.just("restart")),
    ),
    min_size=3,
    max_size=14,
)


class Visitor:
    """One person before the shop, anonymous until the login; every answer is held against the laws."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SettableClock(START_US)
        self.engine = Engine.open(path, clock=self.clock, settings=SETTINGS)
        self.engine.define(DEFINITIONS)
        self.named: dict[str, Any] = {"anonymous_id": "browser"}
        self.answered: dict[str, dict[str, str]] = {}
        self.met: set[str] = set()
        self.last = ""

    def ask(self, placements: list[str], request_id: str | None) -> None:
        known = self.answered.get(request_id) if request_id else None
        placements = sorted(known, reverse=True) if known else placements
        found = self.engine.decide(placements=placements, request_id=request_id, **self.named)
        ids = {each.placement_id: each.decision_id for each in found.decisions}
        assert [each.placement_id for each in found.decisions] == placements
        assert known is None or ids == known
        if request_id:
            self.answered[request_id] = ids
        shown = [each.experience_id for each in found.decisions if not each.is_silence]
        assert len(set(shown)) == len(shown)
        assert not {"x0", "x1"} <= set(shown)
        self.met |= set(ids.values())
        self.last = found.decisions[0].decision_id
        records = [self.engine.decision(each) for each in self.met]
        assert sum(record.explored for record in records) <= BOUND

    def answer(self, name: str) -> None:
        told = {"decision_id": self.last}
        self.engine.track(
            self.named.get("user_id"), f"Experience {name}", told, anonymousId="browser"
        )

    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.engine.tick()

    def login(self) -> None:
        self.clock.advance(seconds=1)
        self.engine.identify("ann", {}, anonymousId="browser")
        self.named = {"anonymous_id": "browser", "user_id": "ann"}

    def restart(self) -> None:
        """A request that was answered with nothing new is remembered for the life of the process alone."""
        self.answered = {
            request_id: ids
            for request_id, ids in self.answered.items()
            if any(self.engine.decision(each).request_id == request_id for each in ids.values())
        }
        self.engine.close()
        self.engine = Engine.open(self.path, clock=self.clock, settings=SETTINGS)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_pages_keep_their_laws(taken: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        visitor = Visitor(Path(folder) / "store")
        try:
            visitor.ask(["a", "b"], "r0")
            for name, *given_ in taken:
                getattr(visitor, name)(*given_)
            assert all(visitor.engine.replay(each).exact for each in visitor.met)
        finally:
            visitor.engine.close()
