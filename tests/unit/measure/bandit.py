"""A contextual bandit whose truth is known, logged with the vectors of the engine's own policies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.experience import SILENCE
from eachwise.decide.policies import policy_named
from eachwise.decide.policies.base import Scored
from eachwise.measure import Log
from eachwise.settings import DecideSettings

EXPERIENCES = 6
ARMS = (*(f"e{k}" for k in range(EXPERIENCES)), SILENCE)
DECISIONS_A_PERSON = 4
# A click earns money in a third of the cases; a hide costs the contact in a tenth.
ORDER, ORDER_SHARE = 20.0, 0.35
LOST, LOST_SHARE = -15.0, 0.1


@dataclass(frozen=True, kw_only=True)
class Bandit:
    """N decisions that could be made, (N, 7) each: probabilities, priorities, true chances and true expectations."""

    person: Ints
    probability: Floats
    priority: Floats
    click: Floats
    hide: Floats

    @property
    def expected(self) -> Floats:
        """Money expected of each choice."""
        return np.asarray(self.click * ORDER_SHARE * ORDER + self.hide * LOST_SHARE * LOST)

    def truth(self, target: Floats) -> float:
        """The value a decision of a policy (N, 7) over everybody."""
        return float((target * self.expected).sum(axis=1).mean())


def bandit(seed: int, people: int = 4000, policy: str = "thompson") -> Bandit:
    """People with tastes of their own, whom the policy knows with an error."""
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), DECISIONS_A_PERSON)
    taste = generator.normal(size=(people, EXPERIENCES))[person]
    taste += 0.3 * generator.normal(size=taste.shape)
    click = _padded(1.0 / (1.0 + np.exp(3.2 - 0.9 * taste)))
    hide = _padded(1.0 / (1.0 + np.exp(5.0 + 0.8 * taste)))
    believed = taste + 0.8 * generator.normal(size=taste.shape)
    priority = _padded(7.0 / (1.0 + np.exp(3.2 - 0.7 * believed))) - 1.5 * _padded(
        1.0 / (1.0 + np.exp(5.0 + 0.6 * believed))
    )
    drawn = priority[:, None, :] * np.exp(0.5 * generator.normal(size=(len(person), 16, len(ARMS))))
    settings = DecideSettings(probability_floor=0.05, epsilon=0.2)
    choose = policy_named(policy)
    able: Bools = np.ones(len(ARMS), dtype=bool)
    probability = np.stack(
        [choose(Scored(priority[i], drawn[i], able), settings) for i in range(len(person))]
    )
    return Bandit(person=person, probability=probability, priority=priority, click=click, hide=hide)


def logged(world: Bandit, seed: int, people: int) -> tuple[Log, Ints]:
    """A log of so many people drawn from the world with replacement, and the world's rows it is of."""
    generator = np.random.default_rng(seed)
    population = len(world.person) // DECISIONS_A_PERSON
    who = generator.integers(0, population, people)
    rows = (who[:, None] * DECISIONS_A_PERSON + np.arange(DECISIONS_A_PERSON)).ravel()
    count, width = len(rows), len(ARMS)
    p = world.probability[rows]
    action = np.minimum(
        (generator.random(count)[:, None] > p.cumsum(axis=1)).sum(axis=1), width - 1
    )
    each = np.arange(count)
    luck = generator.random((3, count))
    click = luck[0] < world.click[rows, action]
    hide = luck[0] > 1.0 - world.hide[rows, action]
    money = click * (luck[1] < ORDER_SHARE) * ORDER + hide * (luck[2] < LOST_SHARE) * LOST
    silent = np.zeros((count, width))
    silent[:, -1] = 1.0
    priority = world.priority[rows]
    return Log(
        person=np.repeat(np.arange(people), DECISIONS_A_PERSON),
        indptr=np.arange(count + 1) * width,
        arm=np.tile(np.arange(width), count),
        arms=ARMS,
        probability=p.ravel(),
        recorded=np.ones(count * width, dtype=bool),
        priority=priority.ravel(),
        features=np.stack([priority.ravel(), silent.ravel()], axis=1),
        chosen=each * width + action,
        reward=money,
        converted=money != 0.0,
    ), rows


def _padded(chances: Floats) -> Floats:
    """Silence's column of nothing at the end."""
    return np.concatenate([chances, np.zeros((len(chances), 1))], axis=1)
