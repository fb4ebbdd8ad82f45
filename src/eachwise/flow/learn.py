"""The loop closes: what comes back for a decision is attributed to it, learnt, and published within seconds."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import msgspec

from eachwise.contracts.arrays import PropensityModel
from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import CannotReplay
from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.experience import SILENCE, Placement
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
    Unsettled,
    attribute,
    disconnect_prior,
    restore,
    takeup_prior,
)
from eachwise.maths.decay import MICROSECONDS
from eachwise.settings import Settings

PRIORS = Priors(takeup=takeup_prior, disconnect=disconnect_prior)
# Decisions older than this are not waited for after a restart, whatever their placement's window.
WAIT_MAX_US = 8 * 86_400 * MICROSECONDS


class Pending(msgspec.Struct):
    """A decision that waits for its outcome."""

    record: DecisionRecord
    outcomes: list[Outcome]


class Learning:
    """Waits for outcomes, feeds the learner in order, and publishes its versions: the model's one writer."""

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
        self._settled: list[str] = []
        self._publishing = False
        self._learner = self._restored(None)
        self._initial = Learner(settings.learn).propensity_model(0)
        self.model = self._learner.propensity_model(self._learner.version)
        newest = store.model(MODEL)
        self.published_at_us = newest.created_at_us if newest else 0

    # -- waiting -------------------------------------------------------------------------------------------

    def expect(self, record: DecisionRecord) -> None:
        """Wait for the outcome of a decision that was just answered."""
        if record.experience_id == SILENCE:
            return
        # Only what attribution reads is kept: many decisions wait, some for days.
        slim = msgspec.structs.replace(record.inputs, state=b"", reservations=[], context={})
        record = msgspec.structs.replace(record, inputs=slim, leading=[], filtered=[], items=[])
        self._pending[record.decision_id] = Pending(record, [])
        self._wake(
            record, record.inputs.now_us + self._placement(record).reserve_s * MICROSECONDS + 1
        )

    def record_of(self, decision_id: str) -> DecisionRecord | None:
        """The (slim) record of a decision that is still waited for."""
        pending = self._pending.get(decision_id)
        return pending.record if pending else None

    def note(self, person: str, event: Event, meaning: Meaning) -> None:
        """Take an event that names a decision: its outcome, and the end of its reservation."""
        if not meaning.decision_id:
            return
        pending = self._pending.get(meaning.decision_id)
        if pending is None:
            return
        self._people.release(pending.record.individual_id, meaning.decision_id)
        self._people.release(person, meaning.decision_id)
        pending.outcomes.append(Outcome(meaning.action, event.occurred_at_us))
        self._settle(meaning.decision_id, pending)

    def _settle(self, decision_id: str, pending: Pending) -> None:
        placement = self._placement(pending.record)
        result = attribute(
            pending.record,
            pending.outcomes,
            outcome_window_s=placement.outcome_window_s,
            reserve_s=placement.reserve_s,
            now_us=self._clock.now_us(),
        )
        if isinstance(result, Exposure):
            self._learner.learn([result])
        elif result is Unsettled.PENDING:
            if pending.outcomes:
                seen_us = min(outcome.at_us for outcome in pending.outcomes)
                self._wake(pending.record, seen_us + placement.outcome_window_s * MICROSECONDS + 1)
            return
        del self._pending[decision_id]
        self._settled.append(decision_id)

    def _wake(self, record: DecisionRecord, at_us: int) -> None:
        heapq.heappush(self._due, (at_us, record.decision_id))

    def _placement(self, record: DecisionRecord) -> Placement:
        """The placement as it was when the decision was made, or its defaults should that version be gone."""
        placement_id = record.inputs.placement_id
        placement = self._catalogue.offers.definitions.placements.get(placement_id)
        return placement or Placement(placement_id=placement_id)

    # -- publishing ----------------------------------------------------------------------------------------

    def tick(self) -> Flow[None]:
        """Settle what is due; publish a version when something was learnt and the interval has passed."""
        now_us = self._clock.now_us()
        while self._due and self._due[0][0] <= now_us:
            _, decision_id = heapq.heappop(self._due)
            pending = self._pending.get(decision_id)
            if pending is not None:
                self._settle(decision_id, pending)
        if now_us - self.published_at_us >= self._settings.learn.publish_interval_s * MICROSECONDS:
            yield from self.flush()

    def flush(self) -> Flow[None]:
        """Publish what was learnt, with the decisions that it came from, in one transaction."""
        if self._publishing or not (self._settled or self._learner.unpublished):
            return
        self._publishing = True
        settled, self._settled = self._settled, []
        now_us = self._clock.now_us()
        try:
            commit = Commit(learnt=settled)
            model = self.model
            if self._learner.unpublished:
                published, model = self._learner.publish(self._learner.version + 1, now_us)
                commit.models = [published]
            yield self._store.commit(commit)
            self.model = model
            self.published_at_us = now_us
        except Exception:
            # What was not written did not happen: go back to the last durable version and wait again.
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
        """Wait again for the decisions whose outcome was not learnt when the engine stopped."""
        self._pending.clear()
        self._due.clear()
        self._settled.clear()
        for record in self._store.unlearnt_decisions(self._clock.now_us() - WAIT_MAX_US):
            self.expect(record)
            pending = self._pending.get(record.decision_id)
            if pending is None:
                continue
            for entry in self._store.outcomes_of(record.decision_id):
                meaning = meaning_of(entry.event, self._settings.events)
                pending.outcomes.append(Outcome(meaning.action, entry.event.occurred_at_us))
            self._settle(record.decision_id, pending)

    def open_decisions(self) -> Iterator[tuple[DecisionRecord, bool]]:
        """Decisions still waited for, and whether anything came back for them yet."""
        for pending in self._pending.values():
            yield pending.record, bool(pending.outcomes)

    def status(self) -> dict[str, Any]:
        """How many outcomes were learnt, and how many are waited for."""
        return {"learnt": self._learner.updates, "waiting": len(self._pending)}
