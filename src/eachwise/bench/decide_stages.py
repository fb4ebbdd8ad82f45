"""One decision taken apart: microseconds of each stage with 10 to 10,000 candidates, in-process, on one thread.

The stages are called one by one as a decision calls them, for one person after another, and then the whole decision is
made through the flow. Beside each stands, of the same moments, what any engine must do for as many candidates: a
product with 64 numbers, and the ten best of them. All of it is time of the processor in this thread: what the machine
does besides is not in it, nor the wait for the disk (``split`` has that).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from eachwise.adapters.clocks import SystemClock
from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, median
from eachwise.bench.material import PLACEMENT, Material
from eachwise.bench.policies import BARE, SIZES
from eachwise.bench.split import timed
from eachwise.bench.stores import UNTIMED, define, take
from eachwise.bootstrap import Engine, open_core
from eachwise.catalog import parse_definitions
from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.decision import DecideRequest
from eachwise.contracts.experience import SILENCE, Definitions
from eachwise.contracts.individual import Individual
from eachwise.decide import Situation
from eachwise.decide.arbitration import Worth, explorable, priorities
from eachwise.decide.constraints import Evidence, apply_filters
from eachwise.decide.decider import (
    Field,
    candidates_of,
    drawn_priorities,
    features_of,
    worth_of,
)
from eachwise.decide.exposures import counted, exposures
from eachwise.decide.features import named
from eachwise.decide.items import Screen, screen, shown_items
from eachwise.decide.policies import Scored, bounded, policy_named
from eachwise.decide.propensity import Score, score
from eachwise.decide.reasons import reasons_shown
from eachwise.flow.compose import Look, Versions, look, situation_of
from eachwise.flow.core import Core
from eachwise.flow.drive import run
from eachwise.maths.draws import sample
from eachwise.recommend import Ranking, rank

T = TypeVar("T")

PEOPLE, CALLS, DAYS = 200, 200, 20.0
STAGES: Final = (
    *("affinity", "recommend", "filters", "features", "scores", "draws", "policy"),
    *("items", "record", "whole", "commit"),
)
_encode = msgspec.msgpack.Encoder().encode


class Watch:
    """Seconds of each stage, one entry a decision, and of the yardstick beside them."""

    def __init__(self, size: int) -> None:
        generator = np.random.default_rng(size)
        self._matrix, self._weights = generator.normal(size=(size, 64)), generator.normal(size=64)
        self.bare_s: list[float] = []
        self.times_s: dict[str, list[float]] = {stage: [] for stage in STAGES}

    def call(self, stage: str, work: Callable[[], T]) -> T:
        """Do a stage's work and note how long it took."""
        began = time.thread_time()
        found = work()
        self.times_s[stage].append(time.thread_time() - began)
        return found

    def bare(self) -> None:
        """The yardstick, once."""
        began = time.thread_time()
        np.argpartition(-(self._matrix @ self._weights), min(10, len(self._matrix) - 1))
        self.bare_s.append(time.thread_time() - began)

    def us(self, stage: str) -> float:
        """The median of a stage, microseconds."""
        return 1e6 * median(self.times_s[stage])


def measure_stages(effort: Effort) -> list[Figure]:
    """Figures ``STAGE_CANDIDATES``: microseconds (p50) beside the yardstick."""
    material = Material(people=effort.count(PEOPLE, least=20), days=effort.days(DAYS))
    figures = []
    store = effort.folder / "stages"
    with Engine.open(store, settings=UNTIMED) as engine:
        define(engine, material)
        take(engine, material.lines(), effort.say)
    for size in SIZES:
        watch = _watched(store, material, size, effort.count(CALLS, least=3))
        said = ", ".join(f"{stage} {watch.us(stage):,.0f}" for stage in STAGES)
        effort.say(f"decide: µs with {size:,} candidates: {said}")
        bare_us = 1e6 * median(watch.bare_s)
        figures += [
            Figure(
                name=f"{stage}_{size}",
                value=watch.us(stage),
                unit="µs",
                yardstick=bare_us,
                beside=f"{BARE}, of as many",
            )
            for stage in STAGES
        ]
    return figures


def _watched(store: Path, material: Material, size: int, calls: int) -> Watch:
    watch = Watch(size)
    with open_core(store, UNTIMED, SystemClock()) as core:
        run(core.put_definitions(definitions_of(material, size)))
        for number in range(calls):
            asked = DecideRequest(
                anonymous_id=material.ids[number % len(material.ids)], placements=[PLACEMENT]
            )
            person = run(core.decide(asked)).individual_id
            _apart(core, asked, person, watch, number)
            whole_s, commit_s = timed(core.decide(asked), time.thread_time)
            watch.times_s["whole"].append(whole_s)
            watch.times_s["commit"].append(commit_s)
    return watch


def definitions_of(material: Material, size: int) -> Definitions:
    """So many experiences in the placement: the shop's, again and again under other names and of other worth."""
    definitions = parse_definitions(material.definitions())
    shop = [each for each in definitions.experiences.values() if PLACEMENT in each.placements]
    generator = np.random.default_rng(size)
    experiences = {}
    for number in range(size):
        name = f"experience-{number:05d}"
        experiences[name] = msgspec.structs.replace(
            shop[number % len(shop)],
            experience_id=name,
            value=float(generator.uniform(2.0, 12.0)),
        )
    return msgspec.structs.replace(definitions, experiences=experiences)


def _apart(core: Core, asked: DecideRequest, person: str, watch: Watch, number: int) -> None:
    """One decision, stage by stage, as ``pages`` and ``decide`` make it."""
    looked, inputs, versions, plan = core.deciding.pages.before(asked, person)
    watch.bare()
    began = time.thread_time()
    look(looked.state, inputs.context, inputs.now_us, versions)
    looked_s = time.thread_time() - began
    watch.call("recommend", lambda: _ranked(looked, versions))
    watch.times_s["affinity"].append(max(0.0, looked_s - watch.times_s["recommend"][-1]))
    situation = situation_of(looked, inputs, versions, plan)
    field, explored = _competing(situation, watch)
    drawn = sample(field.probabilities, situation.seed, number)
    row = int(field.rows[drawn]) if drawn < len(field.rows) else 0
    screened = screen(situation)
    watch.call("items", lambda: shown_items(situation, screened.allowed, row))
    watch.call("record", lambda: _recorded(situation, field, row, explored, looked.state))


def _ranked(looked: Look, versions: Versions) -> Ranking:
    settings = versions.settings.recommend
    index = versions.shelf.index
    return rank(looked.person, versions.taste, index, settings, versions.trained)


def _competing(situation: Situation, watch: Watch) -> tuple[Field, bool]:
    """From the filters to the probabilities."""
    shown, confirmed = exposures(situation.contacts)

    def filtered() -> tuple[Screen, Ints]:
        every = counted(
            shown, situation.earlier, situation.reservations, confirmed, situation.now_us
        )
        screened = screen(situation)
        evidence = Evidence(situation=situation, shown=every, screen=screened)
        return screened, apply_filters(evidence)[0]

    screened, rows = watch.call("filters", filtered)
    moving, recent = watch.call("features", lambda: features_of(situation, shown, screened))

    def scores() -> tuple[Score, Worth, Floats]:
        takeup = score(situation.plan.takeup, moving)
        worth = worth_of(situation, rows, takeup, moving, recent)
        return takeup, worth, priorities(worth, worth.p_takeup)

    takeup, worth, expected = watch.call("scores", scores)
    sampled = watch.call("draws", lambda: drawn_priorities(situation, rows, takeup, moving, worth))

    def probabilities() -> Floats:
        settings = situation.settings
        scored = Scored(expected, sampled, explorable(worth), situation.plan.updates)
        hard = np.append(situation.plan.layout.hard[rows], False)
        return bounded(policy_named(settings.policy), scored, hard, 0, settings)

    found = watch.call("policy", probabilities)
    field = Field(rows=rows, moving=moving, worth=worth, priorities=expected, probabilities=found)
    return field, bool(expected[int(found.argmax())] < expected.max())


def _recorded(
    situation: Situation, field: Field, row: int, explored: bool, state: Individual
) -> bytes:
    """What a record adds to its choice: the leading candidates, features, reasons and the person as they stood."""
    candidates = candidates_of(situation, field)
    silence_too = candidates.leading(situation.settings.lead_count, SILENCE)
    features = named(situation.plan.layout, row, field.moving[row])
    reasons = reasons_shown(situation, row, explored=explored)
    return _encode((_encode(state), silence_too, features, reasons))
