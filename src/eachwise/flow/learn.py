"""The loop closes: what comes back for a decision is attributed to it, learnt, and published within seconds."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Final

import msgspec

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import Busy, CannotReplay, NotFound
from eachwise.contracts.events import Action, Event, Meaning
from eachwise.contracts.experience import SILENCE, Placement
from eachwise.contracts.individual import Individual
from eachwise.contracts.learning import Exposure
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.events import meaning_of
from eachwise.flow.awaited import Pending, closed, people_of, returned
from eachwise.flow.budgets import Budgets
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.people import People
from eachwise.flow.propensity import Made, Propensity, Work, make
from eachwise.learn import Answer, Returned, answer_in, concerns, credited
from eachwise.maths.decay import MICROSECONDS
from eachwise.settings import Settings

TAKEUP: Final = "takeup"
# Under this name the store keeps how far in the log the newest version has seen.
STATISTIC = "learnt"
# And under this one until when it has learnt what was then old enough, µs.
RIPE = "learnt.ripe"
# Decisions older than this are not waited for after a restart, whatever their placement's window.
WAIT_MAX_US = 8 * 86_400 * MICROSECONDS


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
        budgets: Budgets,
        executor: Executor,
    ) -> None:
        self._budgets = budgets
        self._executor = executor
        self._store = store
        self._clock = clock
        self._settings = settings
        self._catalogue = catalogue
        self._people = people
        self._pending: dict[str, Pending] = {}
        self._due: list[tuple[int, str]] = []
        self._closed: list[str] = []
        self._publishing = False
        # The newest version has seen the log up to here.
        self._seen = 0
        # What was old enough before this moment is learnt.
        self._ripe_us = 0
        self.propensity = Propensity(store=store, clock=clock, settings=settings)

    # -- waiting -------------------------------------------------------------------------------------------

    def expect(self, record: DecisionRecord, people: frozenset[str]) -> None:
        """Wait for the outcome of a decision; ``people`` are the typed identifiers that may answer it.

        Silence has none, and what is transactional is no evidence.
        """
        if record.experience_id == SILENCE or record.transactional:
            return
        placement = self._placement(record)
        # Only what attribution reads is kept: many decisions wait, some for days.
        slim = msgspec.structs.replace(record.inputs, state=b"", reservations=[], context={})
        chosen = [each for each in record.leading if each.experience_id == record.experience_id]
        record = msgspec.structs.replace(record, inputs=slim, leading=chosen, filtered=[], items=[])
        pending = Pending(record, placement, people, [])
        self._pending[record.decision_id] = pending
        self._wake(record.decision_id, pending.unseen_us)

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

    def credit(self, event: Event, meaning: Meaning, state: Individual | None) -> str:
        """The decision that an answer without a decision id is credited to, by rule; "" for none.

        A refund goes where its order went.
        """
        if state is None or not state.contacts:
            return ""
        if meaning.action is not Action.REFUND:
            return credited(
                meaning.action,
                event.occurred_at_us,
                meaning.experience_id,
                state.contacts,
                self._settings.learn,
            )
        clicked = {
            each.decision_id: None
            for each in state.contacts
            if each.action == Action.CLICK and each.decision_id
        }
        for decision_id in clicked if meaning.order_id else ():
            for _, each in self._returned(decision_id, None):
                if (each.action, each.order_id) == (Action.PURCHASE, meaning.order_id):
                    return decision_id
        return ""

    def note(self, sequence: int, person: str, event: Event, meaning: Meaning) -> None:
        """Take an event that answers a decision: its outcome, and the end of its reservation."""
        pending = self._pending.get(meaning.decision_id)
        if pending is None:
            if meaning.decision_id:
                self._note_late(sequence, event, meaning)
            return
        if not concerns(pending.people, event.user_id, event.anonymous_id):
            return
        self._people.release(pending.record.individual_id, meaning.decision_id)
        self._people.release(person, meaning.decision_id)
        if sequence in pending.read:
            return
        pending.returned.append(returned(event, meaning))
        self._tell_of(pending, self._answer(pending))

    def _note_late(self, sequence: int, event: Event, meaning: Meaning) -> None:
        """An answer to a decision that is not waited for any more: what was known before it is in the log."""
        if sequence <= self._seen:
            return
        record = self._store.decision(meaning.decision_id)
        if record is None or record.experience_id == SILENCE or record.transactional:
            return
        people = people_of(record, None)
        if not concerns(people, event.user_id, event.anonymous_id):
            return
        known = [each for at, each in self._returned(record.decision_id, people) if at < sequence]
        pending = Pending(record, self._placement(record), people, known)
        before = self._answer(pending)
        pending.returned.append(returned(event, meaning))
        after = self._answer(pending)
        if before is not None:
            pending.told, pending.taken = before.outcomes, TAKEUP in before.outcomes
        elif after is not None:
            self._budgets.unseen(record, seen=True)
        self._tell_of(pending, after, ripe=True)

    def _answer(self, pending: Pending) -> Answer | None:
        window_s = pending.placement.outcome_window_s
        return answer_in(pending.returned, window_s, self._settings.learn)

    def _tell_of(self, pending: Pending, answer: Answer | None, *, ripe: bool = False) -> None:
        """Let the budgets, and of what is ripe the learner, know what is new about an exposure."""
        if answer is None:
            return
        record = pending.record
        taken = TAKEUP in answer.outcomes
        if taken != pending.taken:
            self._budgets.taken_up(record, taken - pending.taken)
            pending.taken = taken
        ripe_us = self._ripe_at_us(pending, answer)
        if not ripe and ripe_us >= self._ripe_us:
            if ripe_us != pending.wakes_us:
                pending.wakes_us = ripe_us
                self._wake(record.decision_id, ripe_us)
            return
        if answer.outcomes != pending.told:
            exposure = Exposure(
                decision_id=record.decision_id,
                experience_id=record.experience_id,
                probability=record.probability,
                features=record.features,
                outcomes=answer.outcomes,
                before=pending.told,
            )
            if pending.told is None or not self.propensity.forgot(pending.seen_us(answer)):
                self.propensity.learn(exposure)
            pending.told = answer.outcomes

    def _ripe_at_us(self, pending: Pending, answer: Answer) -> int:
        return pending.ripe_us(answer, self._settings.learn.settle_s)

    def _returned(
        self,
        decision_id: str,
        people: frozenset[str] | None,
    ) -> list[tuple[int, Returned]]:
        """What the log holds in answer to a decision, and where; ``people``: only what they sent."""
        return [
            (entry.sequence, returned(entry.event, meaning_of(entry.event, self._settings.events)))
            for entry in self._store.outcomes_of(decision_id)
            if people is None or concerns(people, entry.event.user_id, entry.event.anonymous_id)
        ]

    def _wake(self, decision_id: str, at_us: int) -> None:
        heapq.heappush(self._due, (at_us, decision_id))

    def _close_due(self, now_us: int) -> None:
        """Learn what has become ripe; stop waiting where the window has passed, or where nobody saw it in time."""
        self._ripe_us = now_us
        while self._due and self._due[0][0] < now_us:
            _, decision_id = heapq.heappop(self._due)
            pending = self._pending.get(decision_id)
            if pending is None:
                continue
            answer = self._answer(pending)
            if answer is not None:
                self._tell_of(pending, answer)
                again_us = self._ripe_at_us(pending, answer)
                if again_us < now_us:
                    again_us = answer.closes_us
                if again_us >= now_us:
                    self._wake(decision_id, again_us)
                    continue
            del self._pending[decision_id]
            self._closed.append(decision_id)
            if answer is None:
                self._budgets.unseen(pending.record)
            else:
                self.propensity.close(closed(pending.record, answer))

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
        waited_us = now_us - self.propensity.published_at_us
        if waited_us >= self._settings.learn.publish_interval_s * MICROSECONDS:
            yield from self.flush(sequence)

    def flush(self, sequence: int) -> Flow[None]:
        """Publish what was learnt from the log up to ``sequence``, and close decisions, in one transaction."""
        if self._publishing or not (self._closed or self.propensity.unpublished):
            return
        yield from self._write(sequence, self._next())

    def teach(self, exposures: Sequence[Exposure], commit: Commit, sequence: int) -> Flow[None]:
        """Learn exposures that no decision of ours made, and publish, in one transaction with ``commit``.

        Raises ``Busy`` while another version is being written.
        """
        if self._publishing:
            raise Busy("another version is being published; try once more")
        for exposure in exposures:
            self.propensity.learn(exposure)
        yield from self._write(sequence, self._next(), commit)

    def rollback(self, to: int, sequence: int) -> Flow[int]:
        """Publish an older version of the propensity model as the newest, and return its number; 0: nothing learnt.

        Raises ``NotFound`` where it is not kept, ``Busy`` while another version is being written.
        """
        if self._publishing:
            raise Busy("another version is being published; try once more")
        work = self.propensity.rolled_back(to)
        yield from self._write(sequence, work)
        return work.draft.version

    def _next(self) -> Work | None:
        return self.propensity.draw() if self.propensity.unpublished else None

    def _write(self, sequence: int, work: Work | None, commit: Commit | None = None) -> Flow[None]:
        """Finish a version and make it durable with what was closed before it was drawn, then decide with it."""
        self._publishing = True
        commit = commit or Commit()
        # All of one moment: what comes back while the version is made belongs to the next one.
        commit.learnt, self._closed = self._closed, []
        commit.statistics = self._budgets.returned()
        ripe_us = self._ripe_us
        try:
            made = yield from self._made(work)
            if made is not None:
                commit.models = [made.version]
                commit.statistics[STATISTIC] = msgspec.msgpack.encode(sequence)
                commit.statistics[RIPE] = msgspec.msgpack.encode(ripe_us)
                commit.statistics |= self.propensity.kept(made)
            yield self._store.commit(commit)
            if made is not None:
                self.propensity.published(made)
        except Exception:
            self._undo()
            raise
        finally:
            self._publishing = False

    def _made(self, work: Work | None) -> Flow[Made | None]:
        """The finished version, made on the executor; the last good one where it is refused."""
        made: Made | None = None
        try:
            while work is not None:
                made = yield self._executor.submit(make, work)
                work = self.propensity.settled(made)
        except GeneratorExit:
            # The request was given up while nothing was on its way to the store.
            self._undo()
            raise
        return made

    def _undo(self) -> None:
        """What was not written did not happen: go back to the last durable version and the log."""
        self.propensity.unsettled()
        self._budgets.restore()
        self.restore()

    # -- restarts ------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Wait again for the decisions that were open when the engine stopped.

        The newest version has seen the log up to a known sequence: answers up to there are known to the learner, what
        came after is learnt now.
        """
        self._pending.clear()
        self._due.clear()
        self._closed.clear()
        stored = self._store.statistic(STATISTIC)
        self._seen = seen = msgspec.msgpack.decode(stored, type=int) if stored else 0
        # A store of before this was kept had learnt everything at once.
        ripe = self._store.statistic(RIPE)
        self._ripe_us = msgspec.msgpack.decode(ripe, type=int) if ripe else self._clock.now_us()
        for record in self._store.unlearnt_decisions(self._clock.now_us() - WAIT_MAX_US):
            self.expect(record, people_of(record, None))
            pending = self._pending.get(record.decision_id)
            if pending is not None:
                self._catch_up(pending, seen)
        self._catch_up_late(seen)

    def _catch_up(self, pending: Pending, seen: int) -> None:
        found = self._returned(pending.record.decision_id, pending.people)
        pending.read = frozenset(sequence for sequence, _ in found)
        pending.returned = [each for sequence, each in found if sequence <= seen]
        answer = self._answer(pending)
        if answer is not None:
            pending.taken = TAKEUP in answer.outcomes
            if self._ripe_at_us(pending, answer) < self._ripe_us:
                pending.told = answer.outcomes
        pending.returned += [each for sequence, each in found if sequence > seen]
        self._tell_of(pending, self._answer(pending))

    def _catch_up_late(self, seen: int) -> None:
        """Answers that the newest version has not seen, to decisions that are not waited for; the log's tail behind
        the folded states comes by itself.
        """
        until = self._store.watermark()
        while seen < until and (entries := self._store.events_after(seen, 1000)):
            for entry in entries:
                seen = entry.sequence
                if seen > until or "decision_id" not in entry.event.properties:
                    continue
                meaning = meaning_of(entry.event, self._settings.events)
                if meaning.decision_id and meaning.decision_id not in self._pending:
                    self._note_late(seen, entry.event, meaning)

    def open_decisions(self) -> Iterator[tuple[DecisionRecord, bool]]:
        """Decisions still waited for, and whether anything came back for them yet."""
        for pending in self._pending.values():
            yield pending.record, bool(pending.returned)

    def status(self) -> dict[str, Any]:
        """How many outcomes were learnt, and how many are waited for."""
        return {"learnt": self.propensity.updates, "waiting": len(self._pending)}
