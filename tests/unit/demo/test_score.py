"""The running score: what is counted, how sure it is, and when somebody may be said to win."""

import pytest

from eachwise.demo.score import (
    BLANKET,
    INDIVIDUALS,
    ORACLE,
    VERDICT_VISITS_MIN,
    Played,
    Scoreboard,
    Tally,
    verdict,
)

SEGMENT_3, SEGMENT_32 = "segment:demographic-3", "segment:demographic-32"
LABELS = {
    BLANKET: "blanket (steak)",
    SEGMENT_3: "3 segments (age)",
    SEGMENT_32: "32 segments (cells)",
    INDIVIDUALS: "individuals (Eachwise)",
    ORACLE: "oracle (truth)",
}


def played(
    *,
    clicked: bool = False,
    silent: bool = False,
    hidden: bool = False,
    against: bool = False,
    value: float = 0.0,
) -> Played:
    return Played(silent=silent, clicked=clicked, hidden=hidden, against=against, value=value)


def tally(arm: str, n: int, clicks: int) -> Tally:
    made = Tally(arm, LABELS[arm])
    for visit in range(n):
        made.add(played(clicked=visit < clicks))
    return made


def test_rates_are_of_all_decisions_and_harm_is_of_what_was_sent() -> None:
    made = Tally(INDIVIDUALS, "individuals")
    made.add(played(clicked=True, value=20.0))
    made.add(played(hidden=True, against=True))
    made.add(played(silent=True))
    made.add(played())

    score = made.score()

    assert score.n == 4
    assert score.click_rate.value == 0.25
    assert score.value.value == 5.0
    assert score.silence_rate == 0.25
    assert score.hide_rate == pytest.approx(1 / 3)
    assert score.against_rate == pytest.approx(1 / 3)


def test_a_tally_without_visits_claims_nothing() -> None:
    score = Tally(BLANKET, "blanket").score()
    assert score.n == 0
    assert score.click_rate.low is None
    assert score.value.low is None


def test_no_clicks_yet_is_not_certainty() -> None:
    interval = tally(BLANKET, 200, 0).click_interval()
    assert interval is not None
    assert interval.low == 0.0
    assert interval.high > 0.01


def test_the_interval_shrinks_and_stays_a_share() -> None:
    few = tally(BLANKET, 50, 2).click_interval()
    many = tally(BLANKET, 5000, 200).click_interval()
    assert few is not None
    assert many is not None
    assert 0.0 <= few.low <= many.low <= 0.04 <= many.high <= few.high <= 1.0


def test_value_has_no_interval_below_a_hundred_visits() -> None:
    made = Tally(BLANKET, "blanket")
    for _ in range(99):
        made.add(played(value=1.0))
    assert made.score().value.low is None
    made.add(played(value=3.0))
    figure = made.score().value
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < figure.value < figure.high


def test_the_board_counts_the_same_visits_for_all() -> None:
    board = Scoreboard(LABELS)
    for _ in range(3):
        board.add({arm: played(clicked=arm == ORACLE) for arm in LABELS})
    score = board.score()
    assert score.visits == 3
    assert [arm.arm for arm in score.arms] == list(LABELS)
    assert {arm.n for arm in score.arms} == {3}
    assert {arm.arm: arm.clicks for arm in score.arms}[ORACLE] == 3


def test_a_visit_that_a_method_did_not_play_is_refused() -> None:
    with pytest.raises(KeyError):
        Scoreboard(LABELS).add({BLANKET: played()})


def field(n: int, *, individuals: int, three: int, thirty_two: int) -> list[Tally]:
    return [
        tally(BLANKET, n, n // 40),
        tally(SEGMENT_3, n, three),
        tally(SEGMENT_32, n, thirty_two),
        tally(INDIVIDUALS, n, individuals),
        tally(ORACLE, n, n // 15),
    ]


def test_nothing_is_claimed_with_few_visits_however_large_the_gap() -> None:
    n = VERDICT_VISITS_MIN - 1
    found = verdict(field(n, individuals=n, three=0, thirty_two=0))
    assert found.state == "learning"


def test_learning_while_the_intervals_touch() -> None:
    found = verdict(field(2000, individuals=70, three=50, thirty_two=60))
    assert found.state == "learning"
    assert "+0.5 points" in found.detail
    assert "32 segments" in found.detail


def test_individuals_win_once_the_intervals_are_apart() -> None:
    found = verdict(field(20_000, individuals=900, three=480, thirty_two=540))
    assert found.state == "individuals"
    assert found.headline == "Individuals win by +1.8 points"
    assert "1.7 times as many" in found.detail


def test_one_segmentation_that_still_touches_keeps_it_open() -> None:
    found = verdict(field(20_000, individuals=900, three=480, thirty_two=880))
    assert found.state == "learning"


def test_it_is_said_when_segments_win() -> None:
    found = verdict(field(20_000, individuals=480, three=900, thirty_two=500))
    assert found.state == "segments"
    assert "3 segments" in found.headline


def test_a_verdict_once_reached_stays_and_says_that_the_intervals_touch_again() -> None:
    board = Scoreboard(LABELS)
    for visit in range(1000):
        clicked = visit % 5 == 0
        board.add({arm: played(clicked=clicked and arm == INDIVIDUALS) for arm in LABELS})
    assert board.score().verdict.state == "individuals"
    for _ in range(200):
        board.add({arm: played(clicked=arm != INDIVIDUALS) for arm in LABELS})
    kept = board.score().verdict
    assert kept.state == "individuals"
    assert "first came apart at visit 1,000" in kept.detail
    for _ in range(3000):
        board.add({arm: played(clicked=arm != INDIVIDUALS) for arm in LABELS})
    assert board.score().verdict.state == "segments"
