"""``eachwise prove off-policy``: what another policy would have earned, from the engine's own log, beside the truth.

The engine decides in a world whose truth is known, and every decision is kept with the probability of each candidate.
Then logs are drawn from that log, 400 times with fixed seeds: people with replacement, what was chosen from the
recorded probabilities, and what came of it from the world. Each is asked what other policies would earn; the world
knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from eachwise.bootstrap import Engine
from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.decision import Decided, DecisionRecord
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Evaluation, Refused
from eachwise.maths.intervals import wilson
from eachwise.measure import (
    Log,
    evaluate,
    greedy,
    log_of,
    predicted_rewards,
    sharpened,
    uniform,
    within_support,
    without,
)
from eachwise.proofs import report
from eachwise.proofs.report import Estimate, Proof
from eachwise.proofs.world import FIRST_SEED, PACE
from eachwise.proofs.world_play import play
from eachwise.proofs.world_stream import Scenario, World, build_world
from eachwise.settings import Settings, parse_settings
from eachwise.worlds import SILENCE
from eachwise.worlds.frozen.response import (
    PURCHASE_GIVEN_CLICK,
    UNSUBSCRIBE_COST_EUR,
    UNSUBSCRIBE_GIVEN_HIDE,
)

RUNS: Final = 400
# Shares of the people in a log: one that must be answered, one on the edge, one that must be refused.
SHARES: Final = {"": 1.0, "_quarter": 0.25, "_fiftieth": 0.02}
# At this effective sample the proof is judged.
ESS_JUDGED: Final = 3000.0
# Every candidate is recorded, so that a target may act on any.
LEAD_COUNT: Final = 100


@dataclass(frozen=True, kw_only=True)
class Played:
    """The engine's decisions in order of person, and what the world would do about each of the N candidates.

    first: (P + 1,) where each person's decisions begin; click, hide: (N,) chances; order: (N,) EUR of an order
    """

    log: Log
    first: Ints
    click: Floats
    hide: Floats
    order: Floats

    @property
    def expected(self) -> Floats:
        """EUR that each candidate brings on average (N,)."""
        lost = UNSUBSCRIBE_GIVEN_HIDE * UNSUBSCRIBE_COST_EUR
        return np.asarray(self.click * PURCHASE_GIVEN_CLICK * self.order - self.hide * lost)

    def truth(self, target: Floats) -> float:
        """EUR a decision of a policy (N,), over all decisions."""
        return float(target @ self.expected) / len(self.log.person)


@dataclass
class Tally:
    """What became of one target's estimates."""

    values: list[Estimate] = field(default_factory=list)
    held: int = 0
    held_snips: int = 0
    refused: int = 0
    judged: int = 0
    judged_held: int = 0
    ess: list[float] = field(default_factory=list)


def run(*, decisions: int, runs: int, as_json: bool) -> Proof:
    """Play world 201, draw the logs, print the proof and return it; progress goes to stderr."""
    if runs < 2:
        raise InvalidInput("runs must be at least 2", field="runs")
    report.progress(f"world {FIRST_SEED}: the engine makes {decisions:,} decisions")
    world = build_world(Scenario(seed=FIRST_SEED, decisions=decisions))
    played = observe(world, settings())
    proof = prove(played, runs)
    report.publish(proof, as_json=as_json)
    return proof


def settings() -> Settings:
    """The defaults, but that every candidate is recorded, at the pace of simulated time."""
    return parse_settings({**PACE, "decide": {"lead_count": LEAD_COUNT}})


def observe(world: World, chosen: Settings) -> Played:
    """Let the engine decide, and keep every record with what the world would do about each candidate."""
    records: list[DecisionRecord] = []

    def keep(engine: Engine, decided: Decided) -> None:
        found = engine.decision(decided.decision_id)
        # The proof reads people by their number in the world, whatever identities the engine merged meanwhile.
        person = f"{int(world.person[len(records)]):09d}"
        slim = msgspec.structs.replace(found.inputs, state=b"", reservations=[])
        records.append(msgspec.structs.replace(found, individual_id=person, inputs=slim))

    play(world, chosen, keep=keep)
    order = np.argsort(world.person, kind="stable")
    log = log_of((records[row], 0.0, False) for row in order.tolist())
    if len(log.person) != len(order):
        raise InvalidInput("some decisions failed: nothing can be proved of them", field="world")
    _, first = np.unique(log.person, return_index=True)
    return Played(
        log=log, first=np.append(first, len(order)).astype(np.int64), **_answers(world, log, order)
    )


def _answers(world: World, log: Log, order: Ints) -> dict[str, Floats]:
    """Chances of a click and of a hide, and the money of an order, for each candidate."""
    shop = world.shop
    person, t = world.person[order], world.t[order]
    number = np.array([shop.experience_index(arm) for arm in log.arms], dtype=np.int64)[log.arm]
    row = np.repeat(np.arange(len(order)), np.diff(log.indptr))
    shown = number != SILENCE
    column = np.where(shown, number, 0)
    worth = np.array([each["value"] for each in shop.experiences()])
    return {
        "click": shop.click_probability(person, t)[row, column] * shown,
        "hide": shop.hide_probability(person, t)[row, column] * shown,
        "order": worth[column] / PURCHASE_GIVEN_CLICK * shown,
    }


def prove(played: Played, runs: int) -> Proof:
    """Draw the logs, ask them, and hold the answers against the truth."""
    targets = policies(played.log)
    right = {name: played.truth(target) for name, target in targets.items()}
    tallies = {name + share: Tally() for name in targets for share in SHARES}
    for number in range(runs):
        if number % 50 == 0:
            report.progress(f"log {number} of {runs}")
        for share, of in SHARES.items():
            log, rows = drawn(played, np.random.default_rng((FIRST_SEED, number)), of)
            model = predicted_rewards(log)
            for name, target in targets.items():
                found = evaluate(log, target[rows], model=model)
                _note(tallies[name + share], found, right[name])
    arms = {
        f"individual:{name}": _figures(tally, runs, right[_policy_of(name)])
        for name, tally in tallies.items()
    }
    return Proof(
        proof="off-policy",
        protocol=(
            f"world {FIRST_SEED}, {len(played.log.person):,} decisions of the engine's default policy for "
            f"{len(played.first) - 1:,} people; {runs} logs (seeds 0–{runs - 1}) of so many people drawn "
            "with replacement, a quarter and a fiftieth of them, choices from the recorded probabilities, "
            "outcomes from the world; value: doubly robust, EUR a decision (means of the estimates and "
            "of their 95 % intervals); coverage: share of intervals that hold the world's truth"
        ),
        arms=arms,
        verdict=_verdict(tallies, runs),
    )


def policies(log: Log) -> dict[str, Floats]:
    """The policies asked about, by name: (N,) probabilities."""
    shown = np.bincount(log.arm, weights=log.probability, minlength=len(log.arms))
    most = log.arms[int(shown.argmax())]
    found: dict[str, Callable[[], Floats]] = {
        "sharpened": lambda: sharpened(log, 2.0),
        "epsilon_greedy": lambda: within_support(log, greedy(log, 0.1)),
        "withdrawn": lambda: without(log, {most}),
        "uniform": lambda: within_support(log, uniform(log)),
    }
    return {name: make() for name, make in found.items()}


def drawn(played: Played, generator: np.random.Generator, share: float) -> tuple[Log, Ints]:
    """A log of a share of the people, drawn with replacement, and the candidates' rows in ``played`` it is of."""
    whole, first = played.log, played.first
    people = len(first) - 1
    who = generator.integers(0, people, max(2, round(share * people)))
    visits = first[who + 1] - first[who]
    decision = _ranges(first[who], visits)
    start = whole.indptr[decision]
    width = whole.indptr[decision + 1] - start
    rows = _ranges(start, width)
    indptr = np.append(0, np.cumsum(width))
    p = whole.probability[rows]
    cumulative = np.cumsum(p)
    before = np.append(0.0, cumulative)[indptr[:-1]]
    total = cumulative[indptr[1:] - 1] - before
    aim = before + generator.random(len(decision)) * total
    chosen = np.clip(np.searchsorted(cumulative, aim, side="right"), indptr[:-1], indptr[1:] - 1)
    took = rows[chosen]
    luck = generator.random((3, len(decision)))
    bought = (luck[0] < played.click[took]) & (luck[1] < PURCHASE_GIVEN_CLICK)
    left = (luck[0] > 1.0 - played.hide[took]) & (luck[2] < UNSUBSCRIBE_GIVEN_HIDE)
    reward = bought * played.order[took] - left * UNSUBSCRIBE_COST_EUR
    log = Log(
        person=np.repeat(np.arange(len(who)), visits),
        indptr=indptr,
        arm=whole.arm[rows],
        arms=whole.arms,
        probability=p,
        recorded=whole.recorded[rows],
        priority=whole.priority[rows],
        features=whole.features[rows],
        chosen=chosen,
        reward=reward,
        converted=bought | left,
    )
    return log, rows


def _ranges(start: Ints, length: Ints) -> Ints:
    """start₀ … start₀ + length₀ − 1, start₁ …, one after the other."""
    ends = np.cumsum(length)
    return np.asarray(np.repeat(start - (ends - length), length) + np.arange(int(ends[-1])))


def _note(tally: Tally, found: Evaluation, right: float) -> None:
    """One log's answer."""
    if found.diagnostics is not None:
        tally.ess.append(found.diagnostics.ess)
    if isinstance(found, Refused):
        tally.refused += 1
        return
    held = found.value.low <= right <= found.value.high
    tally.values.append(Estimate(found.value.mean, found.value.low, found.value.high))
    tally.held += held
    tally.held_snips += found.snips.low <= right <= found.snips.high
    if found.diagnostics.ess >= ESS_JUDGED:
        tally.judged += 1
        tally.judged_held += held


def _figures(tally: Tally, runs: int, right: float) -> dict[str, Estimate]:
    """A target's row; coverage only where something was estimated."""
    found = {"truth": Estimate(right, right, right), "refused": _share(tally.refused, runs)}
    if tally.ess:
        low, high = np.quantile(tally.ess, [0.025, 0.975])
        found["ess"] = Estimate(float(np.mean(tally.ess)), float(low), float(high))
    if tally.values:
        each = np.array([(one.value, one.low, one.high) for one in tally.values])
        found["value"] = Estimate(*each.mean(axis=0).tolist())
        found["coverage"] = _share(tally.held, len(tally.values))
        found["coverage_snips"] = _share(tally.held_snips, len(tally.values))
    return found


def _share(happened: int, of: int) -> Estimate:
    found = wilson(happened, of)
    return Estimate(found.value, found.low, found.high) if found else Estimate(math.nan, 0.0, 1.0)


def _policy_of(name: str) -> str:
    return next(name.removesuffix(share) for share in reversed(SHARES) if name.endswith(share))


def _verdict(tallies: dict[str, Tally], runs: int) -> str:
    """Coverage where it is judged, and what was refused where it must be."""
    said = list(_judged(tallies))
    small = [tally for name, tally in tallies.items() if name.endswith("_fiftieth")]
    refused = sum(tally.refused for tally in small)
    said.append(f"a fiftieth of the people: {refused:,} of {len(small) * runs:,} refused")
    return "; ".join(said) + "."


def _judged(tallies: dict[str, Tally]) -> Iterator[str]:
    for name, tally in tallies.items():
        if tally.judged >= 2:
            share = _share(tally.judged_held, tally.judged)
            yield (
                f"{name}: at an effective sample of {ESS_JUDGED:,.0f} or more the interval holds the truth "
                f"in {share.value:.1%} [{share.low:.1%}, {share.high:.1%}] of {tally.judged} logs"
            )
