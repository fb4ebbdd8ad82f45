"""What a person said about being reached, when, and what follows from it for each channel and purpose."""

from __future__ import annotations

import msgspec


class ConsentCell(msgspec.Struct, frozen=True, kw_only=True):
    """The last word on one thing: a purpose, a channel, one on the other, or an address.

    ``channel`` and ``purpose`` are empty where the word was about all of them; ``channel`` is ``*`` for every outbound
    one. ``address``: the one that takes nothing any more.
    """

    key: str
    given: bool
    at: str
    channel: str = ""
    purpose: str = ""
    address: str = ""


class ConsentVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something for this purpose may go out on this channel now, and why."""

    channel: str
    purpose: str
    allowed: bool
    reason: str


class ConsentWord(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was said: in which event, and what it said of which cells (key → yes or no)."""

    at: str
    event: str
    message_id: str
    said: dict[str, bool]


class ConsentView(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /v1/individuals/{id}/consent`` answers; ``history`` newest first, from the log."""

    individual_id: str
    cells: list[ConsentCell]
    verdicts: list[ConsentVerdict]
    history: list[ConsentWord]
