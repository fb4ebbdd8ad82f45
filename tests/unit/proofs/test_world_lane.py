"""Players of a recording: the engine's policies and learner many at a time, and Vowpal Wabbit."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest

from eachwise.contracts.arrays import AffinityVectors, Floats, Ints
from eachwise.contracts.learning import Exposure, Outcome
from eachwise.decide import POLICIES, Situation
from eachwise.decide.decider import compete, drawn_priorities, worth_of
from eachwise.decide.features import named
from eachwise.decide.propensity import score
from eachwise.learn import Learner
from eachwise.proofs import world as proof
from eachwise.proofs.world_lane import Fatigue, Shown, Turns, days, replay
from eachwise.proofs.world_learner import JointLearner
from eachwise.proofs.world_metrics import KNOWN
from eachwise.proofs.world_player import EnginePlayer, competition
from eachwise.proofs.world_record import Recording, record
from eachwise.proofs.world_stream import Scenario, World, build_world, outcomes
from eachwise.proofs.world_vw import GRID, Sentences, VowpalWabbit, installed
from eachwise.settings import LearnSettings


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(Scenario(seed=3, decisions=120, people=60, history_days=8.0))


@pytest.fixture(scope="module")
def played(world: World) -> tuple[Ints, Recording]:
    return record(world, proof.settings_of(proof.DEFAULT_POLICY))


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
        words = [word.partition(":") for word in line.removeprefix("|f ").split(" ")]
        assert len({number for number, _, _ in words}) == len(words)
        told = [float(value or 1.0) for _, _, value in words if float(value or 1.0)]
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
