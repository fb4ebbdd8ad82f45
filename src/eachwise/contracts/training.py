"""What training reads of a project and gives back: pages of engagements, who sent them, model versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

# Events that a page looks at, and senders that are asked for at a time, at most.
PAGE_EVENTS_MAX = 20_000
SENDERS_MAX = 5_000


class Sender(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The typed identifiers under which an event was sent; "" where it carried none, or one that names nobody."""

    user: str = ""
    anonymous: str = ""
    device: str = ""


class InteractionPage(msgspec.Struct, frozen=True, kw_only=True):
    """The engagements among the log's events after one sequence, in the log's order. E rows, as columns of bytes.

    An event of several items is several rows. Who a sender is, is asked for when training begins, so that people who
    turn out to be one later are one then.

    sequence: the last event that the page has seen; the next page begins after it
    newest:   the last event of the log, for progress
    rules:    digest of the settings by which events were read: under others everything must be read anew
    senders:  distinct senders of this page; items: distinct item ids; actions: names of actions
    sender:   (E,) little-endian uint32, place in ``senders``; item: the same in ``items``
    action:   (E,) uint8, place in ``actions``
    at_us:    (E,) int64, when
    weights:  action → what it is worth by the settings in force now, below 0 where it speaks against an item
    """

    sequence: int
    newest: int
    rules: str
    senders: list[Sender]
    items: list[str]
    actions: list[str]
    sender: bytes
    item: bytes
    action: bytes
    at_us: bytes
    weights: dict[str, float]


class Tenure(msgspec.Struct, frozen=True, array_like=True):
    """From when on the events of a sender are whose. The first person's tenure begins with time."""

    from_us: int
    person: str


class OwnersRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /v1/interactions/owners``: whose are the events of these senders?"""

    senders: list[Sender]


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model as an operator sees it. ``summary`` and ``report`` are empty where none was kept."""

    name: str
    version: int
    created: str
    size_bytes: int
    in_use: bool
    summary: list[str] = []
    report: dict[str, Any] = {}


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """How far a model that comes in parts has been taken; ``version`` is its own once it is published, else 0."""

    digest: str
    received: int
    total: int
    version: int = 0


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/models/{name}/rollback``: publish version ``to`` once more, as the newest. 0: nothing trained."""

    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """All engagements read so far: the pages put together, with one list of each name.

    rows: (E,) of ``ROW``; ``sender``, ``item`` and ``action`` are places in the lists
    weights: as in the page read last
    """

    senders: list[Sender]
    items: list[str]
    actions: list[str]
    rows: NDArray[np.void]
    weights: dict[str, float]


# One engagement of an extract: 17 bytes.
ROW = np.dtype([("sender", "<u4"), ("item", "<u4"), ("action", "u1"), ("at_us", "<i8")])
