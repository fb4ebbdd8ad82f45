"""Stored decisions as measuring reads them: each record, what came back for it, and the settings it was made with."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import islice

import msgspec

from eachwise.contracts.decision import Candidate, DecisionRecord
from eachwise.contracts.errors import CannotReplay
from eachwise.contracts.experience import SILENCE, Placement
from eachwise.contracts.measurement import RewardKind
from eachwise.contracts.ports import MadeDecision, Store
from eachwise.events import meaning_of
from eachwise.flow.awaited import people_of
from eachwise.flow.drive import Flow
from eachwise.flow.plans import SETTINGS
from eachwise.learn import Answer, Returned, answer_in, concerns
from eachwise.settings import Settings

# So many ids are read at a time.
SLICE = 2_000


class Logged:
    """Reads stored decisions. All but ``between`` may be called on any thread."""

    def __init__(self, store: Store, settings: Settings, executor: Executor) -> None:
        self._store = store
        self._settings = settings
        self._executor = executor
        self._versions: dict[int, Settings] = {}

    def between(self, since_us: int, until_us: int) -> Flow[list[MadeDecision]]:
        """Which decisions were made in [since, until), oldest first."""
        made = self._store.decisions_between(since_us, until_us)
        found: list[MadeDecision] = []
        while True:
            some: list[MadeDecision] = yield self._executor.submit(_some, made)
            found += some
            if len(some) < SLICE:
                return found

    def settings_of(self, record: DecisionRecord) -> Settings:
        """What was set when it was decided. Raises ``CannotReplay`` where that is no longer kept."""
        version = record.inputs.models[SETTINGS]
        if version not in self._versions:
            found = self._store.model(SETTINGS, version)
            if found is None:
                raise CannotReplay(f"version {version} of model {SETTINGS!r} is no longer kept")
            try:
                self._versions[version] = msgspec.msgpack.decode(found.body, type=Settings)
            except msgspec.ValidationError as error:
                raise CannotReplay(f"version {version} of the settings: {error}") from None
        return self._versions[version]

    def answer(self, record: DecisionRecord, placement: Placement) -> Answer | None:
        """What came back for a decision; None where nothing proves that it was seen."""
        people = people_of(record, None)
        returned = []
        for entry in self._store.outcomes_of(record.decision_id):
            event = entry.event
            if concerns(people, event.user_id, event.anonymous_id):
                meaning = meaning_of(event, self._settings.events)
                returned.append(
                    Returned(meaning.action, event.occurred_at_us, meaning.order_id, meaning.amount)
                )
        return answer_in(returned, placement.outcome_window_s, self._settings.learn)


def worth(record: DecisionRecord, answer: Answer | None, kind: RewardKind) -> float:
    """What a decision came to, a decision: ``takeup`` 1 or 0, or in money

        value · taken up + margin · bought − κ · (hidden or unsubscribed) − cost of an exposure

    with the figures that it was decided with; the operator's lever is no worth. Silence, and what nobody saw, is 0.
    """
    if answer is None or record.experience_id == SILENCE:
        return 0.0
    outcomes = answer.outcomes
    if kind == "takeup":
        return float("takeup" in outcomes)
    known = chosen_of(record).factors
    return (
        known.value * ("takeup" in outcomes)
        + known.margin * ("purchase" in outcomes)
        - known.kappa * (not outcomes.isdisjoint(("hide", "unsubscribe")))
        - known.cost
    )


def came_back(answer: Answer | None, kind: RewardKind) -> bool:
    """Whether anything came back that ``worth`` counts: what an exposure costs is no answer."""
    counted = {"takeup"} if kind == "takeup" else {"takeup", "purchase", "hide", "unsubscribe"}
    return answer is not None and not answer.outcomes.isdisjoint(counted)


def chosen_of(record: DecisionRecord) -> Candidate:
    """The chosen candidate; a record always names it."""
    return next(each for each in record.leading if each.experience_id == record.experience_id)


def _some(made: Iterator[MadeDecision]) -> list[MadeDecision]:
    return list(islice(made, SLICE))
