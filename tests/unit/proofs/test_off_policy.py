"""The proof of off-policy estimates, on a small world and through the code that serves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs import off_policy as proof
from eachwise.proofs.world_stream import Scenario, build_world

SMALL = Scenario(seed=3, decisions=90, people=40, history_days=6.0)


@pytest.fixture(scope="module")
def played() -> proof.Played:
    return proof.observe(build_world(SMALL), proof.settings())


def test_every_decision_is_kept_with_all_its_candidates(played: proof.Played) -> None:
    log = played.log
    assert len(log.person) == SMALL.decisions
    assert log.recorded.all()
    assert log.summed(log.probability) == pytest.approx(np.ones(SMALL.decisions))
    assert np.diff(log.indptr).max() > 20
    assert played.first[-1] == SMALL.decisions
    assert (np.diff(log.person) >= 0).all()


def test_the_truth_is_the_worlds(played: proof.Played) -> None:
    world = build_world(SMALL)
    order = np.argsort(world.person, kind="stable")
    log = played.log
    for decision in (0, 30, 89):
        for row in range(log.indptr[decision], log.indptr[decision + 1]):
            column = world.shop.experience_index(log.arms[log.arm[row]])
            right = 0.0 if column < 0 else world.truth.expected[order[decision], column]
            assert played.expected[row] == pytest.approx(right)


def test_logs_are_drawn_by_the_recorded_probabilities(played: proof.Played) -> None:
    generator = np.random.default_rng(1)
    count = np.zeros(len(played.log.arm))
    wanted = np.zeros(len(played.log.arm))
    variance = np.zeros(len(played.log.arm))
    money = 0.0
    draws = 400
    for _ in range(draws):
        log, rows = proof.drawn(played, generator, 1.0)
        np.add.at(count, rows[log.chosen], 1.0)
        np.add.at(wanted, rows, log.probability)
        np.add.at(variance, rows, log.probability * (1.0 - log.probability))
        money += log.reward.sum()
    # Sums of many coins: squared standard scores have the mean 1, and a variance of about 2.
    often = variance >= 5.0
    assert often.sum() > 50
    spread = (count[often] - wanted[often]) ** 2 / variance[often]
    assert abs(spread.sum() - often.sum()) < 5.0 * np.sqrt(2.0 * often.sum())
    expected = played.truth(played.log.probability) * SMALL.decisions * draws
    assert money == pytest.approx(expected, rel=0.35)


def test_the_same_seeds_give_the_same_proof(
    played: proof.Played, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = proof.prove(played, 2), proof.prove(played, 2)
    assert one == two
    assert "refused" in one.verdict
    assert "log 0 of 2" in capsys.readouterr().err
    arm = one.arms["individual:sharpened_fiftieth"]
    assert arm["refused"].value == 1.0
    assert "value" not in arm


def test_estimates_of_many_people_hold_the_truth(
    played: proof.Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small world's people drawn a hundred times over make logs that can be answered."""
    monkeypatch.setattr(proof, "SHARES", {"": 100.0, "_fiftieth": 0.02})
    found = proof.prove(played, 12)
    arm = found.arms["individual:sharpened"]
    assert arm["refused"].value == 0.0
    assert arm["ess"].value > proof.ESS_JUDGED
    assert arm["coverage"].value > 0.7
    assert arm["value"].low < arm["truth"].value < arm["value"].high
    assert "sharpened: at an effective sample of 3,000" in found.verdict


def test_it_prints_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "build_world", lambda scenario: build_world(SMALL))
    proof.run(decisions=SMALL.decisions, runs=2, as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert line["proof"] == "off-policy"
    with pytest.raises(InvalidInput):
        proof.run(decisions=90, runs=1, as_json=True)
