"""Who engaged with items and may be told of them: everyone is looked at once for all of the items together.

Of each stored state only the newest engagements are decoded; whoever met one of the items is looked at in full.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from eachwise.contracts.individual import Individual, Recent
from eachwise.contracts.ports import StoredIndividual
from eachwise.flow.lens import Lens
from eachwise.recommend import PURCHASE, spent

# What counts as having looked at an item, or more.
ENGAGED = frozenset({"view", "click", "add", PURCHASE})
_FIELDS = Individual.__struct_fields__
# No state was ever written without them: a shorter struct skips whatever comes after.
_Slim: Any = msgspec.defstruct(
    "Slim",
    [
        (name, list[Recent] if name == "recents" else msgspec.Raw)
        for name in _FIELDS[: _FIELDS.index("recents") + 1]
    ],
    array_like=True,
    gc=False,
)
_slim = msgspec.msgpack.Decoder(_Slim).decode
_whole = msgspec.msgpack.Decoder(Individual).decode


@dataclass(frozen=True, slots=True)
class Met:
    """A person, and which of the items asked for they engaged with and may be told of."""

    individual_id: str
    item_ids: list[str]


def met(stored: StoredIndividual, item_ids: Set[str], lens: Lens) -> Met | None:
    """What of some items a person engaged with, without what they hid, what runs against them, and what they had.

    ``lens``: any item's; None where nothing is left.
    """
    recents = _slim(stored.state).recents
    found = {
        each.item_id for each in recents if each.item_id in item_ids and each.action in ENGAGED
    }
    if not found:
        return None
    state = _whole(stored.state)
    person = lens.person(state)
    had = spent(person, lens.trained, lens.index)
    left = []
    for item_id in sorted(found):
        row = lens.index.row_of.get(item_id)
        if row is None or f"item:{item_id}" in state.hidden or (had is not None and had[row]):
            continue
        if not replace(lens, only=np.array([row])).conflicts(person):
            left.append(item_id)
    return Met(stored.individual_id, left) if left else None
