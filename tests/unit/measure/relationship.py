"""A world of relationships whose truth is known: stages with their worth, and experiences that move people.

Who is likely to move anyhow is also likely to be shown something: without weights every experience looks good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.experience import SILENCE
from eachwise.measure import Log

STAGES = ("new", "customer", "repeat")
TRANSITION = np.array([[0.85, 0.15, 0.0], [0.1, 0.7, 0.2], [0.0, 0.2, 0.8]])
ORDERS = np.array([0.0, 0.4, 1.2])
MARGIN, DISCOUNT, EXPERIENCES = 10.0, 0.9, 12
ARMS = (*(f"e{k}" for k in range(EXPERIENCES)), SILENCE)
DECISIONS_A_PERSON = 3


@dataclass(frozen=True, kw_only=True)
class Truth:
    """``up`` (E, S) what an exposure adds to the chance to climb, ``orders`` (E,) to the orders; ``clv`` (E, S)."""

    up: Floats
    orders: Floats
    clv: Floats


def true_values() -> Floats:
    """V of the stages."""
    return np.asarray(np.linalg.solve(np.eye(3) - DISCOUNT * TRANSITION, ORDERS * MARGIN))


def truth(seed: int, *, none: bool = False) -> Truth:
    """Effects of this seed's experiences; ``none``: they change nothing."""
    generator = np.random.default_rng(seed)
    scale = 0.0 if none else 1.0
    up = scale * np.clip(generator.normal(0.03, 0.03, (EXPERIENCES, 3)), -0.08, 0.12)
    up[:, 2] = 0.0
    orders = scale * generator.normal(0.02, 0.05, EXPERIENCES)
    value = true_values()
    gain = np.append(np.diff(value), 0.0)
    return Truth(up=up, orders=orders, clv=DISCOUNT * up * gain + orders[:, None] * MARGIN)


def lives(seed: int, people: int, periods: int = 6) -> list[tuple[list[str], list[float]]]:
    """People whom nothing is shown: stages at the ends of periods, margin in each."""
    generator = np.random.default_rng(seed)
    at = generator.integers(0, 3, people)
    paths, earned = [at], []
    for _ in range(periods):
        earned.append(generator.poisson(ORDERS[at]) * MARGIN)
        at = _moved(TRANSITION[at], generator.random(people))
        paths.append(at)
    path, money = np.stack(paths, axis=1), np.stack(earned, axis=1)
    return [([STAGES[i] for i in path[p]], money[p].tolist()) for p in range(people)]


def decided(
    world: Truth, seed: int, people: int, *, silence: float = 0.15
) -> tuple[Log, Ints, Ints, Floats]:
    """(log, stage before, stage after, margin earned) of people for whom something was drawn three times.

    Silence has about the probability ``silence``; 0: it is never drawn.
    """
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), DECISIONS_A_PERSON)
    count, width = len(person), len(ARMS)
    eager = generator.beta(2.0, 2.0, people)[person]
    liking = generator.gamma(0.5, size=(count, EXPERIENCES)) + 0.02
    quiet = silence * 2.0 * (1.0 - eager)
    p = np.concatenate(
        [(1.0 - quiet)[:, None] * liking / liking.sum(axis=1, keepdims=True), quiet[:, None]],
        axis=1,
    )
    action = _moved(p, generator.random(count))
    before = generator.integers(0, 3, count)
    shown = action < EXPERIENCES
    who = np.where(shown, action, 0)
    climb = TRANSITION[before, np.minimum(before + 1, 2)] * (0.5 + eager)
    climb = np.where(before < 2, climb + shown * world.up[who, before], 0.0)
    fall = TRANSITION[before, np.maximum(before - 1, 0)] * (before > 0)
    chances = np.zeros((count, 3))
    each = np.arange(count)
    chances[each, np.minimum(before + 1, 2)] += np.clip(climb, 0.0, 0.8)
    chances[each, np.maximum(before - 1, 0)] += fall
    chances[each, before] += 1.0 - chances.sum(axis=1)
    after = _moved(chances, generator.random(count))
    rate = np.maximum(0.2 + ORDERS[before] * (0.5 + eager) + shown * world.orders[who], 0.0)
    earned = generator.poisson(rate) * MARGIN
    log = Log(
        person=person,
        indptr=np.arange(count + 1) * width,
        arm=np.tile(np.arange(width), count),
        arms=ARMS,
        probability=p.ravel(),
        recorded=np.ones(count * width, dtype=bool),
        priority=np.zeros(count * width),
        features=np.zeros((count * width, 1)),
        chosen=each * width + action,
        reward=earned.astype(np.float64),
        converted=earned > 0.0,
    )
    return log, before, after, earned.astype(np.float64)


def _moved(chances: Floats, luck: Floats) -> Ints:
    """One draw from each row."""
    below = (luck[:, None] > chances.cumsum(axis=1)).sum(axis=1)
    return np.asarray(np.minimum(below, chances.shape[1] - 1), dtype=np.int64)
