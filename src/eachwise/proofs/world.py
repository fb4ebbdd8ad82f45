"""``eachwise prove world``: individuals beside segments in a shop whose truth is known.

In copies of one world a seed, each method decides once a visit: the engine (the code that serves, over the store in
memory), the shop's campaigns, segments of behaviour, chance, and an oracle that knows the true tastes. Then the other
policies, Vowpal Wabbit and whoever knows the click model play what the engine has recorded (``world_lane``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import Final

import numpy as np

from eachwise.contracts.arrays import Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.learning import Outcome
from eachwise.decide import POLICIES
from eachwise.proofs import report
from eachwise.proofs.report import Calibration, Proof
from eachwise.proofs.world_arms import CAMPAIGNS, KMEANS, campaign, kmeans, known_model
from eachwise.proofs.world_calibration import Answers, answers, calibrations
from eachwise.proofs.world_lane import Player, Shown, replay
from eachwise.proofs.world_learner import JointLearner
from eachwise.proofs.world_metrics import KNOWN, all_figures, later_half, regret, verdict
from eachwise.proofs.world_player import EnginePlayer
from eachwise.proofs.world_pool import pool
from eachwise.proofs.world_record import Recording, believed_against, record
from eachwise.proofs.world_stream import Outcomes, Scenario, World, build_world, outcomes
from eachwise.proofs.world_vw import EXPLORATIONS, GRID, Sentences, VowpalWabbit, installed
from eachwise.settings import DecideSettings, Settings, parse_settings

PROCESSES = 2
# The engine's defaults were tuned in worlds 1 to 6; what is reported are worlds that they never saw.
FIRST_SEED = 201
FIRST_TUNING_SEED = 1
# A simulated day passes in seconds, so what a server does every second is done once a day: the models that
# decide are older than a server's, which favours the segments.
PACE: Final = {
    "learn": {"publish_interval_s": 86_400.0},
    "recommend": {"publish_interval_s": 86_400.0},
    "store": {"checkpoint_interval_s": 86_400.0},
    # It reads everybody's life anew; in world 1, the one asked, no change of lifetime value was certain after 80
    # days, so decisions are the same without it.
    "lifetime": {"interval_s": 0.0},
}
DEFAULT_POLICY: Final = DecideSettings().policy
# The code that serves, with its defaults: what the proof is about.
ENGINE: Final = f"individual:{DEFAULT_POLICY}"
# The same policy as a player of the recording: how near the recording comes to the engine.
TWIN: Final = "individual:recorded"
# Arm → its policy, of those that play the recording.
POLICY_OF: Final = {f"individual:{name}": name for name in sorted(POLICIES)} | {
    TWIN: DEFAULT_POLICY
}
ALWAYS: Final = ("blanket", ENGINE, "oracle")
ORDER: Final = (
    "blanket",
    "segment:demographic_3",
    "segment:age_gender",
    KMEANS,
    "reference:random",
    *EXPLORATIONS,
    KNOWN,
    *(arm for arm in POLICY_OF if arm != ENGINE),
    ENGINE,
    "oracle",
)
LATER: Final = "the same, but the later half of each world's decisions only"


@dataclass(frozen=True)
class Part:
    """What came of every arm in one world, and of what the engine predicted."""

    scenario: Scenario
    arms: dict[str, Outcomes]
    answers: dict[Outcome, Answers]


def run(
    *,
    seeds: int,
    decisions: int,
    as_json: bool,
    processes: int = PROCESSES,
    arms: Sequence[str] = (),
    vw_grid: bool = False,
) -> Proof:
    """Play the worlds with seeds 201, 202 … , print the proof, and return it; progress goes to stderr.

    ``arms``: which to play besides the blanket, the engine and the oracle (none named: all that can be).
    ``vw_grid``: instead all settings of Vowpal Wabbit that were tried, in the worlds they were tried in: 1, 2 …
    ``processes`` = 1 plays everything in this process. Raises ``InvalidInput`` for an arm that does not exist,
    ``MissingExtra`` for an arm of Vowpal Wabbit where that is not installed.
    """
    if seeds < 1:
        raise InvalidInput("seeds must be at least 1", field="seeds")
    first = FIRST_TUNING_SEED if vw_grid else FIRST_SEED
    worlds = range(first, first + seeds)
    scenarios = [Scenario(seed=seed, decisions=decisions) for seed in worlds]
    played = chosen((KNOWN, *GRID)) if vw_grid else chosen(arms)
    whole, later = prove(scenarios, processes, played)
    if as_json:
        report.publish(whole, as_json=True)
    else:
        print(f"{report.as_table(whole)}\n\n{report.as_table(later)}", flush=True)
    return whole


def chosen(arms: Sequence[str]) -> tuple[str, ...]:
    """The arms that are played, in their order; of none named all, without Vowpal Wabbit where it is not installed."""
    named = [*GRID, *ORDER]
    unknown = [arm for arm in arms if arm not in named]
    if unknown:
        raise InvalidInput(
            f"no arm is called {unknown[0]!r}; there are {', '.join(named)}", field="arms"
        )
    if arms:
        return tuple(arm for arm in named if arm in arms or arm in ALWAYS)
    if installed():
        return ORDER
    report.progress(
        "Vowpal Wabbit is not installed, and its arms are left out: pip install 'eachwise[bench]'"
    )
    return tuple(arm for arm in ORDER if arm not in EXPLORATIONS)


def prove(
    scenarios: Sequence[Scenario], processes: int, arms: Sequence[str]
) -> tuple[Proof, Proof]:
    """The proof over all decisions, and over the later half of each world's."""
    parts = sorted(_played(scenarios, processes, arms), key=lambda part: part.scenario.seed)
    joined = {name: Outcomes.join([part.arms[name] for part in parts]) for name in arms}
    held = calibrations([part.answers for part in parts])
    halves = np.concatenate([np.arange(one.decisions) / one.decisions for one in scenarios])
    return (
        _proof("world", protocol(scenarios), joined, held),
        _proof("world, after learning", LATER, later_half(joined, halves), {}),
    )


def _proof(name: str, done: str, arms: dict[str, Outcomes], held: dict[str, Calibration]) -> Proof:
    """The proof of these outcomes; metrics that a report does not know are left to the verdict."""
    figures = all_figures(arms)
    return Proof(
        proof=name,
        protocol=done,
        arms={
            arm: {metric: found[metric] for metric in found if metric in report.METRICS}
            for arm, found in figures.items()
        },
        verdict=verdict(arms, ENGINE, twin=TWIN),
        curves=regret(arms),
        calibration=held,
    )


def protocol(scenarios: Sequence[Scenario]) -> str:
    """How it is done, in words."""
    first = scenarios[0]
    by = "world" if len(scenarios) > 1 else "person"
    return (
        f"frozen-food shop, {len(scenarios)} worlds (seeds {first.seed}–{scenarios[-1].seed}) of {first.people:,} "
        f"people, {first.history_days:g} days of browsing before the first decision, then {first.decisions:,} visits "
        "with one decision each at home_hero; every method meets the same people, visits and luck; "
        f"{ENGINE} is the code that serves: clicks, orders, hides and unsubscribes return to it as events; other "
        f"policies, {TWIN} (the engine's own once more), Vowpal Wabbit and {KNOWN} play what the engine recorded: "
        "the same filters, features and estimates of tastes, their own choices, learning and fatigue; learning periods "
        "count, models are published once a simulated day, and lifetime values are left out; blanket and segments are "
        "told by the truth what their people click most, clusters of browsing are made anew every week; value is the "
        "EUR a decision that the truth expects of the choice, disconnect_rate is a send, by the true taste, and "
        "believed_disconnect_rate the sends that the engine itself would bar by the person's last visit; "
        f"95 % intervals by {by} (linearised ratios, t), lift paired by visit"
    )


def _played(scenarios: Sequence[Scenario], processes: int, arms: Sequence[str]) -> Iterator[Part]:
    """All worlds' parts, as they are done."""
    report.progress(f"{len(scenarios)} worlds, {len(arms)} arms each, {processes} at a time")
    if processes <= 1:
        yield from (_part(scenario, arms) for scenario in scenarios)
        return
    with pool(min(processes, len(scenarios))) as workers:
        pending = [workers.submit(_part, scenario, arms) for scenario in scenarios]
        for future in as_completed(pending):
            yield future.result()


def _part(scenario: Scenario, arms: Sequence[str]) -> Part:
    """Play every arm in one world; say on stderr what is done."""
    began = time.perf_counter()
    world = build_world(scenario)
    choice, recording = record(world, settings_of(DEFAULT_POLICY))
    spent = {ENGINE: time.perf_counter() - began}
    found = {ENGINE: outcomes(world, choice, believed_against(world, recording, choice))}
    field = Field.of(arms, recording)
    for arm in arms:
        if arm != ENGINE and arm not in field.players:
            began = time.perf_counter()
            found[arm] = outcomes(world, without_learning(arm, world, recording))
            spent[arm] = time.perf_counter() - began
    began = time.perf_counter()
    choices, seconds = replay(world, recording, field.players, field)
    found |= {arm: outcomes(world, each) for arm, each in choices.items()}
    spent |= seconds
    spent["learning"] = time.perf_counter() - began - sum(seconds.values())
    told = ", ".join(f"{name} {each:.0f}" for name, each in spent.items())
    report.progress(f"seed {scenario.seed}, {scenario.decisions:,} decisions, seconds: {told}")
    asked = answers(world, choice, recording.predicted)
    return Part(scenario, {arm: found[arm] for arm in arms}, asked)


def without_learning(arm: str, world: World, recording: Recording) -> Ints:
    """What those choose who have nothing to learn, (D,)."""
    if arm in CAMPAIGNS:
        return campaign(world, arm)
    if arm == KMEANS:
        return kmeans(world)
    return known_model(world, recording)


@dataclass(frozen=True)
class Field:
    """Those of the arms that learn from a recording: the policies learn side by side, each Vowpal Wabbit by itself."""

    policies: dict[str, EnginePlayer]
    others: dict[str, VowpalWabbit]
    learner: JointLearner

    @classmethod
    def of(cls, arms: Sequence[str], recording: Recording) -> Field:
        """The players among these arms."""
        layout = recording.layout
        played = [arm for arm in arms if arm in POLICY_OF and arm != ENGINE]
        learner = JointLearner(layout, played, settings_of(DEFAULT_POLICY).learn)
        explorations: Mapping[str, str] = {**EXPLORATIONS, **GRID}
        sentences = Sentences(recording)
        return cls(
            policies={
                arm: EnginePlayer(arm, learner, layout, settings_of(POLICY_OF[arm]))
                for arm in played
            },
            others={
                arm: VowpalWabbit(sentences, explorations[arm])
                for arm in arms
                if arm in explorations
            },
            learner=learner,
        )

    def learn(self, shown: Mapping[str, Sequence[Shown]]) -> None:
        """What came of a day of each player."""
        self.learner.learn({name: each for name, each in shown.items() if name in self.policies})
        for name, player in self.others.items():
            player.learn(shown.get(name, ()))

    @property
    def players(self) -> dict[str, Player]:
        """All of them by arm."""
        return {**self.policies, **self.others}


def settings_of(policy: str) -> Settings:
    """The defaults, but for the policy and the pace of simulated time."""
    return parse_settings({**PACE, "decide": {"policy": policy}})
