"""What the recurrent model remembers of one person, carried along from event to event: a cache, outside every law.

The memory says what the person did up to some recent; what came since is read when it is needed, by a decision as by
the next memory. So a decision is a function of the state alone, and a state without a memory decides as well, from its
recents. The newest recent that the model knows is always left unread: what is wanted next follows from reading it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from eachwise.contracts.individual import Carried, Individual, Recent
from eachwise.contracts.taste import Parts, TrainedModel
from eachwise.recommend.models import recurrent
from eachwise.recommend.views import ACTION_WEIGHTS

# So many recents are read at a time: what an event costs stays a small part of folding it.
UNREAD_MAX = 16
_FLOAT16 = np.dtype("<f2")


def wanted(
    trained: TrainedModel,
    recents: Sequence[Recent],
    carried: Carried | None,
    action_weights: Mapping[str, float],
) -> recurrent.Vector | None:
    """What is likely to come next, (d,), from a memory and the recents after it (oldest first).

    None where there is no memory by this model, or nothing after it: then the model reads the recents.
    """
    parts = trained.parts.get(recurrent.MODEL.name)
    if parts is None or carried is None or carried.version != trained.version:
        return None
    unread = _known(trained, _after(recents, carried), action_weights)
    if not unread:
        return None
    rows = np.array([row for _, row in unread], dtype=np.int64)
    return recurrent.read(parts, _memory(parts, carried), rows)[1]


def carry_on(
    trained: TrainedModel | None,
    state: Individual,
    occurred_at_us: int,
    action_weights: Mapping[str, float],
) -> None:
    """Bring a state's memory up to date, in place, once an engagement of this moment was folded into it.

    Read are ``UNREAD_MAX`` recents at a time. A memory that had read beyond the engagement's moment is wrong and goes;
    one that is missing, or another version's, is made again from the recents, at one engagement in ``UNREAD_MAX``.
    """
    recents: Sequence[Recent] = state.recents
    carried = state.carried
    if carried is not None and occurred_at_us <= carried.occurred_at_us:
        carried = state.carried = None
    if len(recents) < UNREAD_MAX or trained is None:
        return
    parts = trained.parts.get(recurrent.MODEL.name)
    if parts is None:
        return
    if carried is None or carried.version != trained.version:
        # By chance, so that no habit of the person's keeps missing it; by the state, so that it can be repeated.
        if (recents[-1].tie + state.events) % UNREAD_MAX:
            return
        carried = None
        unread = recents
    else:
        oldest = recents[-UNREAD_MAX]
        if (oldest.occurred_at_us, oldest.tie) <= (carried.occurred_at_us, carried.tie):
            return
        unread = _after(recents, carried)
    known = _known(trained, unread, action_weights)[:-1]
    if known:
        memory = _memory(parts, carried) if carried else recurrent.begin(parts)
        memory, _ = recurrent.read(parts, memory, np.array([row for _, row in known]))
        newest = known[-1][0]
        state.carried = Carried(
            trained.version, newest.occurred_at_us, newest.tie, memory.astype(_FLOAT16).tobytes()
        )


def _memory(parts: Parts, carried: Carried) -> recurrent.Vector:
    held = np.frombuffer(carried.state, dtype=_FLOAT16).astype(np.float32)
    return held.reshape(parts["retain"].shape)


def _after(recents: Sequence[Recent], carried: Carried) -> Sequence[Recent]:
    """The recents that a memory has not read, oldest first."""
    read = (carried.occurred_at_us, carried.tie)
    first = len(recents)
    while first and (recents[first - 1].occurred_at_us, recents[first - 1].tie) > read:
        first -= 1
    return recents[first:]


def _known(
    trained: TrainedModel, recents: Sequence[Recent], action_weights: Mapping[str, float]
) -> list[tuple[Recent, int]]:
    """The recents that speak for an item of the model, with its row."""
    weigh = {**ACTION_WEIGHTS, **action_weights}
    row_of = trained.row_of
    return [
        (recent, row_of[recent.item_id])
        for recent in recents
        if recent.item_id in row_of and weigh.get(recent.action, 1.0) > 0.0
    ]
