"""The learner: exposures a second, and what a publication takes, with 100, 500 and 2,000 features known.

An exposure's time is the mean: what one takes off the covariance waits until there are some more, and the last of them
pays for all. Its yardstick is the bare arithmetic of one update: subtract an outer product from a square matrix of as
many numbers. That of a publication is numpy's Cholesky factor of a matrix of that size.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.contracts.learning import Exposure, Outcome
from eachwise.learn import Learner
from eachwise.settings import LearnSettings

FEATURES: Final = (100, 500, 2_000)
# As many of them as a candidate of the shop has.
PRESENT: Final = 20
EXPOSURES, PUBLICATIONS = 400, 3
_SHARED = ("bias", "engagement", "items", "moment", "aversion")
_TAKEUP_RATE, _PURCHASE_RATE, _HIDE_RATE = 0.1, 0.3, 0.01


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``learn``; times of the processor in this thread."""
    figures = []
    for size in FEATURES:
        learner = taught(size)
        taking_s, bare_s = _taking(learner, size, effort.count(EXPOSURES, least=5))
        publishing_s, factor_s = _publishing(learner, effort.rounds(PUBLICATIONS))
        effort.say(
            f"learn: {size:,} features, {1e6 * taking_s:,.0f} µs an exposure, "
            f"{1e3 * publishing_s:,.1f} ms a publication"
        )
        figures += [
            Figure(
                name=f"exposures_per_s_{size}",
                value=1.0 / taking_s,
                unit="1/s",
                yardstick=1.0 / bare_s,
                beside="numpy: one outer product subtracted from a square of as many",
            ),
            Figure(
                name=f"publish_{size}",
                value=1e3 * publishing_s,
                unit="ms",
                yardstick=1e3 * factor_s,
                beside="numpy: the Cholesky factor of as many",
            ),
        ]
    return figures


def _taking(learner: Learner, size: int, count: int) -> tuple[float, float]:
    """Seconds that one exposure takes, and the bare arithmetic of one."""
    matrix, gain = np.eye(size), np.full(size, 1e-9)
    taking, bare = [], []
    for one in exposures(size, count):
        began = time.thread_time()
        learner.learn([one])
        taking.append(time.thread_time() - began)
        began = time.thread_time()
        matrix -= gain[:, None] * gain
        bare.append(time.thread_time() - began)
    return sum(taking) / len(taking), median(bare)


def _publishing(learner: Learner, rounds: int) -> tuple[float, float]:
    """Seconds that one publication takes, and numpy's factor of its covariance."""
    covariance = learner.heads["takeup"].covariance
    publishing, factor = [], []
    for _ in range(rounds):
        began = time.thread_time()
        learner.publish(learner.version + 1, 0)
        publishing.append(time.thread_time() - began)
        began = time.thread_time()
        np.linalg.cholesky(covariance)
        factor.append(time.thread_time() - began)
    return median(publishing), median(factor)


def taught(size: int) -> Learner:
    """A learner that knows so many features, and has published once."""
    learner = Learner(LearnSettings())
    names = names_of(size)
    for at in range(0, size, PRESENT):
        learner.learn([_exposure(at, dict.fromkeys(names[at : at + PRESENT], 1.0), frozenset())])
    learner.publish(1, 0)
    return learner


def names_of(size: int) -> list[str]:
    """So many names of features: what all candidates share, then one experience after another."""
    own = [f"experience:{number}" for number in range(size - len(_SHARED))]
    return [*_SHARED, *own]


def exposures(size: int, count: int) -> list[Exposure]:
    """So many exposures over those features, a tenth of them taken up."""
    generator = np.random.default_rng(size)
    names = names_of(size)
    found = []
    for number in range(count):
        others = generator.choice(size - len(_SHARED), PRESENT - len(_SHARED), replace=False)
        present = [*_SHARED, *(names[len(_SHARED) + other] for other in others.tolist())]
        values = generator.normal(size=PRESENT).tolist()
        features = dict(zip(present, values, strict=True))
        found.append(_exposure(number, features, _outcomes(generator)))
    return found


def _outcomes(generator: np.random.Generator) -> frozenset[Outcome]:
    outcomes: set[Outcome] = set()
    if generator.uniform() < _TAKEUP_RATE:
        outcomes.add("takeup")
        if generator.uniform() < _PURCHASE_RATE:
            outcomes.add("purchase")
    elif generator.uniform() < _HIDE_RATE:
        outcomes.add("hide")
    return frozenset(outcomes)


def _exposure(number: int, features: dict[str, float], outcomes: frozenset[Outcome]) -> Exposure:
    return Exposure(
        decision_id=f"d-{number}",
        experience_id="experience:0",
        probability=0.5,
        features=features,
        outcomes=outcomes,
    )
