"""``prove upworthy``: which headline to show, on thousands of real randomised tests, by each registered policy.

A test's arms were shown to visitors at random, so its log can be replayed: every impression that a policy asks of an
arm is answered by one that this arm really had, in random order, each used once (Li et al. 2011, without throwing
impressions away). A replay is as long as the arm with the fewest impressions has any, so that no policy can run out
of answers, and clicks are counted as they came, never by the arm's rate over the whole test: that rate is known only
afterwards, and a policy that follows the luck of this log would be paid for it twice.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.decide.policies import POLICIES, Policy, Scored, bounded
from eachwise.proofs.report import Estimate, Proof, progress, publish, ratio
from eachwise.settings import DecideSettings

REPLAYS: Final = 5
FILES: Final = ("n_matrix.csv", "y_matrix.csv")
UNIFORM: Final = "reference:uniform"
OURS: Final = f"individual:{DecideSettings().policy}"  # as it comes
# A model is published after so many impressions, later after each tenth more; between, the probabilities stay.
_PUBLISH_IMPRESSIONS, _PUBLISH_SHARE = 50, 0.1
# How much arms of one test differ: chosen on the even ids.
WITHIN: Final = 0.5
_SEED: Final = 20_260_101


@dataclass(frozen=True, slots=True, kw_only=True)
class Headlines:
    """T tests of up to W arms, the arms of each in its first columns.

    ids:     (T,) hexadecimal
    arms:    (T,) how many, at least 2
    shown:   (T, W) impressions of each arm; 0 where there is none
    clicked: (T, W) those that were clicked
    """

    ids: tuple[str, ...]
    arms: Ints
    shown: Ints
    clicked: Ints

    def only(self, rows: Bools) -> Headlines:
        """Some of the tests, by a mask (T,)."""
        return Headlines(
            ids=tuple(each for each, keep in zip(self.ids, rows.tolist(), strict=True) if keep),
            arms=self.arms[rows],
            shown=self.shown[rows],
            clicked=self.clicked[rows],
        )

    @property
    def odd(self) -> Bools:
        """(T,): whether the id is an odd number."""
        return np.array([int(each, 16) % 2 == 1 for each in self.ids], dtype=bool)

    @property
    def length(self) -> Ints:
        """(T,): impressions of a replay, those of the arm with the fewest."""
        never = np.iinfo(np.int64).max
        return np.asarray(np.where(self.shown > 0, self.shown, never).min(axis=1))

    @property
    def uniform(self) -> Floats:
        """(T,): clicks that uniform choice expects of a replay."""
        rates = self.clicked / np.maximum(self.shown, 1)
        return np.asarray(self.length * rates.sum(axis=1) / self.arms)


@dataclass(frozen=True, slots=True)
class Belief:
    """What other tests say of a new one: click rates have this ``mean``, and Gamma laws around it.

    ``across`` is the coefficient of variation of the tests' means, ``within`` that of the arms of one test.
    """

    mean: float
    across: float
    within: float


def run(path: Path, *, as_json: bool = False, replays: int = REPLAYS) -> Proof:
    """Learn from the tests with even ids what tests are like, replay those with odd ids, print and return the proof.

    Raises ``InvalidInput`` where the folder lacks a file or the files do not fit each other, or below one replay.
    """
    if replays < 1:
        raise InvalidInput("replays: must be at least 1", field="replays")
    everything = load(path)
    told, asked = everything.only(~everything.odd), everything.only(everything.odd)
    if min(len(told.ids), len(asked.ids)) < 2:
        raise InvalidInput(
            f"{path}: has fewer than two tests with even ids, or with odd", field="path"
        )
    belief = fitted(told)
    arms = {UNIFORM: _figures(asked, asked.uniform)}
    for arm, (name, settings) in contenders().items():
        arms[arm] = _figures(asked, clicks(asked, POLICIES[name], settings, belief, replays))
        progress(f"upworthy: {arm}, lift {arms[arm]['lift'].value:+.2%}")
    proof = Proof(
        proof="upworthy",
        protocol=(
            f"{len(asked.ids)} headline tests with odd ids, replayed {replays} times: "
            f"{int(asked.length.sum()):,} impressions, each answered by one that the chosen arm really had, used once; "
            f"models published every {_PUBLISH_IMPRESSIONS} impressions, later with each tenth more; prior from the "
            f"{len(told.ids)} tests with even ids: mean {belief.mean:.4f}, coefficient of variation "
            f"{belief.across:.2f} between tests and {belief.within:.2f} within; individual arms have the default "
            "settings, the exploration floor included; intervals: bootstrap over tests, 95 %"
        ),
        arms=arms,
        verdict=_verdict(arms),
    )
    publish(proof, as_json=as_json)
    return proof


def contenders() -> dict[str, tuple[str, DecideSettings]]:
    """Arm → the policy's name and its settings: two yardsticks, then every registered policy as it comes."""
    default = DecideSettings()
    yardsticks = {
        "reference:epsilon_greedy_10": (
            "epsilon_greedy",
            msgspec.structs.replace(default, epsilon=0.1),
        ),
        "reference:thompson_unscaled": (
            "thompson",
            msgspec.structs.replace(default, thompson_scale=1.0, probability_floor=0.0),
        ),
    }
    return yardsticks | {f"individual:{name}": (name, default) for name in POLICIES}


def load(path: Path) -> Headlines:
    """Read n_matrix.csv (impressions) and y_matrix.csv (clicks): a test a row, its id first; 0 = no such arm."""
    for name in FILES:
        if not (path / name).is_file():
            raise InvalidInput(
                f"{path}: has no {name}; give a folder such as upworthy", field="path"
            )
    (ids, shown), (same, clicked) = (_matrix(path / name) for name in FILES)
    if ids != same or shown.shape != clicked.shape or (clicked > shown).any():
        raise InvalidInput(f"{path}: {' and '.join(FILES)} do not fit each other", field="path")
    order = np.argsort(shown == 0, axis=1, kind="stable")
    shown = np.take_along_axis(shown, order, axis=1)
    clicked = np.take_along_axis(clicked, order, axis=1)
    tests = Headlines(ids=ids, arms=(shown > 0).sum(axis=1), shown=shown, clicked=clicked)
    return tests.only(tests.arms >= 2)


def _matrix(file: Path) -> tuple[tuple[str, ...], Ints]:
    """The ids, and the numbers beside them. Raises ``InvalidInput`` where they are none."""
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines) if row][1:]
    try:
        numbers = np.array([[int(cell) for cell in row[1:]] for row in rows], dtype=np.int64)
        ids = tuple(row[0] for row in rows if int(row[0], 16) >= 0)
    except ValueError as error:
        raise InvalidInput(f"{file}: {error}", field="path") from None
    if numbers.ndim != 2 or (numbers < 0).any():
        raise InvalidInput(f"{file}: must hold a test a row, with its id first", field="path")
    return ids, numbers


def fitted(tests: Headlines) -> Belief:
    """The method of moments: how test means vary, less what chance alone makes of it; ``within`` is :data:`WITHIN`."""
    rates = tests.clicked / np.maximum(tests.shown, 1)
    means = rates.sum(axis=1) / tests.arms
    chance = (rates * (1.0 - rates) / np.maximum(tests.shown, 1)).sum(axis=1) / tests.arms**2
    mean = float(means.mean())
    variance = max(float(means.var(ddof=1) - chance.mean()), 0.0)
    return Belief(mean=mean, across=variance**0.5 / mean, within=WITHIN)


def clicks(
    tests: Headlines, policy: Policy, settings: DecideSettings, belief: Belief, replays: int
) -> Floats:
    """(T,): each test's clicks in a replay, the mean of several; each is seeded by its number."""
    found = np.zeros(len(tests.ids))
    for number in range(replays):
        found += _replay(tests, policy, settings, belief, np.random.default_rng([_SEED, number]))
    return found / replays


def _replay(
    tests: Headlines,
    policy: Policy,
    settings: DecideSettings,
    belief: Belief,
    generator: np.random.Generator,
) -> Ints:
    """(T,): clicks of one replay. A test's impressions are drawn with the policy's own probabilities."""
    shown, clicked = np.zeros_like(tests.shown), np.zeros_like(tests.shown)
    length = tests.length
    done = 0
    while (length > done).any():
        live = np.flatnonzero(length > done)
        batch = max(_PUBLISH_IMPRESSIONS, int(_PUBLISH_SHARE * done))
        drawn = generator.multinomial(
            np.minimum(length[live] - done, batch),
            _probabilities(
                tests.arms[live], shown[live], clicked[live], policy, settings, belief, generator
            ),
        )
        left = tests.shown[live] - shown[live]
        good = tests.clicked[live] - clicked[live]
        clicked[live] += generator.hypergeometric(good, left - good, drawn)
        shown[live] += drawn
        done += batch
    return np.asarray(clicked.sum(axis=1))


def _probabilities(
    arms: Ints,
    shown: Ints,
    clicked: Ints,
    policy: Policy,
    settings: DecideSettings,
    belief: Belief,
    generator: np.random.Generator,
) -> Floats:
    """(L, W): what the policy makes of each test's posterior. An arm is worth its click rate."""
    shape, scale = posterior(shown, clicked, belief)
    mean = shape * scale
    draws = generator.standard_gamma(shape, (settings.thompson_draws, *shape.shape)) * scale
    sampled = mean + settings.thompson_scale * (draws - mean)
    found = np.zeros(shape.shape)
    nobody, everyone = np.zeros(shape.shape[1], bool), np.ones(shape.shape[1], bool)
    updates = shown.sum(axis=1).tolist()
    for row, count in enumerate(arms.tolist()):
        scored = Scored(
            priorities=mean[row, :count],
            sampled=sampled[:, row, :count],
            explorable=everyone[:count],
            updates=updates[row],
        )
        found[row, :count] = bounded(policy, scored, nobody[:count], 0, settings)
    return found


def posterior(shown: Ints, clicked: Ints, belief: Belief) -> tuple[Floats, Floats]:
    """Shape and scale of each arm's Gamma posterior, (L, W) each.

    The test's mean is (1/across² + Σ clicks) / (1/(across² · mean) + Σ impressions); around it an arm has the prior
    Gamma(1/within², mean · within²), and Poisson clicks.
    """
    between = 1.0 / max(belief.across, 1e-6) ** 2
    together: Floats = (between + clicked.sum(axis=1, keepdims=True)) / (
        between / belief.mean + shown.sum(axis=1, keepdims=True)
    )
    own = 1.0 / max(belief.within, 1e-6) ** 2
    shape: Floats = own + clicked.astype(np.float64)
    scale: Floats = 1.0 / (own / together + shown)
    return shape, scale


def _figures(tests: Headlines, taken: Floats) -> dict[str, Estimate]:
    """Click rate, and lift over uniform choice, over all impressions of these tests; clusters are tests."""
    lift = ratio(taken, tests.uniform, seed=_SEED)
    return {
        "click_rate": ratio(taken, tests.length.astype(np.float64), seed=_SEED),
        "lift": Estimate(lift.value - 1.0, lift.low - 1.0, lift.high - 1.0),
    }


def _verdict(arms: dict[str, dict[str, Estimate]]) -> str:
    """Which policy got the most clicks, and how ours stands."""
    best = max(arms, key=lambda arm: arms[arm]["lift"].value)
    found = arms[OURS]["lift"]
    return (
        f"{OURS} gets {found.value:+.1%} [{found.low:+.1%}, {found.high:+.1%}] more clicks than uniform choice; "
        f"the most has {best}, {arms[best]['lift'].value:+.1%}."
    )
