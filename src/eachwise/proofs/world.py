"""``eachwise prove world``: individuals beside segments in a shop whose truth is known.

In copies of one world a seed, each method decides once a visit: the engine (the code that serves, over the store in
memory), the shop's campaigns, segments of behaviour, chance, and an oracle that knows the true tastes.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from eachwise.contracts.arrays import Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.proofs import report
from eachwise.proofs.report import Proof
from eachwise.proofs.world_arms import CAMPAIGNS, KMEANS, campaign, kmeans
from eachwise.proofs.world_metrics import all_figures, later_half, verdict
from eachwise.proofs.world_play import play
from eachwise.proofs.world_stream import Outcomes, Scenario, World, build_world, outcomes
from eachwise.settings import Settings, parse_settings

PROCESSES = 2
# The engine's defaults were tuned in worlds 1 to 6; what is reported are worlds that they never saw.
FIRST_SEED = 201
THOMPSON: Final = "individual:thompson"
# A simulated day passes in about a second, so what a server does every second is done once a day: the models that
# decide are older than a server's, which favours the segments.
PACE: Final = {
    "learn": {"publish_interval_s": 86_400.0},
    "recommend": {"publish_interval_s": 86_400.0},
    "store": {"checkpoint_interval_s": 86_400.0},
}
ENGINES: Final[dict[str, dict[str, dict[str, object]]]] = {
    THOMPSON: {"decide": {"policy": "thompson"}},
    "individual:epsilon_greedy": {"decide": {"policy": "epsilon_greedy"}},
}
ORDER: Final = (
    "blanket",
    "segment:demographic_3",
    "segment:age_gender",
    KMEANS,
    "reference:random",
    "individual:epsilon_greedy",
    THOMPSON,
    "oracle",
)
LATER: Final = "the same, but the later half of each world's decisions only"
# One thread for linear algebra on 100 × 100 matrices: more of them only wait for one another.
_ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

Task = tuple[Scenario, str]


@dataclass(frozen=True)
class Part:
    """What one task gave: the outcomes of an engine's arm, and of all that is not the engine where it was asked."""

    scenario: Scenario
    arms: dict[str, Outcomes]


def run(*, seeds: int, decisions: int, as_json: bool, processes: int = PROCESSES) -> Proof:
    """Play the worlds with seeds 201, 202 … , print the proof, and return it; progress goes to stderr.

    ``processes`` = 1 plays everything in this process.
    """
    if seeds < 1:
        raise InvalidInput("seeds must be at least 1", field="seeds")
    worlds = range(FIRST_SEED, FIRST_SEED + seeds)
    scenarios = [Scenario(seed=seed, decisions=decisions) for seed in worlds]
    whole, later = prove(scenarios, processes)
    if as_json:
        report.publish(whole, as_json=True)
    else:
        print(f"{report.as_table(whole)}\n\n{report.as_table(later)}", flush=True)
    return whole


def prove(scenarios: Sequence[Scenario], processes: int) -> tuple[Proof, Proof]:
    """The proof over all decisions, and over the later half of each world's."""
    arms: dict[str, list[Outcomes]] = {name: [] for name in ORDER}
    parts = sorted(_played(scenarios, processes), key=lambda part: part.scenario.seed)
    for part in parts:
        for name, found in part.arms.items():
            arms[name].append(found)
    joined = {name: Outcomes.join(found) for name, found in arms.items()}
    halves = np.concatenate([np.arange(one.decisions) / one.decisions for one in scenarios])
    return (
        _proof("world", protocol(scenarios), joined),
        _proof("world, after learning", LATER, later_half(joined, halves)),
    )


def _proof(name: str, done: str, arms: dict[str, Outcomes]) -> Proof:
    """The proof of these outcomes; metrics that a report does not know are left to the verdict."""
    figures = all_figures(arms)
    return Proof(
        proof=name,
        protocol=done,
        arms={
            arm: {metric: found[metric] for metric in found if metric in report.METRICS}
            for arm, found in figures.items()
        },
        verdict=verdict(arms, THOMPSON),
    )


def protocol(scenarios: Sequence[Scenario]) -> str:
    """How it is done, in words."""
    first = scenarios[0]
    by = "world" if len(scenarios) > 1 else "person"
    return (
        f"frozen-food shop, {len(scenarios)} worlds (seeds {first.seed}–{scenarios[-1].seed}) of {first.people:,} "
        f"people, {first.history_days:g} days of browsing before the first decision, then {first.decisions:,} visits "
        "with one decision each at home_hero; every method meets the same people, visits and luck; clicks, orders, "
        "hides and unsubscribes return to the engine as events, and its learning period counts; models are published "
        "once a simulated day; blanket and segments are told by the truth what their people click most, clusters "
        "of browsing are made anew every week; value is the EUR a decision that the truth expects of the choice, "
        f"disconnect_rate is a send, by the true taste; 95 % intervals by {by} (linearised ratios, "
        "t), lift paired by visit"
    )


def _played(scenarios: Sequence[Scenario], processes: int) -> Iterator[Part]:
    """All tasks' parts, as they are done."""
    tasks = [(scenario, arm) for scenario in scenarios for arm in ENGINES]
    report.progress(f"{len(scenarios)} worlds, {len(tasks)} engines to play, {processes} at a time")
    if processes <= 1:
        yield from map(_part, tasks)
        return
    share = -(-len(tasks) // processes)
    chunks = [tasks[first : first + share] for first in range(0, len(tasks), share)]
    context = multiprocessing.get_context("spawn")
    with _one_thread(), ProcessPoolExecutor(len(chunks), mp_context=context) as pool:
        pending = [pool.submit(_parts, chunk) for chunk in chunks]
        for future in as_completed(pending):
            yield from future.result()


def _parts(tasks: Sequence[Task]) -> list[Part]:
    """Neighbouring tasks in one process, so that a world that two of them share is built once."""
    return [_part(task) for task in tasks]


def _part(task: Task) -> Part:
    """Play one engine in one world, and with the first engine all that is not one; say on stderr when it is done."""
    scenario, arm = task
    began = time.perf_counter()
    world = _world(scenario)
    arms = {arm: outcomes(world, play(world, settings_of(arm)))}
    if arm == THOMPSON:
        arms |= {name: outcomes(world, choice) for name, choice in _others(world).items()}
    took_s = time.perf_counter() - began
    report.progress(
        f"seed {scenario.seed}, {arm}: {scenario.decisions:,} decisions in {took_s:.0f} s"
    )
    return Part(scenario, arms)


@lru_cache(maxsize=1)
def _world(scenario: Scenario) -> World:
    return build_world(scenario)


def _others(world: World) -> dict[str, Ints]:
    """What every method that is not the engine chooses."""
    return {name: campaign(world, name) for name in CAMPAIGNS} | {KMEANS: kmeans(world)}


def settings_of(arm: str) -> Settings:
    """The settings of an engine's arm: the defaults, but for its policy and the pace of simulated time."""
    return parse_settings({**PACE, **ENGINES[arm]})


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started within compute linear algebra on one thread each."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
