"""The loop closes: what comes back for a decision is attributed to it, learnt, and published within seconds."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import msgspec

from eachwise.contracts.arrays import PropensityModel
from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import CannotReplay, NotFound
from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.experience import SILENCE, Placement
from eachwise.contracts.individual import Individual
from eachwise.contracts.learning import Exposure
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.decide import Priors
from eachwise.events import meaning_of
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.people import People
from eachwise.learn import (
    MODEL,
    Learner,
    Outcome,
    answer_in,
    concerns,
    disconnect_prior,
    restore,
    takeup_prior,
)
from eachwise.maths.decay import MICROSECONDS
from eachwise.settings import Settings

PRIORS = Priors(takeup=takeup_prior, disconnect=disconnect_prior)
# Under this name the store keeps how far in the log the newest version has seen.
STATISTIC = "learnt"
# Decisions older than this are not waited for after a restart, whatever their placement's window.
WAIT_MAX_US = 8 * 86_400 * MICROSECONDS


class Pending(msgspec.Struct):
    """A decision whose window is open: what came back, and what the learner was told of it."""

    record: DecisionRecord
    placement: Placement
    people: frozenset[str]
    outcomes: list[Outcome]
    told: tuple[bool, bool] | None = None


class Learning:
    """Waits for outcomes, feeds the learner in log order, and publishes its versions: the model's one writer."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        catalogue: Catalogue,
        people: People,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._catalogue = catalogue
        self._people = people
        self._pending: dict[str, Pending] = {}
        self._due: list[tuple[int, str]] = []
        self._closed: list[str] = []
        self._publishing = False
        self._learner = self._restored(None)
        self._initial = Learner(settings.learn).propensity_model(0)
        self.model = self._learner.propensity_model(self._learner.version)
        newest = store.model(MODEL)
        self.published_at_us = newest.created_at_us if newest else 0

    # -- waiting -------------------------------------------------------------------------------------------

    def expect(self, record: DecisionRecord, people: frozenset[str]) -> None:
        """Wait for the outcome of a decision; ``people`` are the typed identifiers that may answer it."""
        if record.experience_id == SILENCE:
            return
        placement = self._placement(record)
        # Only what attribution reads is kept: many decisions wait, some for days.
        slim = msgspec.structs.replace(record.inputs, state=b"", reservations=[], context={})
        record = msgspec.structs.replace(record, inputs=slim, leading=[], filtered=[], items=[])
        self._pending[record.decision_id] = Pending(record, placement, people, [])
        self._wake(record.decision_id, record.inputs.now_us + placement.reserve_s * MICROSECONDS)

    def answered_by(self, event: Event, decision_id: str) -> DecisionRecord | None:
        """The decision that this event may answer: one that was made for the same person."""
        pending = self._pending.get(decision_id)
        if pending is not None:
            record, people = pending.record, pending.people
        else:
            stored = self._store.decision(decision_id)
            if stored is None:
                return None
            record, people = stored, people_of(stored, None)
        return record if concerns(people, event.user_id, event.anonymous_id) else None

    def note(self, person: str, event: Event, meaning: Meaning) -> None:
        """Take an event that answers a decision: its outcome, and the end of its reservation."""
        pending = self._pending.get(meaning.decision_id)
        if pending is None or not concerns(pending.people, event.user_id, event.anonymous_id):
            return
        self._people.release(pending.record.individual_id, meaning.decision_id)
        self._people.release(person, meaning.decision_id)
        pending.outcomes.append(Outcome(meaning.action, event.occurred_at_us))
        self._tell(pending)

    def _tell(self, pending: Pending) -> None:
        """Let the learner know what is new about an exposure."""
        answer = answer_in(pending.outcomes, pending.placement.outcome_window_s)
        if answer is None:
            return
        told = (answer.clicked, answer.disconnected)
        if told != pending.told:
            record = pending.record
            exposure = Exposure(
                decision_id=record.decision_id,
                experience_id=record.experience_id,
                probability=record.probability,
                features=record.features,
                clicked=answer.clicked,
                disconnected=answer.disconnected,
                before=pending.told,
            )
            self._learner.learn([exposure])
            pending.told = told

    def _wake(self, decision_id: str, at_us: int) -> None:
        heapq.heappush(self._due, (at_us, decision_id))

    def _close_due(self, now_us: int) -> None:
        """Stop waiting where the window has passed, or where nobody saw the decision in time."""
        while self._due and self._due[0][0] < now_us:
            _, decision_id = heapq.heappop(self._due)
            pending = self._pending.get(decision_id)
            if pending is None:
                continue
            answer = answer_in(pending.outcomes, pending.placement.outcome_window_s)
            if answer is not None and answer.closes_us >= now_us:
                self._wake(decision_id, answer.closes_us)
                continue
            del self._pending[decision_id]
            self._closed.append(decision_id)

    def _placement(self, record: DecisionRecord) -> Placement:
        """The placement as it was when the decision was made, or its defaults should that version be gone."""
        placement_id = record.inputs.placement_id
        try:
            return self._catalogue.offers_at(record.inputs.definitions_version).placement(
                placement_id
            )
        except (CannotReplay, NotFound):
            return Placement(placement_id=placement_id)

    # -- publishing ----------------------------------------------------------------------------------------

    def tick(self, sequence: int) -> Flow[None]:
        """Close what is due; publish a version when something was learnt and the interval has passed."""
        now_us = self._clock.now_us()
        self._close_due(now_us)
        if now_us - self.published_at_us >= self._settings.learn.publish_interval_s * MICROSECONDS:
            yield from self.flush(sequence)

    def flush(self, sequence: int) -> Flow[None]:
        """Publish what was learnt from the log up to ``sequence``, and close decisions, in one transaction."""
        if self._publishing or not (self._closed or self._learner.unpublished):
            return
        self._publishing = True
        closed, self._closed = self._closed, []
        now_us = self._clock.now_us()
        commit = Commit(learnt=closed)
        try:
            model = self.model
            if self._learner.unpublished:
                published, model = self._learner.publish(self._learner.version + 1, now_us)
                commit.models = [published]
                commit.statistics = {STATISTIC: msgspec.msgpack.encode(sequence)}
            yield self._store.commit(commit)
            self.model = model
            self.published_at_us = now_us
        except Exception:
            # What was not written did not happen: go back to the last durable version and the log.
            self._learner = self._restored(None)
            self.restore()
            raise
        finally:
            self._publishing = False

    # -- versions and restarts -----------------------------------------------------------------------------

    def model_at(self, version: int) -> PropensityModel:
        """An older version, rebuilt to the bit. Raises ``CannotReplay`` when it is no longer kept."""
        if version == 0:
            return self._initial
        return self._restored(version).propensity_model(version)

    def _restored(self, version: int | None) -> Learner:
        wanted = self._store.model(MODEL, version)
        if wanted is None:
            if version is None:
                return Learner(self._settings.learn)
            raise CannotReplay(f"version {version} of model {MODEL!r} is no longer kept")
        snapshot, deltas = wanted, []
        while snapshot.base:
            deltas.append(snapshot)
            base = self._store.model(MODEL, snapshot.base)
            if base is None:
                raise CannotReplay(f"version {snapshot.base} of model {MODEL!r} is no longer kept")
            snapshot = base
        return restore(snapshot, deltas[::-1], self._settings.learn)

    def restore(self) -> None:
        """Wait again for the decisions that were open when the engine stopped.

        The newest version has seen the log up to a known sequence: answers up to there are known to the learner, what
        came after is learnt now.
        """
        self._pending.clear()
        self._due.clear()
        self._closed.clear()
        stored = self._store.statistic(STATISTIC)
        seen = msgspec.msgpack.decode(stored, type=int) if stored else 0
        for record in self._store.unlearnt_decisions(self._clock.now_us() - WAIT_MAX_US):
            self.expect(record, people_of(record, None))
            pending = self._pending.get(record.decision_id)
            if pending is not None:
                self._catch_up(pending, seen)

    def _catch_up(self, pending: Pending, seen: int) -> None:
        later: list[Outcome] = []
        for entry in self._store.outcomes_of(pending.record.decision_id):
            event = entry.event
            if concerns(pending.people, event.user_id, event.anonymous_id):
                action = meaning_of(event, self._settings.events).action
                known = pending.outcomes if entry.sequence <= seen else later
                known.append(Outcome(action, event.occurred_at_us))
        answer = answer_in(pending.outcomes, pending.placement.outcome_window_s)
        if answer is not None:
            pending.told = (answer.clicked, answer.disconnected)
        pending.outcomes += later
        self._tell(pending)

    def open_decisions(self) -> Iterator[tuple[DecisionRecord, bool]]:
        """Decisions still waited for, and whether anything came back for them yet."""
        for pending in self._pending.values():
            yield pending.record, bool(pending.outcomes)

    def status(self) -> dict[str, Any]:
        """How many outcomes were learnt, and how many are waited for."""
        return {"learnt": self._learner.updates, "waiting": len(self._pending)}


def people_of(record: DecisionRecord, state: Individual | None) -> frozenset[str]:
    """Every typed identifier under which the decision's person was known when it was made.

    ``state`` is the one that the record holds, where it is at hand.
    """
    known = state or msgspec.msgpack.decode(record.inputs.state, type=Individual)
    return frozenset({*known.identifiers, record.individual_id, *record.asked_as})
