"""The stored decisions asked about another policy: what it would have earned, with an interval, or a refusal.

Of every decision the probabilities that the other policy gives the same candidates are worked out: from the record
alone where the policy reads priorities only and the record names every candidate, else by deciding again with the
versions it was made with. What cannot be computed again is left out, and counted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, get_args

import msgspec
import numpy as np

from eachwise.contracts.decision import Candidate, DecisionRecord
from eachwise.contracts.errors import CannotReplay, InvalidInput, NotFound
from eachwise.contracts.experience import SILENCE, Placement
from eachwise.contracts.measurement import (
    Estimate,
    EstimateRequest,
    Evaluation,
    Refused,
    RewardKind,
)
from eachwise.contracts.ports import Clock, Store
from eachwise.decide import Situation, compare, decide_safely
from eachwise.decide.policies import Scored, bounded, policy_named
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.logged import Logged, came_back, worth
from eachwise.flow.replay import Replaying
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.times import iso
from eachwise.measure import evaluate, log_of
from eachwise.settings import DecideSettings, Settings, parse_settings

DECISIONS_MAX = 100_000
# What a policy may be asked with, of the settings of ``[decide]``.
TUNABLE: Final = (
    "epsilon",
    "softmax_temperature",
    "thompson_scale",
    "gap_weight",
    "top_two_leader",
    "probability_floor",
    "explorations_per_day",
)
# These read expected priorities and nothing else of the model.
_PLAIN: Final = frozenset({"epsilon_greedy", "softmax"})
# Decisions read between two requests, and decided again.
_READ, _AGAIN = 50, 5
DAY_US = 86_400 * MICROSECONDS


class _Came(NamedTuple):
    """What a decision came to, and whether anything came back for it."""

    reward: float
    converted: bool


@dataclass
class _Asked:
    """Decisions so far with the candidates they were drawn from, the target's probabilities, and what is left out."""

    rows: list[tuple[DecisionRecord, float, bool]] = field(default_factory=list)
    targets: list[list[float]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def take(self, record: DecisionRecord, came: _Came, target: Sequence[float]) -> None:
        """One decision that can be asked; of its inputs nothing is read any more."""
        slim = msgspec.structs.replace(record.inputs, state=b"", reservations=[], context={})
        self.rows.append((msgspec.structs.replace(record, inputs=slim), *came))
        self.targets.append(list(target))


class Estimating:
    """Answers ``GET /v1/estimate``."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        directory: Directory,
        catalogue: Catalogue,
        replaying: Replaying,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._directory = directory
        self._catalogue = catalogue
        self._replaying = replaying
        self._executor = executor
        self._logged = Logged(store, settings, executor)

    def estimate(self, request: EstimateRequest) -> Flow[Estimate]:
        """What the policy would have earned. Raises ``InvalidInput`` for an unknown policy, setting or range."""
        _check(request, self._catalogue.offers.definitions.placements)
        now_us = self._clock.now_us()
        since_us = now_us - int(request.since_days * DAY_US)
        until_us = max(since_us, now_us - self._waited_us(request))
        made = yield from self._logged.between(since_us, until_us)
        asked = _Asked()
        newest = deque((each.decision_id for each in made), maxlen=request.limit)
        while newest:
            ids = [newest.popleft() for _ in range(min(_READ, len(newest)))]
            read = yield self._executor.submit(self._read, ids, request)
            for place, (record, came) in enumerate(read):
                if place % _AGAIN == _AGAIN - 1:
                    yield self._executor.submit(int)
                yield from self._take(asked, record, came, request)
        evaluation: Evaluation = yield self._executor.submit(_evaluated, asked)
        return Estimate(
            policy=request.policy,
            settings=dict(request.settings),
            placement_id=request.placement_id,
            reward=request.reward,
            since=iso(since_us),
            until=iso(until_us),
            decisions=len(asked.rows),
            left_out=dict(asked.left_out),
            evaluation=evaluation,
            words=_words(request, asked, evaluation),
        )

    def _waited_us(self, request: EstimateRequest) -> int:
        """How old a decision must be for all of its reward to be known."""
        known = self._catalogue.offers.definitions.placements.values()
        seen_s = max((each.reserve_s + each.outcome_window_s for each in known), default=0)
        learn = self._settings.learn
        if request.reward == "value":
            seen_s = max(seen_s, learn.harm_window_s, learn.purchase_window_s)
        return seen_s * MICROSECONDS

    def _read(
        self, ids: Sequence[str], request: EstimateRequest
    ) -> list[tuple[DecisionRecord, _Came]]:
        """Records of the placement with what they came to; on the executor."""
        found = []
        for decision_id in ids:
            record = self._store.decision(decision_id)
            if record is None or (
                request.placement_id is not None
                and record.inputs.placement_id != request.placement_id
            ):
                continue
            answer = None
            if record.experience_id != SILENCE:
                answer = self._logged.answer(record, self._placement(record))
            reward = worth(record, answer, request.reward)
            found.append((record, _Came(reward, came_back(answer, request.reward))))
        return found

    def _placement(self, record: DecisionRecord) -> Placement:
        known = self._catalogue.offers.definitions.placements
        placement_id = record.inputs.placement_id
        return known.get(placement_id) or Placement(placement_id=placement_id)

    def _take(
        self, asked: _Asked, record: DecisionRecord, came: _Came, request: EstimateRequest
    ) -> Flow[None]:
        """One decision: what the target would have done, or why that cannot be told."""
        if record.failed:
            asked.left_out["failed"] += 1
            return
        if record.transactional:
            asked.left_out["transactional"] += 1
            return
        person = self._directory.resolve(record.individual_id, record.inputs.now_us)
        own = msgspec.structs.replace(record, individual_id=person)
        try:
            wanted = _wanted(self._logged.settings_of(record).decide, request)
            whole = record.candidates <= len(record.leading)
            if whole and request.policy in _PLAIN:
                asked.take(own, came, self._recorded(record, wanted))
                return
            situation = self._replaying.situation(record.inputs)
        except CannotReplay:
            asked.left_out["no longer kept"] += 1
            return
        again = yield self._executor.submit(_again, situation, record, wanted)
        if again is None:
            asked.left_out["decided otherwise when replayed"] += 1
            return
        candidates, target = again
        asked.take(msgspec.structs.replace(own, leading=candidates), came, target)

    def _recorded(self, record: DecisionRecord, wanted: DecideSettings) -> list[float]:
        """The target's probabilities of the candidates that a record names, from their factors."""
        experiences = self._catalogue.offers_at(
            record.inputs.definitions_version
        ).definitions.experiences
        hard = [
            each.experience_id in experiences and experiences[each.experience_id].risk == "hard"
            for each in record.leading
        ]
        priorities = np.array([each.priority for each in record.leading])
        scored = Scored(
            priorities=priorities,
            sampled=priorities[None, :],
            explorable=np.array([_explorable(each) for each in record.leading]),
        )
        found = bounded(
            policy_named(wanted.policy), scored, np.array(hard), record.inputs.explored, wanted
        )
        return [float(each) for each in found]


def _explorable(candidate: Candidate) -> bool:
    """As ``decide.arbitration.explorable`` has it, from the factors in a record."""
    known = candidate.factors
    gain = known.p_takeup * ((known.value + known.p_purchase * known.margin) * known.lever)
    return gain + known.clv * known.lever >= known.kappa * known.p_disconnect


def _again(
    situation: Situation, record: DecisionRecord, wanted: DecideSettings
) -> tuple[list[Candidate], list[float]] | None:
    """All candidates as they were, and the target's probability of each; None where it does not come out the same."""
    before = decide_safely(situation)
    if not compare(record, before).agrees:
        return None
    after = {
        each.experience_id: each.probability
        for each in decide_safely(replace(situation, settings=wanted)).candidates
    }
    candidates = list(before.candidates)
    return candidates, [after[each.experience_id] for each in candidates]


def _wanted(decided_with: DecideSettings, request: EstimateRequest) -> DecideSettings:
    """The settings that the decision was made with, but for the policy and what it is asked with."""
    return msgspec.structs.replace(
        decided_with,
        policy=request.policy,
        **{name: _number(name, value) for name, value in request.settings.items()},
    )


def _number(name: str, value: float) -> float:
    return int(value) if name == "explorations_per_day" else value


def _evaluated(asked: _Asked) -> Evaluation:
    log = log_of(asked.rows)
    return evaluate(log, np.array([each for some in asked.targets for each in some]))


def _check(request: EstimateRequest, placements: dict[str, Placement]) -> None:
    policy_named(request.policy)
    for name in request.settings:
        if name not in TUNABLE:
            raise InvalidInput(
                f"{name}: no policy is tuned by it; there are {', '.join(TUNABLE)}", field=name
            )
    tuned = {name: _number(name, value) for name, value in request.settings.items()}
    parse_settings({"decide": {"policy": request.policy, **tuned}})
    if request.placement_id is not None and request.placement_id not in placements:
        raise NotFound(f"no placement {request.placement_id!r}")
    if not 0.0 < request.since_days <= 36_500.0:
        raise InvalidInput("since_days: must be above 0", field="since_days")
    if not 1 <= request.limit <= DECISIONS_MAX:
        raise InvalidInput(f"limit: must be from 1 to {DECISIONS_MAX}", field="limit")
    if request.reward not in get_args(RewardKind):
        raise InvalidInput("reward: must be value or takeup", field="reward")


def _words(request: EstimateRequest, asked: _Asked, found: Evaluation) -> list[str]:
    """The answer in sentences."""
    lines = [f"{len(asked.rows):,} stored decisions were asked about {request.policy}"]
    lines += [f"{count:,} were left out: {why}" for why, count in sorted(asked.left_out.items())]
    if isinstance(found, Refused):
        return [*lines, "no estimate is given:", *(reason.words for reason in found.reasons)]
    unit = "money" if request.reward == "value" else "take-ups"
    difference = found.difference
    verdict = "the difference may be chance"
    if difference.low > 0.0 or difference.high < 0.0:
        verdict = "more than was earned" if difference.low > 0.0 else "less than was earned"
    value = found.value
    between = f"{found.level:.0%} between {value.low:.4g} and {value.high:.4g}"
    return [
        *lines,
        f"{value.mean:.4g} {unit} a decision, {between}; they came to {found.logged.mean:.4g}",
        f"that is {difference.mean:+.4g} ({difference.low:+.4g} to {difference.high:+.4g}): {verdict}",
        *([] if found.decisive else ["this is enough to show, and not to act upon"]),
        *found.diagnostics.alarms,
    ]
