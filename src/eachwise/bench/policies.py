"""Every registered policy: what one decision's probabilities cost, and whether a million choices follow them.

The yardstick of the times is a product of all candidates with 64 numbers and the ten best of them: less than any
engine does for as many candidates.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np

from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.decide.policies import POLICIES, Policy, Scored, bounded
from eachwise.maths.draws import sample
from eachwise.maths.goodness import fit_to_own_vectors
from eachwise.settings import DecideSettings

SIZES: Final = (10, 40, 200, 1_000, 10_000)
CHOICES, SITUATIONS, CANDIDATES = 1_000_000, 1_000, 8
CALLS, ROUNDS = 200, 5
BARE: Final = "numpy: dot with 64 numbers, argpartition"
_ACTION = 2


def measure(effort: Effort) -> list[Figure]:
    """Microseconds by number of candidates, then the p-value of chi-square of choices against their own vectors."""
    figures = []
    for size in SIZES:
        calls = effort.count(max(5, CALLS // max(1, size // 100)))
        bare_us = _bare_us(size, calls)
        for name, policy in POLICIES.items():
            figures.append(
                Figure(
                    name=f"{name}_{size}",
                    value=_policy_us(policy, size, calls),
                    unit="µs",
                    yardstick=bare_us,
                    beside=BARE,
                    aim="< 1000" if size == SIZES[-1] else "",
                )
            )
    for name, policy in POLICIES.items():
        effort.say(f"policies: choices of {name}")
        figures.append(
            Figure(
                name=f"{name}_fit",
                value=p_value(policy, effort.count(CHOICES, least=SITUATIONS)),
                unit="p",
                beside="chi-square of choices against each decision's own vector",
                aim="> 0.0001",
            )
        )
    return figures


def scored(seed: int, size: int) -> tuple[Scored, DecideSettings]:
    """Candidates with silence last, and the defaults: random priorities, and draws around them."""
    settings = DecideSettings()
    generator = np.random.default_rng(seed)
    priorities = np.append(generator.normal(0.02, 0.01, size - 1), 0.0)
    sampled = priorities + generator.normal(0.0, 0.005, (settings.thompson_draws, size))
    sampled[:, -1] = 0.0
    updates = int(generator.integers(100_000))
    return Scored(priorities, sampled, np.ones(size, dtype=bool), updates), settings


def p_value(policy: Policy, choices: int) -> float:
    """Of so many choices in a thousand situations, one candidate hard; by column and by rank, the lesser twice over."""
    hard = np.arange(CANDIDATES) == 1
    each = choices // SITUATIONS
    vectors, chosen = [], []
    for seed in range(SITUATIONS):
        one, settings = scored(seed, CANDIDATES)
        vectors.append(bounded(policy, one, hard, 0, settings))
        chosen += [sample(vectors[-1], seed * each + number, _ACTION) for number in range(each)]
    drawn = np.array(chosen)
    found = np.repeat(np.array(vectors), each, axis=0)
    fits = [fit_to_own_vectors(found, drawn, by_rank=by_rank).p_value for by_rank in (False, True)]
    return min(1.0, 2.0 * min(fits))


def _policy_us(policy: Policy, size: int, calls: int) -> float:
    one, settings = scored(size, size)
    hard = np.zeros(size, dtype=bool)
    return _us(lambda: bounded(policy, one, hard, 0, settings), calls)


def _bare_us(size: int, calls: int) -> float:
    generator = np.random.default_rng(size)
    matrix, weights = generator.normal(size=(size, 64)), generator.normal(size=64)
    best = min(10, size - 1)
    return _us(lambda: np.argpartition(-(matrix @ weights), best), calls)


def _us(call: Callable[[], object], calls: int) -> float:
    """Microseconds of a call: the median over rounds of a round's mean."""
    call()
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        found.append((time.perf_counter() - started) / calls * 1e6)
    return median(found)
