"""What the page is told: the driver's report, its end, and the engine's rates."""

from typing import Any

from eachwise.demo.board import Board
from eachwise.demo.messages import Backfill, Report


class FakeEngine:
    def __init__(self) -> None:
        self.asked = 0
        self.events = 100
        self.now_s = 50.0

    def status(self) -> dict[str, Any]:
        self.asked += 1
        return {
            "counts": {"events": self.events, "decisions": 10, "individuals": 3},
            "models": {"taste": 2, "propensity": 7},
            "model_published_at_us": {"taste": 4_000_000, "propensity": 0},
            "now_us": 10_000_000,
        }

    def monotonic_s(self) -> float:
        return self.now_s


def board_of(engine: FakeEngine, heard: list[Report]) -> Board:
    return Board(engine.status, heard.append, engine.monotonic_s)


def live() -> Report:
    return Report(phase="live", backfill=Backfill(days=5, share=1.0), visits_per_s=12.5)


def test_before_the_driver_speaks_it_is_starting() -> None:
    state = board_of(FakeEngine(), []).state()
    assert state.phase == "starting"
    assert state.score is None
    assert state.trouble == ""


def test_a_report_is_heard_and_shown() -> None:
    heard: list[Report] = []
    board = board_of(FakeEngine(), heard)
    board.take(live())
    assert heard == [live()]
    assert board.state().phase == "live"
    assert board.state().visits_per_s == 12.5


def test_a_dead_driver_is_told_and_what_it_reported_stays() -> None:
    board = board_of(FakeEngine(), [])
    board.take(live())
    board.driver_ended("The driver was ended by signal 9.")
    state = board.state()
    assert state.phase == "stopped"
    assert state.trouble == "The driver was ended by signal 9."
    assert state.visits_per_s == 0.0
    assert state.backfill.days == 5


def test_rates_are_over_the_last_seconds_and_the_engine_is_not_asked_too_often() -> None:
    engine = FakeEngine()
    board = board_of(engine, [])
    board.state()
    board.state()
    assert engine.asked == 1
    engine.now_s += 2.0
    engine.events += 300
    figures = board.state().engine
    assert figures.events_per_s == 150.0
    assert figures.decisions_per_s == 0.0
    assert figures.model_age_s == {"taste": 6.0}
    engine.now_s += 100.0
    board.state()
    engine.now_s += 1.0
    assert board.state().engine.events_per_s == 0.0
