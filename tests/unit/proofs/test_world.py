"""The proof in worlds, on a small one: well-formed, deterministic, and through the code that serves."""

import json
from typing import Any

import numpy as np
import pytest

from eachwise import Engine
from eachwise.contracts.errors import InvalidInput
from eachwise.proofs import world as proof
from eachwise.proofs.world_arms import KMEANS, campaign, kmeans
from eachwise.proofs.world_play import play
from eachwise.proofs.world_stream import Scenario, World, build_world, outcomes, time_us

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
    assert time_us(world.history[-1]) / 1e6 < world.begins_s + 3600
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


def test_silence_sends_nothing(world: World) -> None:
    found = outcomes(world, np.full(SMALL.decisions, -1))
    for came in (found.sent, found.clicked, found.conflicting, found.value):
        assert not came.any()


def test_the_engine_hears_what_it_showed_and_learns_from_it(world: World) -> None:
    counts: list[dict[str, Any]] = []

    def watch(engine: Engine, row: int) -> None:
        if row == SMALL.decisions - 1:
            counts.append(engine.status())

    choice = play(world, proof.settings_of(proof.THOMPSON), watch)
    told = len(world.history) + sum(len(visit.events) for visit in world.visits)
    assert counts[0]["counts"]["decisions"] == SMALL.decisions
    assert counts[0]["counts"]["rejections"] == 0
    assert counts[0]["counts"]["events"] >= told + (choice >= 0).sum()
    assert counts[0]["models"]["propensity"] > 1
    assert (choice >= -1).all()
    assert (choice < 39).all()


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
    whole, later = proof.prove([SMALL], processes=1)
    assert set(whole.arms) == set(proof.ORDER)
    assert KMEANS in whole.arms
    for figures in (*whole.arms.values(), *later.arms.values()):
        assert {"click_rate", "value", "disconnect_rate", "conversion_rate"} <= set(figures)
        assert all(one.low <= one.value <= one.high for one in figures.values())
    assert "individual:thompson" in whole.verdict
    assert "seed" in whole.protocol
    assert "later half" in later.protocol
    assert proof.prove([SMALL], processes=1) == (whole, later)


def small(seed: int, decisions: int) -> Scenario:
    """A scenario of few people."""
    return Scenario(seed=seed, decisions=decisions, people=60, history_days=8.0)


@pytest.mark.slow
def test_processes_change_nothing() -> None:
    worlds = [small(1, 60), small(2, 60)]
    assert proof.prove(worlds, processes=2) == proof.prove(worlds, processes=1)


def test_json_is_one_line_and_progress_goes_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "Scenario", small)
    found = proof.run(seeds=1, decisions=60, as_json=True, processes=1)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert set(line) == {"proof", "protocol", "arms", "verdict"}
    assert line["proof"] == "world"
    assert line["verdict"] == found.verdict
    assert set(line["arms"]["blanket"]["click_rate"]) == {"value", "low", "high"}
    assert "seed 201" in err


def test_nothing_to_play_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Scenario(seed=1, decisions=1)
    with pytest.raises(InvalidInput):
        proof.run(seeds=0, decisions=10, as_json=True)
