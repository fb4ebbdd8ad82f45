"""The outbox's rules that every store keeps: which messages a worker may claim, and what may be made of one."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from eachwise.contracts.delivery import OPEN, Message, MessageState

# Over, but an operator may have them sent after all, or taken out.
STOPPED: Final[frozenset[MessageState]] = frozenset({"held", "dead", "discarded"})
SETTLED: Final[tuple[MessageState, ...]] = ("sent", "picked", "held", "dead", "discarded")


def is_claimable(message: Message, now_us: int) -> bool:
    """Whether a worker may have it: pending and due, or claimed by one whose time is over."""
    if message.state == "claimed":
        return message.due_at_us <= now_us and message.claimed_until_us <= now_us
    return message.state == "pending" and message.due_at_us <= now_us


def claimed(message: Message, worker: str, until_us: int) -> Message:
    """The message in a worker's hands."""
    return replace(message, state="claimed", claimed_by=worker, claimed_until_us=until_us)


def may_settle(stored: Message, wanted: Message) -> bool:
    """Whether what is stored may become what is wanted: see ``Commit.settled``."""
    if stored.claimed_by != wanted.claimed_by:
        return False
    if stored.state in OPEN:
        return True
    return stored.state in STOPPED and wanted.state in {"pending", "discarded"}


def after_settling(wanted: Message) -> Message:
    """How it is kept: one that waits again is in nobody's hands."""
    if wanted.state != "pending":
        return wanted
    return replace(wanted, claimed_by="", claimed_until_us=0)
