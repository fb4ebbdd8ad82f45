"""The outbox in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from heapq import merge, nsmallest
from itertools import islice

from eachwise.adapters.memory.guarded import Guarded
from eachwise.adapters.memory.timetable import Timetable
from eachwise.adapters.outbox import after_settling, claimed, is_claimable, may_settle
from eachwise.contracts.delivery import OPEN, Message, MessageState
from eachwise.contracts.ports import Commit


class MemoryOutbox(Guarded):
    """The part of the store that delivery reads, and claims from."""

    def __init__(self) -> None:
        self._messages: dict[str, Message] = {}
        self._messages_by_individual: defaultdict[str, set[str]] = defaultdict(set)
        self._open: set[str] = set()
        # By channel, those that wait or are claimed.
        self._due: defaultdict[str, Timetable] = defaultdict(Timetable)
        super().__init__()

    def _put_messages(self, commit: Commit) -> list[bool]:
        """New messages, then what became of others; which of the latter were taken."""
        for message in commit.messages:
            if message.message_id not in self._messages:
                self._put_message(message)
        taken = []
        for wanted in commit.settled:
            stored = self._messages.get(wanted.message_id)
            taken.append(stored is not None and may_settle(stored, wanted))
            if taken[-1]:
                self._put_message(after_settling(wanted))
        return taken

    def _put_message(self, message: Message) -> None:
        message_id = message.message_id
        self._forget_message(message_id)
        self._messages[message_id] = message
        self._messages_by_individual[message.individual_id].add(message_id)
        if message.state in OPEN:
            self._open.add(message_id)
        if message.state in {"pending", "claimed"}:
            self._due[message.channel].put(message_id, message.due_at_us)

    def _forget_message(self, message_id: str) -> None:
        before = self._messages.pop(message_id, None)
        if before is None:
            return
        mine = self._messages_by_individual[before.individual_id]
        mine.discard(message_id)
        if not mine:
            del self._messages_by_individual[before.individual_id]
        self._open.discard(message_id)
        self._due[before.channel].drop(message_id)

    def _prune_messages(self, before_us: int) -> None:
        """Drop messages made before a time that are no longer open."""
        old = [
            one.message_id
            for one in self._messages.values()
            if one.state not in OPEN and one.created_at_us < before_us
        ]
        for message_id in old:
            self._forget_message(message_id)

    def claim_messages(
        self, worker: str, now_us: int, until_us: int, limit: int, channels: Iterable[str] = ()
    ) -> Future[list[Message]]:
        """Hold due messages for a worker until a time, by (due_at_us, message_id)."""
        future: Future[list[Message]] = Future()
        with self._lock:
            self._refuse_if_closed()
            tables = [self._due[channel] for channel in set(channels) or list(self._due)]
            waiting = merge(
                *((self._messages[one] for one in table.until(now_us)) for table in tables),
                key=lambda one: (one.due_at_us, one.message_id),
            )
            free = (one for one in waiting if is_claimable(one, now_us))
            taken = [claimed(one, worker, until_us) for one in islice(free, max(limit, 0))]
            for message in taken:
                self._put_message(message)
        future.set_result(taken)
        return future

    def message(self, message_id: str) -> Message | None:
        """One message of the outbox, or None."""
        self._refuse_if_closed()
        return self._messages.get(message_id)

    def messages(
        self, state: MessageState | None = None, after: str = "", limit: int = 100
    ) -> list[Message]:
        """Messages by id, after one; of one state where it is named."""
        with self._lock:
            self._refuse_if_closed()
            wanted = (
                one
                for one in self._messages.values()
                if one.message_id > after and (state is None or one.state == state)
            )
            return nsmallest(limit, wanted, key=lambda one: one.message_id)

    def messages_of(self, individual_id: str, limit: int = 100) -> list[Message]:
        """A person's newest messages, newest first (created_at_us, then message id)."""
        with self._lock:
            self._refuse_if_closed()
            mine = [
                self._messages[one] for one in self._messages_by_individual.get(individual_id, ())
            ]
        mine.sort(key=lambda one: (one.created_at_us, one.message_id), reverse=True)
        return mine[:limit]

    def open_messages(self) -> Iterator[Message]:
        """Every message that is neither settled nor given up, by id."""
        with self._lock:
            self._refuse_if_closed()
            return iter([self._messages[one] for one in sorted(self._open)])
