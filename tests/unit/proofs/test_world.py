"""The proof in worlds, on a small one: well-formed, deterministic, and through the code that serves."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from eachwise import Engine
from eachwise.contracts.arrays import AffinityVectors, Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.learning import Exposure, Outcome
from eachwise.decide import POLICIES, Situation, with_model
from eachwise.decide.decider import compete, drawn_priorities, worth_of
from eachwise.decide.features import named
from eachwise.decide.propensity import score
from eachwise.learn import PRIORS, Learner
from eachwise.proofs import world as proof
from eachwise.proofs.world_arms import KMEANS, campaign, estimated_tastes, kmeans, known_model
from eachwise.proofs.world_lane import Fatigue, Shown, Turns, days, replay
from eachwise.proofs.world_learner import JointLearner
from eachwise.proofs.world_metrics import KNOWN
from eachwise.proofs.world_play import play
from eachwise.proofs.world_player import EnginePlayer, competition
from eachwise.proofs.world_record import Recording, believed_against, predictions, record
from eachwise.proofs.world_stream import Scenario, World, build_world, outcomes, time_us
from eachwise.proofs.world_vw import GRID, Sentences, VowpalWabbit, installed
from eachwise.settings import LearnSettings

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


def test_the_recording_is_replayed_with_the_players_own_fatigue(
    world: World, played: tuple[Ints, Recording]
) -> None:
    _, recording = played
    steak = int(np.flatnonzero(recording.world_of == world.shop.experience_index("steak-week"))[0])
    felt: dict[int, list[float]] = {}
    learnt: list[list[Shown]] = []

    class Steak:
        """Shows the same thing to everybody, and notes the fatigue that it feels."""

        def choose(self, turns: Turns) -> tuple[Ints, Floats]:
            assert len(set(turns.person.tolist())) == len(turns.person)
            for person, recent in zip(turns.person.tolist(), turns.recent, strict=True):
                felt.setdefault(person, []).append(float(recent[steak]))
            return np.where(turns.passed[:, steak], steak, -1), np.ones(len(turns.seeds))

    class Learning:
        """Keeps what it is told."""

        def learn(self, shown: Mapping[str, Sequence[Shown]]) -> None:
            learnt.append(list(shown["steak"]))

    choices, seconds = replay(world, recording, {"steak": Steak()}, Learning())
    choice = choices["steak"]
    assert set(seconds) == {"steak"}
    sent = np.flatnonzero(choice == world.shop.experience_index("steak-week"))
    assert len(sent) > 60
    assert [each.number for day in learnt for each in day] == sent.tolist()
    assert len(learnt) == len(list(days(world.t)))
    clicked = [each.number for day in learnt for each in day if "takeup" in each.came]
    assert clicked == np.flatnonzero(outcomes(world, choice).clicked).tolist()
    assert all(each[0] == 0.0 for each in felt.values())
    assert any(each[-1] > 0.0 for each in felt.values())


def test_fatigue_halves_in_three_days_for_one_and_in_one_for_all(
    played: tuple[Ints, Recording],
) -> None:
    layout = played[1].layout
    fatigue, who = Fatigue(5, layout), np.array([4, 2])
    columns = [layout.moving_index[name] for name in ("fatigue:experience", "fatigue:all")]

    def felt(day: float) -> tuple[Floats, Floats]:
        moving = np.zeros((2, len(layout.experiences), len(layout.moving)))
        return fatigue.felt(who, np.full(2, day * 86_400.0), moving), moving

    assert not felt(1.0)[0].any()
    fatigue.add(who[:1], np.array([7]))
    recent, moving = felt(4.0)
    assert recent[0, 7] == pytest.approx(0.5)
    assert recent.sum() == pytest.approx(0.5)
    assert moving[0, 7, columns[0]] == pytest.approx(np.log1p(0.5))
    assert moving[0, :, columns[1]] == pytest.approx(np.log1p(0.125))
    assert not moving[1].any()


def test_a_day_ends_a_day_after_its_first_decision() -> None:
    t = np.array([0.0, 10.0, 86_399.0, 86_400.0, 200_000.0, 286_399.0]) + 5.0
    assert list(days(t)) == [slice(0, 3), slice(3, 4), slice(4, 6)]


def test_the_engines_player_is_seeded_and_learns(
    world: World, played: tuple[Ints, Recording]
) -> None:
    _, recording = played

    def choices() -> Ints:
        field = proof.Field.of([proof.TWIN], recording)
        return replay(world, recording, field.players, field)[0][proof.TWIN]

    first = choices()
    assert first.tolist() == choices().tolist()
    place = np.argsort(recording.world_of)
    sent = np.flatnonzero(first >= 0)
    assert recording.passed[:, place][sent, first[sent]].all()
    assert len(set(first.tolist())) > 5


def exposures(recording: Recording, count: int, every: int = 3) -> list[Shown]:
    """Exposures of all experiences in turn; one in so many is clicked, one of those bought, and some are hidden."""
    found = []
    for number in range(count):
        row = number % 39
        came: set[Outcome] = {"takeup"} if number % every == 0 else set()
        came |= {"purchase"} if number % (2 * every) == 0 else set()
        came |= {"hide"} if number % 11 == 1 else set()
        moving = recording.moving[number % len(recording.moving), row].astype(np.float64)
        shown = Shown(number=number, row=row, probability=0.1, moving=moving, came=frozenset(came))
        found.append(shown)
    return found


@pytest.mark.parametrize("half_life", [0.0, 300.0])
def test_learning_side_by_side_is_the_learners_own(
    played: tuple[Ints, Recording], half_life: float
) -> None:
    """To rounding, with three players of whom one shows less; and 300 exposures are enough to forget by."""
    layout = played[1].layout
    settings = msgspec.structs.replace(LearnSettings(), forgetting_half_life_updates=half_life)
    days_of = {"a": exposures(played[1], 600), "b": exposures(played[1], 270, every=5), "c": []}
    joint = JointLearner(layout, list(days_of), settings)
    joint.learn({name: each[:100] for name, each in days_of.items() if each})
    joint.learn({name: each[100:] for name, each in days_of.items() if each})
    for name, shown in days_of.items():
        alone = Learner(settings)
        alone.learn(
            [
                Exposure(
                    decision_id="",
                    experience_id="",
                    probability=each.probability,
                    features=named(layout, each.row, each.moving),
                    outcomes=each.came,
                )
                for each in shown
            ]
        )
        model = alone.propensity_model(1)
        assert joint.plan(name).updates == alone.updates == len(shown)
        names = (*layout.fixed, *layout.moving)
        columns = [names.index(each) for each in model.names]
        for outcome, head in model.heads.items():
            mean, covariance = joint.posterior(name, outcome)
            assert mean[columns] == pytest.approx(head.mean, abs=1e-9)
            own = (
                covariance[np.ix_(columns, columns)]
                if covariance.ndim == 2
                else covariance[columns]
            )
            assert own == pytest.approx(head.covariance, abs=1e-9)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_many_decisions_at_once_are_the_engines_one_by_one(
    played: tuple[Ints, Recording], policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The player's figures are those of ``decide``, candidate by candidate, after something was learnt."""
    _, recording = played
    layout, settings = recording.layout, proof.settings_of(policy)
    numbers = np.arange(40, 46)
    passed = recording.passed[numbers].copy()
    passed[1, 5:] = False
    turns = Turns(
        number=numbers,
        person=numbers,
        now_us=numbers,
        seeds=numbers.tolist(),
        passed=passed,
        moving=recording.moving[numbers].astype(np.float64),
        recent=np.zeros(passed.shape),
    )
    learner = JointLearner(layout, ["own"], settings.learn)
    player = EnginePlayer("own", learner, layout, settings)
    learner.learn({"own": exposures(recording, 30)})
    plan = learner.plan("own")
    # The draws of both are picked by one stream here, so that they can be compared.
    monkeypatch.setattr("eachwise.proofs.world_player._DRAWS_STREAM", 1)
    field = competition(plan, turns, settings.decide)
    nobody = AffinityVectors(**dict.fromkeys(AffinityVectors.__dataclass_fields__, np.zeros(0)))
    for place, seed in enumerate(turns.seeds):
        situation = Situation(
            now_us=0,
            plan=plan,
            affinity=nobody,
            showable=np.zeros(0, dtype=bool),
            scores=np.zeros(0),
            settings=settings.decide,
            seed=seed,
            consent=(True, ""),
        )
        rows, moving = np.flatnonzero(passed[place]), turns.moving[place]
        alone = compete(situation, rows, moving, turns.recent[place])
        own = np.append(rows, len(layout.experiences))
        assert field.priorities[place, own] == pytest.approx(alone.priorities, abs=1e-12)
        found = player._probabilities(plan, field, place, own, turns)
        assert found == pytest.approx(alone.probabilities, abs=1e-9)
        if len(field.sampled):
            takeup = score(plan.takeup, moving)
            worth = worth_of(situation, rows, takeup, moving, turns.recent[place])
            drawn = drawn_priorities(situation, rows, takeup, moving, worth)
            assert field.sampled[:, place, own] == pytest.approx(drawn, abs=1e-12)


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


@pytest.mark.skipif(not installed(), reason="Vowpal Wabbit is an extra: eachwise[bench]")
def test_vowpal_wabbit_learns_what_is_always_clicked(played: tuple[Ints, Recording]) -> None:
    _, recording = played
    player = VowpalWabbit(Sentences(recording), "--epsilon 0.1")

    def turns(number: int) -> Turns:
        return Turns(
            number=np.array([number]),
            person=np.zeros(1, dtype=np.int64),
            now_us=np.zeros(1, dtype=np.int64),
            seeds=[number],
            passed=np.ones((1, 39), dtype=bool),
            moving=recording.moving[:1].astype(np.float64),
            recent=np.zeros((1, 39)),
        )

    for number in range(300):
        rows, probabilities = player.choose(turns(number))
        row = int(rows[0])
        came: frozenset[Outcome] = frozenset({"takeup"} if row == 4 else ())
        moving = recording.moving[0, row].astype(np.float64)
        player.learn(
            [
                Shown(
                    number=number,
                    row=row,
                    probability=float(probabilities[0]),
                    moving=moving,
                    came=came,
                )
            ]
        )
    chosen = [player.choose(turns(number)) for number in range(300, 350)]
    likely = pytest.approx(0.9 + 0.1 / 39, abs=1e-3)
    assert sum(rows[0] == 4 and each[0] == likely for rows, each in chosen) > 40


def test_an_action_is_said_with_every_feature_that_it_has(played: tuple[Ints, Recording]) -> None:
    _, recording = played
    sentences = Sentences(recording)
    moving = recording.moving[3].astype(np.float64)
    passed = np.zeros(39, dtype=bool)
    passed[[2, 7]] = True
    lines = (sentences.of(3, passed, moving) % (0.25, 0.5, 0.75, 1.0)).split("\n")
    assert len(lines) == 2
    for row, line, felt in zip((2, 7), lines, ((0.25, 0.5), (0.75, 1.0)), strict=True):
        features = dict(word.split(":") for word in line.removeprefix("|f ").split(" "))
        told = [float(value) for value in features.values() if float(value)]
        columns = [column for column in np.flatnonzero(moving[row]) if column not in sentences.own]
        expected = [*recording.layout.fixed_by_row[row].values(), *moving[row, columns], *felt]
        assert sorted(told) == pytest.approx(sorted(expected), rel=1e-3)


def test_the_grid_is_that_of_the_settings_tried() -> None:
    words = " ".join(GRID.values())
    assert all(f"--gamma_scale {scale}" in words for scale in (1, 3, 10, 30, 100, 300, 1000, 3000))
    assert all(f"--epsilon {each}" in words for each in ("0.02", "0.05", "0.1"))
    assert all(f"--bag {size}" in words for size in (4, 8, 16))
    grid = proof.chosen([KNOWN, *GRID])
    assert set(grid) == {*GRID, KNOWN, *proof.ALWAYS}


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


def test_nothing_to_play_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Scenario(seed=1, decisions=1)
    with pytest.raises(InvalidInput):
        proof.run(seeds=0, decisions=10, as_json=True)
    with pytest.raises(InvalidInput, match="vw_magic"):
        proof.chosen(["reference:vw_magic"])
