"""The outbox at work: claim, check the contact policy once more, render, hand over, settle.

A round never waits for a receiver: what was handed over is settled by the round after its answer. A message whose
channel keeps no idempotency key is durably ``sending`` before it goes out, so that after a crash it is ``unknown``.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from msgspec.structs import replace

from eachwise.contracts.delivery import (
    CALL,
    EVENT,
    OPEN,
    Channel,
    Letter,
    Message,
    MessageState,
    Receipt,
)
from eachwise.contracts.errors import StoreError, Unavailable
from eachwise.contracts.experience import ONSITE_CHANNELS, OUTBOUND_CHANNELS
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Clock, Commit, Committed, Store
from eachwise.deliver import RenderFailed, after
from eachwise.flow.drive import Flow
from eachwise.flow.ingest import Ingest
from eachwise.flow.letters import Letters, Unreachable
from eachwise.flow.pages import Pages
from eachwise.flow.people import People
from eachwise.flow.places import Places
from eachwise.flow.reports import Reports
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS
from eachwise.settings import DeliverySettings

# Taken in by one round, beyond what the workers have in hand: bounds how long a decision may wait for it.
CLAIMED_A_ROUND = 32
# In hand for each worker: the next letters are ready when one is through.
AHEAD = 2
# What was made at the last moment of its time still gets a first try.
GRACE_US = 300 * MICROSECONDS
PAGE = 1000
_ENGINES_OWN = frozenset({CALL, EVENT})
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Handed:
    """A letter in a channel's hands, and the answer to come."""

    message: Message
    answer: Future[Receipt]


class Dispatching:
    """Sends what the outbox holds. One ``work`` at a time in a process; other workers are kept apart by the claims."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: DeliverySettings,
        people: People,
        directory: Directory,
        pages: Pages,
        ingest: Ingest,
        letters: Letters,
        reports: Reports,
        channels: Mapping[str, Channel],
        executor: Executor,
        places: Places,
        worker: str = "w1",
    ) -> None:
        """``worker``: a name that this process alone has, and has again after a restart."""
        self._store = store
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._pages = pages
        self._ingest = ingest
        self._letters = letters
        self._reports = reports
        self._channels = channels
        self._executor = executor
        self._worker = worker
        self._places = places
        self._handed: dict[str, _Handed] = {}
        self._working = False
        # When messages are due that were told of, soonest first.
        self._due: list[int] = []
        self._orphans_at_us = 0
        # Everything but what waits for a page.
        self._claimable = tuple(sorted(OUTBOUND_CHANNELS | _ENGINES_OWN | set(channels)))

    @property
    def in_hand(self) -> int:
        """How many letters are with their channels."""
        return len(self._handed)

    def expect(self, messages: Iterable[Message]) -> None:
        """These messages wait in the outbox: a round is due when one of them is."""
        for message in messages:
            if message.state == "pending" and message.channel not in ONSITE_CHANNELS:
                heapq.heappush(self._due, message.due_at_us)

    # -- rounds --------------------------------------------------------------------------------------------

    def work(self) -> Flow[int]:
        """One round: settle what was answered, sort out what others left, claim and hand over. Returns how many."""
        if self._working:
            return 0
        self._working = True
        try:
            done = yield from self._settle_answered()
            now_us = self._clock.now_us()
            if now_us >= self._orphans_at_us:
                self._orphans_at_us = now_us + int(self._settings.lease_s * MICROSECONDS)
                # What another process put in, or gave up, was not told here.
                heapq.heappush(self._due, now_us)
                yield from self.sort_out()
            yield from self._renew(now_us)
            done += yield from self._take()
            return done
        finally:
            self._working = False

    def drain(self) -> Flow[int]:
        """Rounds until nothing is due and nothing is in a channel's hands; for stopping, and for tests."""
        done = 0
        while True:
            took = yield from self.work()
            done += took
            if not took and not self._handed:
                return done
            for handed in list(self._handed.values()):
                yield _heard(handed.answer)

    def finish(self) -> Flow[None]:
        """Wait for what is in the channels' hands and settle it; nothing new is taken."""
        while self._handed:
            for handed in list(self._handed.values()):
                yield _heard(handed.answer)
            yield from self._settle_answered()

    def _take(self) -> Flow[int]:
        free = min(self._settings.workers * AHEAD - len(self._handed), CLAIMED_A_ROUND)
        now_us = self._clock.now_us()
        # Claiming is a write: where nothing can be due, nothing is asked.
        if free <= 0 or not self._due or self._due[0] > now_us:
            return 0
        until_us = now_us + int(self._settings.lease_s * MICROSECONDS)
        claimed: list[Message] = yield self._store.claim_messages(
            self._worker, now_us, until_us, free, self._claimable
        )
        while len(claimed) < free and self._due and self._due[0] <= now_us:
            heapq.heappop(self._due)
        ready: list[tuple[Message, Letter, int]] = []
        for message in claimed:
            try:
                letter = yield from self._prepared(message)
            except (StoreError, Unavailable) as error:
                # The disk's fault, and none of the message's: it waits as after a receiver that was busy.
                again_us = now_us + int(self._settings.retry_base_s * MICROSECONDS)
                yield from self._put(
                    replace(message, state="pending", due_at_us=again_us, reason=error.message)
                )
                continue
            except Exception as error:
                _log.exception("message %s cannot be prepared", message.message_id)
                yield from self._put(
                    replace(message, state="dead", reason=f"a fault here: {error}")
                )
                continue
            if letter is not None:
                ready.append((message, letter, self._seen(message)))
        yield from self._hand_over(ready)
        return len(claimed)

    # -- before the hand-over ------------------------------------------------------------------------------

    def _prepared(self, message: Message) -> Flow[Letter | None]:
        """The letter; None where the message was settled, or put off, instead."""
        now_us = self._clock.now_us()
        if message.channel == EVENT:
            yield from self._log_event(message)
            return None
        last_us = max(message.expires_at_us, message.due_at_us + GRACE_US)
        if message.expires_at_us and now_us > last_us:
            yield from self._put(
                replace(message, state="held", reason="its time was over before it could be sent")
            )
            return None
        if message.channel not in self._channels:
            reason = f"no channel {message.channel} is configured (settings: delivery)"
            yield from self._put(replace(message, state="held", reason=reason))
            return None
        person = self._directory.resolve(message.individual_id)
        stopped = self._hindered(message, person, now_us)
        if stopped is not None:
            yield from self._put(stopped)
            return None
        try:
            letter = self._letters.letter(message, person)
        except Unreachable as error:
            yield from self._put(replace(message, state="held", reason=str(error)))
            return None
        except RenderFailed as error:
            yield from self._put(replace(message, state="dead", reason=str(error)))
            return None
        return letter

    def _hindered(self, message: Message, person: str, now_us: int) -> Message | None:
        """The message held or put off, where the contact policy stands against it now; None where nothing does."""
        if message.channel in _ENGINES_OWN:
            return None
        record = self._store.decision(message.decision_id) if message.decision_id else None
        if record is None:
            return replace(message, state="held", reason="no decision stands behind it")
        held = self._pages.hindrance(replace(record, individual_id=person))
        if held is None:
            return None
        reason = f"{held.filter}: {held.reason}" if held.filter else held.reason
        again_us = held.again_us
        if again_us is not None and now_us < again_us <= message.expires_at_us:
            return replace(message, state="pending", due_at_us=again_us, reason=reason)
        return replace(message, state="held", reason=reason)

    def _log_event(self, message: Message) -> Flow[None]:
        """An event of the engine's own, logged once: its message id is the message's."""
        made = self._reports.events(
            message.individual_id,
            message_id=message.message_id,
            name=str(message.body.get("event", "")),
            properties=message.body.get("properties"),
            traits=message.body.get("traits"),
        )
        if not made:
            reason = "the person has no user id, anonymous id or device that an event could carry"
            yield from self._put(replace(message, state="dead", reason=reason))
            return
        yield from self._ingest.ingest(made, source="outbox")
        yield from self._put(replace(message, state="sent", sent_at_us=self._clock.now_us()))

    # -- the hand-over -------------------------------------------------------------------------------------

    def _hand_over(self, ready: list[tuple[Message, Letter, int]]) -> Flow[None]:
        """Mark what cannot be sent twice, durably and together; then hand all to the workers."""
        if not ready:
            return
        marked = [
            replace(
                message,
                state=message.state if self._channels[message.channel].deduplicates else "sending",
                address=letter.address,
                attempts=message.attempts + 1,
                reason="",
            )
            for message, letter, _ in ready
        ]
        committed: Committed = yield self._store.commit(Commit(settled=marked))
        for message, (before, letter, seen), ours in zip(
            marked, ready, committed.settled, strict=True
        ):
            if not ours:
                continue
            if seen != self._seen(before):
                # Something came of this person while it was marked: a last look, so that an unsubscription counts.
                person = self._directory.resolve(message.individual_id)
                stopped = self._hindered(message, person, self._clock.now_us())
                if stopped is not None:
                    yield from self._put(stopped)
                    continue
            channel = self._channels[message.channel]
            self._handed[message.message_id] = _Handed(
                message, self._executor.submit(channel.send, letter)
            )

    def _seen(self, message: Message) -> int:
        """How many events of the person were taken in."""
        state = self._people.find(self._directory.resolve(message.individual_id)) or Individual()
        return state.events

    # -- after it ------------------------------------------------------------------------------------------

    def _settle_answered(self) -> Flow[int]:
        answered = [handed for handed in self._handed.values() if handed.answer.done()]
        for handed in answered:
            yield from self._settle(handed.message, _receipt(handed))
            self._handed.pop(handed.message.message_id, None)
        return len(answered)

    def _settle(self, message: Message, receipt: Receipt) -> Flow[None]:
        if receipt.outcome == "sent":
            # Before the state: a crash between the two finds the delivery in the log.
            yield from self._reports.delivered(message)
        elif receipt.outcome == "gone":
            yield from self._reports.gone(message, receipt.reason)
        yield from self._put(after(message, receipt, self._clock.now_us(), self._settings))

    def _put(self, message: Message) -> Flow[bool]:
        """Write a message as it stands now; False where another worker has it."""
        committed: Committed = yield self._store.commit(Commit(settled=[message]))
        ours = committed.settled[0]
        if ours and message.state == "pending":
            self.expect([message])
        elif ours and message.state not in OPEN:
            self._places.free(message)
        return ours

    def _renew(self, now_us: int) -> Flow[None]:
        """What takes longer than half its lease keeps it for another."""
        lease_us = int(self._settings.lease_s * MICROSECONDS)
        late = [
            handed
            for handed in self._handed.values()
            if handed.message.claimed_until_us - now_us < lease_us // 2
        ]
        if not late:
            return
        for handed in late:
            handed.message = replace(handed.message, claimed_until_us=now_us + lease_us)
        yield self._store.commit(Commit(settled=[handed.message for handed in late]))

    # -- what a crash cut off ------------------------------------------------------------------------------

    def sort_out(self) -> Flow[None]:
        """What a stopped worker had in hand: claimed messages wait again; of those ``sending`` it is sent what was
        reported so, and the rest is ``unknown``."""
        now_us = self._clock.now_us()
        for message in list(self._left_behind("claimed", now_us)):
            yield from self._put(replace(message, state="pending"))
        for message in list(self._left_behind("sending", now_us)):
            words = "the engine stopped while it was being handed over"
            receipt = Receipt(outcome="unknown", reason=words)
            if self._reports.was_delivered(message):
                receipt = Receipt(outcome="sent")
            yield from self._put(after(message, receipt, now_us, self._settings))

    def _left_behind(self, state: MessageState, now_us: int) -> Iterator[Message]:
        """Messages in this state whose worker's time is over, or was this one before a restart."""
        last = ""
        while page := self._store.messages(state, after=last, limit=PAGE):
            for message in page:
                over = message.claimed_until_us <= now_us
                if (over or message.claimed_by == self._worker) and (
                    message.message_id not in self._handed
                ):
                    yield message
            last = page[-1].message_id


def _receipt(handed: _Handed) -> Receipt:
    """A channel's answer. One that raises has a fault: nobody knows whether it went out."""
    error = handed.answer.exception()
    if error is None:
        return handed.answer.result()
    _log.error("sending %s failed", handed.message.message_id, exc_info=error)
    return Receipt(outcome="unknown", reason=f"the channel failed: {error}"[:500])


def _heard(answer: Future[Receipt]) -> Future[None]:
    """Done when the answer is there, whatever it is."""
    heard: Future[None] = Future()
    answer.add_done_callback(lambda _: heard.set_result(None))
    return heard
