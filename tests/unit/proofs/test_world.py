"""The proof in worlds, on a small one: well-formed, deterministic, and through the code that serves."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from eachwise import Engine
from eachwise.contracts.arrays import Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.decide import with_model
from eachwise.learn import PRIORS, Learner
from eachwise.proofs import world as proof
from eachwise.proofs.world_arms import KMEANS, campaign, estimated_tastes, kmeans, known_model
from eachwise.proofs.world_metrics import KNOWN
from eachwise.proofs.world_play import play
from eachwise.proofs.world_record import Recording, believed_against, predictions, record
from eachwise.proofs.world_stream import Scenario, World, build_world, outcomes, time_us
from eachwise.proofs.world_vw import GRID, installed

SMALL = Scenario(seed=3, decisions=120, people=60, history_days=8.0)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SMALL)


def test_visits_are_the_worlds_own_in_the_order_of_their_ends(world: World) -> None:
    assert len(world.visits) == SMALL.decisions
    ends = [visit.end_us for visit in world.visits]
    assert ends == sorted(ends)
    first = world.visits[0]
    begun_s = time_us(first.events[0]) / 1e6
    assert first.events == world.shop.visit(first.person, begun_s, first.number)
    assert time_us(list(world.history)[-1]) / 1e6 < world.begins_s + 3600
    assert begun_s >= world.begins_s


def test_the_truth_is_what_the_world_would_answer(world: World) -> None:
    for row, experience in ((0, 5), (40, 0), (119, 38)):
        name = world.shop.experiences()[experience]["experience_id"]
        answer = world.shop.respond(
            int(world.person[row]), name, float(world.t[row]), int(world.number[row])
        )
        assert answer.clicked == world.truth.clicked[row, experience]
        assert answer.hidden == world.truth.hidden[row, experience]
        assert answer.value == world.truth.money[row, experience]
        likely = world.shop.click_probability(int(world.person[row]), float(world.t[row]))
        assert world.truth.chance[row, experience] == pytest.approx(float(likely[experience]))


def test_silence_sends_nothing(world: World) -> None:
    found = outcomes(world, np.full(SMALL.decisions, -1))
    for came in (found.sent, found.clicked, found.conflicting, found.value):
        assert not came.any()


def test_the_engine_hears_what_it_showed_and_learns_from_it(world: World) -> None:
    counts: list[dict[str, Any]] = []

    def watch(engine: Engine, row: int) -> None:
        if row == SMALL.decisions - 1:
            counts.append(engine.status())

    choice = play(world, proof.settings_of(proof.DEFAULT_POLICY), watch)
    told = len(list(world.history)) + sum(len(visit.events) for visit in world.visits)
    assert counts[0]["counts"]["decisions"] == SMALL.decisions
    assert counts[0]["counts"]["rejections"] == 0
    assert counts[0]["counts"]["events"] >= told + (choice >= 0).sum()
    assert counts[0]["models"]["propensity"] > 1
    assert (choice >= -1).all()
    assert (choice < 39).all()


@pytest.fixture(scope="module")
def played(world: World) -> tuple[Ints, Recording]:
    return record(world, proof.settings_of(proof.DEFAULT_POLICY))


def test_recording_changes_nothing_and_keeps_what_was_decided_from(
    world: World, played: tuple[Ints, Recording]
) -> None:
    choice, recording = played
    assert choice.tolist() == play(world, proof.settings_of(proof.DEFAULT_POLICY)).tolist()
    row_of = {int(one): row for row, one in enumerate(recording.world_of)}
    for number, chosen in enumerate(choice.tolist()):
        assert chosen < 0 or recording.passed[number, row_of[chosen]]
    aversion = recording.moving[:, :, recording.layout.moving_index["aversion"]]
    assert (aversion <= 0.0).all()
    assert (aversion < 0.0).any()


def test_an_estimate_of_a_taste_is_the_best_line_through_the_truth(
    world: World, played: tuple[Ints, Recording]
) -> None:
    _, recording = played
    true = world.shop.taste(world.person, world.t)
    left = true - estimated_tastes(world, recording)
    assert np.abs(left.mean(axis=0)).max() < 1e-9
    affinity = recording.general.astype(np.float64)
    assert np.abs((left * affinity).mean(axis=0)).max() < 1e-6


def test_who_knows_the_click_model_chooses_among_what_passed(
    world: World, played: tuple[Ints, Recording]
) -> None:
    _, recording = played
    choice = known_model(world, recording)
    place = np.argsort(recording.world_of)
    assert recording.passed[:, place][np.arange(len(choice)), choice].all()
    barred = recording.passed.copy()
    barred[7, place[choice[7]]] = False
    barred[8] = False
    again = known_model(world, dataclasses.replace(recording, passed=barred))
    assert again[7] != choice[7]
    assert again[8] == -1


def test_what_the_engine_bars_in_the_end_it_believes_to_have_run_against_the_person(
    world: World, played: tuple[Ints, Recording]
) -> None:
    choice, recording = played
    place = np.argsort(recording.world_of)
    first = int(np.flatnonzero(choice >= 0)[0])
    person = world.person == world.person[first]
    last = int(np.flatnonzero(person)[-1])
    passed = np.ones_like(recording.passed)
    free = dataclasses.replace(recording, passed=passed)
    assert not believed_against(world, free, choice).any()
    barred = passed.copy()
    barred[last, place[choice[first]]] = False
    known = believed_against(world, dataclasses.replace(recording, passed=barred), choice)
    assert known.tolist() == (person & (choice == choice[first])).tolist()


def test_what_the_engine_predicted_is_kept_of_what_it_showed(
    world: World, played: tuple[Ints, Recording]
) -> None:
    choice, recording = played
    assert np.isnan(recording.predicted).all(axis=1).tolist() == (choice < 0).tolist()
    row_of = np.argsort(recording.world_of)
    first = int(np.flatnonzero(choice >= 0)[0])
    untaught = with_model(
        recording.layout,
        Learner(proof.settings_of("thompson").learn).propensity_model(0),
        PRIORS,
    )
    rows = np.array([row_of[choice[first]]])
    moving = recording.moving[first, rows].astype(np.float64)
    before = predictions(untaught, rows, moving)[:, 0]
    assert recording.predicted[first] == pytest.approx(before, rel=1e-5)


def test_clusters_know_the_past_only(world: World) -> None:
    choice = kmeans(world)
    assert ((choice >= 0) & (choice < 39)).all()
    assert len(set(choice.tolist())) > 1
    first_week = world.t < world.begins_s + 7 * 86_400
    shorter = build_world(
        Scenario(seed=3, decisions=int(first_week.sum()), people=60, history_days=8.0)
    )
    assert kmeans(shorter).tolist() == choice[first_week].tolist()


def test_a_campaign_is_the_worlds_own(world: World) -> None:
    steak = world.shop.experience_index("steak-week")
    assert (campaign(world, "blanket") == steak).all()


def test_a_proof_is_well_formed_and_the_same_every_time() -> None:
    arms = proof.chosen([KMEANS, KNOWN, proof.TWIN, "individual:epsilon_greedy"])
    whole, later = proof.prove([SMALL], 1, arms)
    assert list(whole.arms) == list(arms)
    assert KMEANS in whole.arms
    for figures in (*whole.arms.values(), *later.arms.values()):
        assert {"click_rate", "value", "disconnect_rate", "conversion_rate"} <= set(figures)
        assert all(one.low <= one.value <= one.high for one in figures.values())
    assert proof.ENGINE in whole.verdict
    assert KNOWN in whole.verdict
    assert set(whole.curves) == {"decisions", *arms} - {"oracle"}
    assert whole.curves["decisions"][-1] == SMALL.decisions
    for name in set(arms) - {"oracle"}:
        assert whole.curves[name] == sorted(whole.curves[name])
    assert "seed" in whole.protocol
    assert "later half" in later.protocol
    assert proof.prove([SMALL], 1, arms) == (whole, later)


def small(seed: int, decisions: int) -> Scenario:
    """A scenario of few people."""
    return Scenario(seed=seed, decisions=decisions, people=60, history_days=8.0)


@pytest.mark.slow
def test_processes_change_nothing() -> None:
    worlds = [small(1, 60), small(2, 60)]
    arms = proof.chosen([KNOWN])
    assert proof.prove(worlds, 2, arms) == proof.prove(worlds, 1, arms)


def test_json_is_one_line_and_progress_goes_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "Scenario", small)
    found = proof.run(seeds=1, decisions=60, as_json=True, processes=1, arms=[KMEANS])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert set(line) == {"proof", "protocol", "arms", "verdict", "curves", "calibration"}
    assert set(line["arms"]) == {*proof.ALWAYS, KMEANS}
    assert line["proof"] == "world"
    assert line["verdict"] == found.verdict
    assert set(line["arms"]["blanket"]["click_rate"]) == {"value", "low", "high"}
    assert "seed 201" in err


@pytest.mark.skipif(not installed(), reason="Vowpal Wabbit is an extra: eachwise[bench]")
def test_the_grid_is_played_in_the_worlds_for_tuning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "Scenario", small)
    found = proof.run(seeds=1, decisions=30, as_json=True, processes=1, vw_grid=True)
    assert set(found.arms) == {*GRID, KNOWN, *proof.ALWAYS}
    assert "seed 1," in capsys.readouterr().err


def test_nothing_to_play_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Scenario(seed=1, decisions=1)
    with pytest.raises(InvalidInput):
        proof.run(seeds=0, decisions=10, as_json=True)
    with pytest.raises(InvalidInput, match="vw_magic"):
        proof.chosen(["reference:vw_magic"])
