"""The outbox at work: claim, check the contact policy once more, render, hand over, settle.

A round never waits for a receiver: what was handed over is settled by the round after its answer. Each channel has
workers of its own, and as much is taken as they can begin with at once: a receiver that hangs holds up no other one,
and nothing lies in a queue where an unsubscribe comes too late. A message whose channel keeps no idempotency key is
durably ``sending`` before it goes out, so that after a crash it is ``unknown``.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from eachwise.contracts.experience import OUTBOUND_CHANNELS
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Clock, Commit, Committed, Store
from eachwise.deliver import RenderFailed, after
from eachwise.flow.drive import Flow
from eachwise.flow.emitting import Emitting, after_fault
from eachwise.flow.hindrances import Hindrances
from eachwise.flow.letters import Letters, Unreachable, shown_address
from eachwise.flow.people import People
from eachwise.flow.places import Places
from eachwise.flow.reports import Reports
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS
from eachwise.settings import DeliverySettings

# Prepared by one round, of all channels that have something due: bounds how long a decision may wait for it.
CLAIMED_A_ROUND = 32
# The engine's own events of one round.
EVENTS_A_ROUND = 200
# What was made at the last moment of its time still gets a first try, so long after it was made.
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
        hindrances: Hindrances,
        emitting: Emitting,
        letters: Letters,
        reports: Reports,
        channels: Mapping[str, Channel],
        senders: Mapping[str, Executor],
        places: Places,
        worker: str = "w1",
    ) -> None:
        """``senders``: the workers of each channel, ``settings.workers`` of them.

        ``worker``: a name that this process alone has, and has again after a restart.
        """
        self._store = store
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._hindrances = hindrances
        self._emitting = emitting
        self._letters = letters
        self._reports = reports
        self._channels = channels
        self._senders = senders
        self._worker = worker
        self._places = places
        self._handed: dict[str, _Handed] = {}
        self._working = False
        # By channel, when messages are due that were told of, soonest first. Everything but what waits for a page.
        self._due: dict[str, list[int]] = {
            channel: [] for channel in sorted(OUTBOUND_CHANNELS | _ENGINES_OWN | set(channels))
        }
        self._orphans_at_us = 0
        # Called, from whatever thread, when a round has something to do before its turn.
        self.wake: Callable[[], object] = lambda: None

    def expect(self, messages: Iterable[Message]) -> None:
        """These messages wait in the outbox: a round is due when one of them is."""
        for message in messages:
            if message.state == "pending" and message.channel in self._due:
                heapq.heappush(self._due[message.channel], message.due_at_us)

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
        """Claim what is due, and hand it over. Claiming is a write: where nothing can be due, nothing is asked."""
        now_us = self._clock.now_us()
        due = [channel for channel in self._due if self._is_due(channel, now_us)]
        done = 0
        for channel in due:
            if channel == EVENT:
                claimed = yield from self._claim(channel, EVENTS_A_ROUND)
                if claimed:
                    kept = yield from self._emitting.log(claimed)
                    yield from self._put(*kept)
            else:
                share = max(1, CLAIMED_A_ROUND // len(due))
                claimed = yield from self._claim(channel, min(self._free(channel), share))
                yield from self._send(claimed)
            done += len(claimed)
        # More may be due, and somebody is free to take it: the others' turn is first, but it need not wait longer.
        if any(self._is_due(each, now_us) and self._free(each) for each in due):
            self.wake()
        return done

    def _is_due(self, channel: str, now_us: int) -> bool:
        times = self._due[channel]
        return bool(times) and times[0] <= now_us

    def _free(self, channel: str) -> int:
        """How many letters its workers could begin with now; what needs no worker is limited by the round alone."""
        if channel not in self._channels:
            return CLAIMED_A_ROUND
        busy = sum(handed.message.channel == channel for handed in self._handed.values())
        return max(self._settings.workers - busy, 0)

    def _claim(self, channel: str, most: int) -> Flow[list[Message]]:
        """At most so many messages of a channel that are due."""
        now_us, times = self._clock.now_us(), self._due[channel]
        if most <= 0:
            return []
        # Before it is asked: of what comes in meanwhile, nobody knows whether it is among the answer.
        while times and times[0] <= now_us:
            heapq.heappop(times)
        all_taken = False
        try:
            until_us = now_us + int(self._settings.lease_s * MICROSECONDS)
            claimed: list[Message] = yield self._store.claim_messages(
                self._worker, now_us, until_us, most, (channel,)
            )
            all_taken = len(claimed) < most
        finally:
            if not all_taken:
                heapq.heappush(times, now_us)
        return claimed

    def _send(self, claimed: Iterable[Message]) -> Flow[None]:
        ready: list[tuple[Message, Letter, int]] = []
        kept = []
        for message in claimed:
            made: Letter | Message
            try:
                made = self._prepared(message)
            except Exception as error:
                made = after_fault(message, error, self._clock.now_us(), self._settings)
            if isinstance(made, Letter):
                ready.append((message, made, self._seen(message)))
            else:
                kept.append(made)
        yield from self._hand_over(ready)
        yield from self._put(*kept)

    # -- before the hand-over ------------------------------------------------------------------------------

    def _prepared(self, message: Message) -> Letter | Message:
        """The letter; the message as it is to be kept where it is settled, or put off, instead."""
        now_us = self._clock.now_us()
        last_us = message.expires_at_us
        if not message.attempts:
            last_us = max(last_us, message.created_at_us + GRACE_US)
        if message.expires_at_us and now_us > last_us:
            return _held(message, "its time was over before it could be sent")
        if message.channel not in self._channels:
            reason = f"no channel {message.channel} is configured (settings: delivery)"
            return _held(message, reason)
        person = self._directory.resolve(message.individual_id)
        stopped = self._hindered(message, person, now_us)
        if stopped is not None:
            return stopped
        try:
            letter = self._letters.letter(message, person)
            # Before another of this person's is asked whether it may go.
            self._places.take(message)
            return letter
        except Unreachable as error:
            return _held(message, str(error))
        except RenderFailed as error:
            return replace(message, state="dead", reason=str(error))

    def _hindered(self, message: Message, person: str, now_us: int) -> Message | None:
        """The message held or put off, where the contact policy stands against it now; None where nothing does."""
        if message.channel in _ENGINES_OWN:
            return None
        record = self._store.decision(message.decision_id) if message.decision_id else None
        if record is None:
            return _held(message, "no decision stands behind it")
        held = self._hindrances.of(message, record, person)
        if held is None:
            return None
        reason = f"{held.filter}: {held.reason}" if held.filter else held.reason
        again_us = held.again_us
        if again_us is not None and now_us < again_us <= message.expires_at_us:
            return replace(message, state="pending", due_at_us=again_us, reason=reason)
        return _held(message, reason)

    # -- the hand-over -------------------------------------------------------------------------------------

    def _hand_over(self, ready: list[tuple[Message, Letter, int]]) -> Flow[None]:
        """Mark what cannot be sent twice, durably and together; then hand all to the workers."""
        if not ready:
            return
        marked = [
            replace(
                message,
                state=message.state if self._channels[message.channel].deduplicates else "sending",
                address=shown_address(message.channel, letter.address),
                attempts=message.attempts + 1,
                reason="",
            )
            for message, letter, _ in ready
        ]
        committed: Committed = yield self._store.commit(Commit(settled=marked))
        stopped = []
        for message, (_, letter, seen), ours in zip(marked, ready, committed.settled, strict=True):
            if not ours:
                continue
            if seen != self._seen(message):
                # Something came of this person while it was marked: a last look, so that an unsubscription counts.
                person = self._directory.resolve(message.individual_id)
                if (held := self._hindered(message, person, self._clock.now_us())) is not None:
                    stopped.append(held)
                    continue
            channel = self._channels[message.channel]
            answer = self._senders[message.channel].submit(channel.send, letter)
            self._handed[message.message_id] = _Handed(message, answer)
            answer.add_done_callback(lambda _: self.wake())
        yield from self._put(*stopped)

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
        for browser, reason in receipt.gone.items():
            yield from self._reports.gone(message, reason, browser)
        if receipt.outcome == "gone" and not receipt.gone:
            yield from self._reports.gone(message, receipt.reason)
        left = after(message, receipt, self._clock.now_us(), self._settings)
        if left.state == "pending" and 0 < left.expires_at_us < left.due_at_us:
            reason = f"its time is over before it could be tried again: {left.reason}"
            over: MessageState = "unknown" if receipt.outcome == "unknown" else "held"
            left = replace(left, state=over, due_at_us=message.due_at_us, reason=reason)
        yield from self._put(left)

    def _put(self, *messages: Message) -> Flow[None]:
        """Write messages as they stand now; what another worker has stays as it is."""
        if not messages:
            return
        committed: Committed = yield self._store.commit(Commit(settled=list(messages)))
        for message, ours in zip(messages, committed.settled, strict=True):
            if ours and message.state == "pending":
                self.expect([message])
            elif ours and message.state not in OPEN:
                self._places.free(message)

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
                over = message.claimed_until_us <= now_us or message.claimed_by == self._worker
                if over and message.message_id not in self._handed:
                    yield message
            last = page[-1].message_id


def _held(message: Message, reason: str) -> Message:
    return replace(message, state="held", reason=reason)


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
