"""``prove upworthy``: its replay and prior by hand, a small world, and the real tests where they are."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.decide.policies import POLICIES
from eachwise.decide.policies.base import Scored
from eachwise.proofs import upworthy
from eachwise.proofs.upworthy import Belief, Headlines
from eachwise.settings import DecideSettings

REAL = Path(os.environ.get("EACHWISE_DATA", "")) / "upworthy"
BELIEF = Belief(mean=0.02, across=0.7, within=0.5)


def drawn(count: int, seed: int) -> tuple[Ints, Ints]:
    """Impressions and clicks (count, 5) of tests with two to four arms, in random columns."""
    generator = np.random.default_rng(seed)
    shown = np.where(
        generator.random((count, 5)) < 0.5, generator.integers(900, 1100, (count, 5)), 0
    )
    shown[:, [1, 3]] = 1000
    shown[:, 4] = 0
    rate = 0.02 * generator.gamma(2.0, 0.5, (count, 1)) * generator.gamma(8.0, 1 / 8, (count, 5))
    return shown, generator.binomial(shown, rate)


def write(folder: Path, shown: Ints, clicked: Ints) -> Path:
    for name, matrix in (("n_matrix.csv", shown), ("y_matrix.csv", clicked)):
        lines = [
            f"{4096 + row:024x},{','.join(map(str, cells))}" for row, cells in enumerate(matrix)
        ]
        head = "," + ",".join(map(str, range(matrix.shape[1])))
        (folder / name).write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("upworthy"), *drawn(120, 3))


def test_arms_are_moved_to_the_first_columns(tmp_path: Path) -> None:
    shown = np.array([[0, 50, 0, 70], [60, 0, 0, 0], [10, 20, 30, 40]])
    tests = upworthy.load(write(tmp_path, shown, shown // 10))
    assert tests.ids == (f"{4096:024x}", f"{4098:024x}")  # one arm is no test
    assert tests.arms.tolist() == [2, 4]
    assert tests.shown.tolist() == [[50, 70, 0, 0], [10, 20, 30, 40]]
    assert tests.clicked.tolist() == [[5, 7, 0, 0], [1, 2, 3, 4]]
    assert tests.length.tolist() == [50, 10]
    assert tests.uniform == pytest.approx([5.0, 1.0])
    assert tests.odd.tolist() == [False, False]


def test_a_test_is_odd_by_its_hexadecimal_id() -> None:
    nothing = np.zeros((3, 2), np.int64)
    tests = Headlines(ids=("1f", "20", "a1"), arms=nothing[:, 0], shown=nothing, clicked=nothing)
    assert tests.odd.tolist() == [True, False, True]


def test_the_prior_is_found_again() -> None:
    generator = np.random.default_rng(8)
    means = 0.02 * generator.gamma(4.0, 0.25, (4000, 1))  # coefficient of variation .5
    shown = np.full((4000, 2), 2000)
    clicked = generator.binomial(shown, np.repeat(means, 2, axis=1))
    tests = Headlines(ids=("0",) * 4000, arms=np.full(4000, 2), shown=shown, clicked=clicked)
    found = upworthy.fitted(tests)
    assert found.mean == pytest.approx(0.02, rel=0.03)
    assert found.across == pytest.approx(0.5, rel=0.05)


def test_the_posterior_by_hand() -> None:
    """The test's mean (4 + 6) / (4/.02 + 300) = .02 as the belief's; an arm's prior Gamma(4, .02/4)."""
    belief = Belief(mean=0.02, across=0.5, within=0.5)
    shape, scale = upworthy.posterior(np.array([[100, 200]]), np.array([[1, 5]]), belief)
    assert shape == pytest.approx(np.array([[5.0, 9.0]]))
    assert scale == pytest.approx(np.array([[1 / 300, 1 / 400]]))


def test_a_replay_pays_no_arm_twice() -> None:
    """Who always takes the first arm gets its clicks, each once: all of them where it is the shortest."""
    shown = np.array([[400, 500, 0], [600, 300, 450]])
    clicked = np.array([[13, 0, 0], [600, 1, 0]])
    tests = Headlines(ids=("1", "3"), arms=np.array([2, 3]), shown=shown, clicked=clicked)

    def first(scored: Scored, settings: DecideSettings) -> Floats:
        return np.asarray(np.eye(len(scored.priorities))[0])

    found = upworthy.clicks(tests, first, DecideSettings(), BELIEF, replays=2)
    assert found.tolist() == [13.0, 300.0]


def test_uniform_choice_has_no_lift() -> None:
    """Where priorities do not matter, clicks are those that uniform choice expects, within chance."""
    shown, clicked = drawn(300, 5)
    order = np.argsort(shown == 0, axis=1, kind="stable")
    shown, clicked = (np.take_along_axis(each, order, axis=1) for each in (shown, clicked))
    tests = Headlines(ids=("1",) * 300, arms=(shown > 0).sum(axis=1), shown=shown, clicked=clicked)
    settings = DecideSettings(epsilon=1.0)
    found = upworthy.clicks(tests, POLICIES["epsilon_greedy"], settings, BELIEF, replays=2)
    assert found.sum() == pytest.approx(tests.uniform.sum(), rel=0.03)


def test_every_policy_is_an_arm_and_learns(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = upworthy.run(folder, as_json=True, replays=2)
    out, progress = capsys.readouterr()
    assert out.count("\n") == 1
    assert json.loads(out)["proof"] == "upworthy"
    assert progress.count("\n") == len(proof.arms) - 1
    assert {f"individual:{name}" for name in POLICIES} <= set(proof.arms)
    assert proof.arms[upworthy.UNIFORM]["lift"].value == 0.0
    for arm in ("individual:thompson", "individual:pairwise_matching", "individual:top_two"):
        assert proof.arms[arm]["lift"].value > 0.0
    assert "60 headline tests with odd ids" in proof.protocol


def test_the_same_run_gives_the_same_figures(folder: Path) -> None:
    tests = upworthy.load(folder)
    twice = [
        upworthy.clicks(tests, POLICIES["thompson"], DecideSettings(), BELIEF, 1).tolist()
        for _ in range(2)
    ]
    assert twice[0] == twice[1]


@pytest.mark.parametrize("fault", ["missing", "words", "ragged", "more clicks", "few"])
def test_files_that_cannot_be_a_test_are_refused(tmp_path: Path, fault: str) -> None:
    shown, clicked = drawn(2 if fault == "few" else 8, 1)
    write(tmp_path, shown, shown + 1 if fault == "more clicks" else clicked)
    if fault == "missing":
        (tmp_path / "y_matrix.csv").unlink()
    if fault in ("words", "ragged"):
        with (tmp_path / "y_matrix.csv").open("a", encoding="utf-8") as file:
            file.write("ff,a,b\n" if fault == "words" else "ff,1\n")
    with pytest.raises(InvalidInput):
        upworthy.run(tmp_path)


def test_at_least_one_replay_is_asked_for(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="replays"):
        upworthy.run(folder, replays=0)


@pytest.mark.skipif(not REAL.is_dir(), reason="EACHWISE_DATA names no folder with upworthy")
def test_on_the_real_tests_a_policy_beats_uniform_choice() -> None:
    tests = upworthy.load(REAL)
    odd = tests.only(tests.odd)
    belief = upworthy.fitted(tests.only(~tests.odd))
    found = upworthy.clicks(odd, POLICIES["thompson"], DecideSettings(), belief, replays=1)
    assert found.sum() / odd.uniform.sum() > 1.06
