"""The outbox as operators see it, and what they may do about a message: send it after all, or take it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from eachwise.contracts.delivery import Message, MessageState, MessageView
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.ports import Clock, Commit, Committed, Store
from eachwise.flow.asked import names_of
from eachwise.flow.drive import Flow
from eachwise.flow.letters import shown_address
from eachwise.flow.people import People
from eachwise.identity import Directory
from eachwise.maths.times import iso

_RESENDABLE: frozenset[MessageState] = frozenset({"unknown", "held", "dead", "discarded"})
_DISCARDABLE: frozenset[MessageState] = frozenset({"pending", "unknown", "held", "dead"})
# What an operator has sent after all is wanted for a day: quiet hours may put it off and need not stop it.
_WANTED_US = 86_400_000_000


class Outbox:
    """Reads and changes messages that no worker has in hand."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        people: People,
        directory: Directory,
        posted: Callable[[Sequence[Message]], None],
        taken_out: Callable[[Message], None],
    ) -> None:
        """``posted`` is told of messages that wait again, ``taken_out`` of those that do not any more."""
        self._store = store
        self._clock = clock
        self._people = people
        self._directory = directory
        self._taken_out = taken_out
        self._posted = posted

    def list(
        self,
        state: MessageState | None = None,
        individual_id: str = "",
        after: str = "",
        limit: int = 100,
    ) -> list[MessageView]:
        """Messages by id, after one; of a person the newest first."""
        if individual_id:
            # What was made before two people turned out to be one is kept under the id of then.
            person = self._directory.resolve(individual_id)
            known = self._people.find(person)
            names = names_of(person, known.identifiers if known else (), self._directory)
            every = [each for name in names for each in self._store.messages_of(name, limit)]
            every.sort(key=lambda each: (each.created_at_us, each.message_id), reverse=True)
            found = every[:limit]
            return [view_of(each) for each in found if state is None or each.state == state]
        return [view_of(each) for each in self._store.messages(state, after, limit)]

    def show(self, message_id: str) -> MessageView:
        """One message. Raises ``NotFound``."""
        return view_of(self._message(message_id))

    def resend(self, message_id: str) -> Flow[MessageView]:
        """Have it sent after all, now, or within a day where the contact policy, which is asked once more, puts it off.

        Raises ``NotFound``, ``InvalidInput``.
        """
        message = self._message(message_id)
        _check(message, _RESENDABLE, "sent once more")
        now_us = self._clock.now_us()
        again = replace(
            message,
            state="pending",
            due_at_us=now_us,
            expires_at_us=now_us + _WANTED_US if message.expires_at_us else 0,
            attempts=0,
            reason="",
        )
        return (yield from self._put(again))

    def discard(self, message_id: str) -> Flow[MessageView]:
        """Take it out. Raises ``NotFound``, ``InvalidInput``."""
        message = self._message(message_id)
        _check(message, _DISCARDABLE, "discarded")
        return (yield from self._put(replace(message, state="discarded")))

    def _message(self, message_id: str) -> Message:
        message = self._store.message(message_id)
        if message is None:
            raise NotFound(f"no message {message_id!r} in the outbox")
        return message

    def _put(self, message: Message) -> Flow[MessageView]:
        committed: Committed = yield self._store.commit(Commit(settled=[message]))
        if not committed.settled[0]:
            raise InvalidInput(
                f"id: a worker has {message.message_id!r} in hand; look again", field="id"
            )
        if message.state == "pending":
            self._posted([message])
        else:
            self._taken_out(message)
        return self.show(message.message_id)


def view_of(message: Message) -> MessageView:
    """A message in readable form."""
    return MessageView(
        message_id=message.message_id,
        individual_id=message.individual_id,
        channel=message.channel,
        state=message.state,
        created_at=iso(message.created_at_us),
        due_at=iso(message.due_at_us),
        placement_id=message.placement_id,
        experience_id=message.experience_id,
        decision_id=message.decision_id,
        journey_id=message.journey_id,
        instance_id=message.instance_id,
        step=message.step,
        expires_at=iso(message.expires_at_us) if message.expires_at_us else None,
        sent_at=iso(message.sent_at_us) if message.sent_at_us else None,
        transactional=message.transactional,
        attempts=message.attempts,
        address=shown_address(message.channel, message.address),
        reason=message.reason,
        provider_id=message.provider_id,
    )


def _check(message: Message, allowed: frozenset[MessageState], done: str) -> None:
    if message.state not in allowed:
        words = ", ".join(sorted(allowed))
        raise InvalidInput(
            f"id: {message.message_id!r} is {message.state}; only what is {words} can be {done}",
            field="id",
        )
