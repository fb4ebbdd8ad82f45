"""Predictions beside what happened: the error of known forecasts, and which answers are asked for."""

from dataclasses import replace

import numpy as np
import pytest

from eachwise.maths.times import iso
from eachwise.proofs.report import Calibration, Proof, as_line, as_table
from eachwise.proofs.world_calibration import (
    BINS,
    Answers,
    answers,
    calibration,
    calibrations,
    ordered_anyway,
)
from eachwise.proofs.world_record import ANSWERED
from eachwise.proofs.world_stream import Scenario, Truth, Visit, World, build_world


def told(predicted: list[float], came: list[bool]) -> Answers:
    return Answers(predicted=np.array(predicted), came=np.array(came))


def test_the_error_is_how_far_a_bin_is_off_weighted_by_its_answers() -> None:
    low = told([0.1] * 90, [True] * 18 + [False] * 72)
    high = told([0.6] * 10, [True] * 6 + [False] * 4)
    found = calibration(Answers.join([high, low]))
    assert found.count == 100
    assert found.predicted == pytest.approx(0.15)
    assert found.observed == pytest.approx(0.24)
    assert len(found.bins) == BINS
    assert [each.count for each in found.bins] == [10] * BINS
    assert found.bins[-1].predicted == pytest.approx(0.6)
    assert found.bins[-1].observed.value == pytest.approx(0.6)
    # 18 of the 90 came where 9 were predicted, in nine bins; those of .6 are right.
    assert sum(each.observed.value for each in found.bins[:-1]) == pytest.approx(1.8)
    off = [abs(each.observed.value - 0.1) for each in found.bins[:-1]]
    assert found.ece == pytest.approx(sum(off) / BINS)


def test_right_forecasts_err_no_more_than_luck_and_wrong_ones_do() -> None:
    generator = np.random.default_rng(3)
    truth = generator.beta(2.0, 40.0, 20_000)
    came = generator.random(20_000) < truth
    right = calibration(Answers(predicted=truth, came=came))
    wrong = calibration(Answers(predicted=2.0 * truth, came=came))
    assert right.ece < 2.0 * right.ece_by_chance
    assert wrong.ece > 0.04
    assert all(
        each.observed.low <= each.observed.value <= each.observed.high for each in right.bins
    )
    means = [each.predicted for each in right.bins]
    assert means == sorted(means)


def test_fewer_answers_than_bins_are_a_bin_each() -> None:
    found = calibration(told([0.2, 0.1], [False, True]))
    assert [each.count for each in found.bins] == [1, 1]
    assert [each.predicted for each in found.bins] == [0.1, 0.2]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(Scenario(seed=5, decisions=80, people=40, history_days=4.0))


def test_who_buys_is_asked_of_clicks_and_nothing_of_silence(world: World) -> None:
    choice = np.arange(80) % 39
    choice[:20] = -1
    predicted = np.arange(80.0)[:, None] * np.ones(len(ANSWERED)) / 100.0
    found = answers(world, choice, predicted)
    sent = np.arange(20, 80)
    clicked = world.truth.clicked[sent, choice[sent]]
    assert found["takeup"].predicted.tolist() == predicted[sent, 0].tolist()
    assert found["takeup"].came.tolist() == clicked.tolist()
    assert found["hide"].came.tolist() == world.truth.hidden[sent, choice[sent]].tolist()
    bought = world.truth.purchased[sent, choice[sent]] | ordered_anyway(world, choice)[sent]
    assert found["purchase"].came.tolist() == bought[clicked].tolist()
    assert found["purchase"].predicted.tolist() == predicted[sent[clicked], 0].tolist()


def test_an_order_of_ordinary_shopping_is_credited_to_the_newest_click_of_a_week() -> None:
    """One person clicks at days 0 and 2, and orders at days 1, 3 and 10 and, before any click, an hour earlier."""

    def visit(day: float, orders: bool) -> Visit:
        at = iso(1_700_000_000_000_000 + round(day * 86_400e6))
        event = {"type": "track", "event": "Order Completed" if orders else "x", "timestamp": at}
        return Visit.of(0, 0, [event])

    visits = [visit(-0.04, True), visit(0, False), visit(1, True), visit(2, False), visit(3, True)]
    visits.append(visit(10, True))
    clicked = np.array([[False], [True], [False], [True], [False], [False]])
    never, nothing = np.zeros((6, 1), dtype=bool), np.zeros((6, 1))
    truth = Truth(
        clicked=clicked,
        purchased=never,
        hidden=never,
        unsubscribed=never,
        conflicting=never,
        money=nothing,
        expected=nothing,
        chance=nothing,
    )
    small = build_world(Scenario(seed=5, decisions=2, people=40, history_days=0.0))
    made = replace(small, visits=visits, truth=truth)
    choice = np.zeros(6, dtype=np.int64)
    assert np.flatnonzero(ordered_anyway(made, choice)).tolist() == [1, 3]
    late = replace(
        made, visits=[*visits[:2], *visits[5:]], truth=replace(truth, clicked=clicked[:3])
    )
    assert not ordered_anyway(late, choice[:3]).any()
    assert not ordered_anyway(made, np.full(6, -1)).any()


def test_outcomes_without_answers_have_no_table() -> None:
    nothing = told([], [])
    some = {outcome: told([0.5], [True]) for outcome in ANSWERED} | {"purchase": nothing}
    found = calibrations([some, some])
    assert set(found) == {"takeup", "hide", "unsubscribe"}
    assert found["hide"].count == 2


def test_a_report_tells_each_table_in_text_and_json() -> None:
    held: dict[str, Calibration] = {"hide": calibration(told([0.2, 0.4], [False, True]))}
    proof = Proof(proof="world", protocol="p", arms={}, verdict="v", calibration=held)
    text = as_table(proof)
    assert "hide" in text
    assert "calibration error 0.4000" in text
    assert '"ece":0.4' in as_line(proof)
