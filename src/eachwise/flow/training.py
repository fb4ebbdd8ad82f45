"""What training reads: the log's engagements in pages, and whose they are by all that is known when training begins.

Pages carry the identifiers as they were sent. People are worked out at the end, so that two who turn out to be one are
one in the whole history, and what was read once need not be read again.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from concurrent.futures import Executor

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Ints
from eachwise.contracts.events import Action, LoggedEvent
from eachwise.contracts.ports import Store
from eachwise.contracts.taste import Interactions
from eachwise.contracts.training import Extracted, InteractionPage, Sender, Tenure
from eachwise.events import meaning_of
from eachwise.flow.drive import Flow
from eachwise.flow.ingest import Ingest
from eachwise.identity import NOBODY, Directory, Names
from eachwise.individual import ENGAGED
from eachwise.maths.decay import MICROSECONDS
from eachwise.recommend import ACTION_WEIGHTS
from eachwise.settings import Settings

# Engagements, and what speaks against an item.
READ = ENGAGED | {Action.HIDE, Action.REFUND, Action.BOUNCE}
# Others go between slices of so many events, or senders.
SLICE_EVENTS = 200
# Changes when pages are made otherwise, so that extracts of another make are read anew.
_FORMAT = 1


class Extracting:
    """Answers what a training, in this process or another, asks of the log."""

    def __init__(
        self,
        *,
        store: Store,
        settings: Settings,
        directory: Directory,
        ingest: Ingest,
        executor: Executor,
    ) -> None:
        self._store = store
        self._settings = settings
        self._directory = directory
        self._ingest = ingest
        self._executor = executor

    def page(self, after: int, limit: int) -> Flow[InteractionPage]:
        """The engagements among the next ``limit`` events after a sequence, as far as the log is folded."""
        newest = self._ingest.applied_sequence
        found = _Columns()
        while limit > 0 and after < newest:
            wanted = min(limit, SLICE_EVENTS)
            some = yield self._executor.submit(self._store.events_after, after, wanted)
            folded = [entry for entry in some if entry.sequence <= newest]
            for entry in folded:
                self._take(entry, found)
            after = folded[-1].sequence if folded else newest
            limit -= wanted
        return found.page(after, newest, self._rules(), self._weights())

    def _weights(self) -> dict[str, float]:
        weigh = {**ACTION_WEIGHTS, **self._settings.recommend.action_weights}
        return {str(action): weigh.get(action, 1.0) for action in sorted(READ)}

    def _take(self, entry: LoggedEvent, found: _Columns) -> None:
        event = entry.event
        if event.kind != "track":
            return
        meaning = meaning_of(event, self._settings.events)
        if meaning.action not in READ or not meaning.lines:
            return
        names = self._directory.names_of(event)
        if not (names.user or names.anonymous or names.device):
            return
        for line in meaning.lines:
            found.add(names, line.item_id, meaning.action, event.occurred_at_us)

    def _rules(self) -> str:
        """Digest of what decides how events are read, and of which log this is."""
        first = self._store.events_after(0, 1)
        facts = (
            _FORMAT,
            self._settings.events,
            self._settings.identity.blocked_values,
            first[0].event.message_id if first else "",
        )
        return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()

    def owners(self, senders: Sequence[Sender]) -> Flow[list[list[Tenure]]]:
        """Whose the events of each sender are, and from when on; in the order asked."""
        found: list[list[Tenure]] = []
        for start in range(0, len(senders), SLICE_EVENTS):
            for sender in senders[start : start + SLICE_EVENTS]:
                names = Names(sender.user, sender.anonymous, sender.device)
                found.append([Tenure(*each) for each in self._directory.owners(names)])
            # Others go between the slices.
            yield self._executor.submit(int)
        return found


class _Columns:
    """A page on its way: rows as columns, names numbered as they come."""

    def __init__(self) -> None:
        self._senders: dict[tuple[str, str, str], int] = {}
        self._items: dict[str, int] = {}
        self._actions: dict[str, int] = {}
        self._sender, self._item, self._action = array("I"), array("I"), array("B")
        self._at_us = array("q")

    def add(self, names: Names, item_id: str, action: str, at_us: int) -> None:
        """One more row."""
        sender = (names.user, "", "") if names.user else ("", names.anonymous, names.device)
        self._sender.append(self._senders.setdefault(sender, len(self._senders)))
        self._item.append(self._items.setdefault(item_id, len(self._items)))
        self._action.append(self._actions.setdefault(str(action), len(self._actions)))
        self._at_us.append(at_us)

    def page(
        self, sequence: int, newest: int, rules: str, weights: dict[str, float]
    ) -> InteractionPage:
        """All rows so far."""
        return InteractionPage(
            sequence=sequence,
            newest=newest,
            rules=rules,
            senders=[Sender(*each) for each in self._senders],
            items=list(self._items),
            actions=list(self._actions),
            sender=_bytes(self._sender, "<u4"),
            item=_bytes(self._item, "<u4"),
            action=self._action.tobytes(),
            at_us=_bytes(self._at_us, "<i8"),
            weights=weights,
        )


def _bytes(column: array[int], kind: str) -> bytes:
    return np.array(column, dtype=kind).tobytes()


def interactions_of(
    extracted: Extracted,
    tenures: Sequence[Sequence[Tenure]],
    listed: Sequence[str] = (),
) -> Interactions:
    """Everyone's engagements, by person and time; whose each is comes from its sender's ``tenures``.

    What weighs 0 is left out. ``listed`` are items that get a row without engagements. Of one moment, what was logged
    first comes first.
    """
    rows = extracted.rows
    weigh = [extracted.weights.get(action, 1.0) for action in extracted.actions]
    worth = np.array([*weigh, 0.0], dtype=np.float32)[rows["action"]]
    person = _people(extracted, tenures)
    kept = np.flatnonzero((worth != 0.0) & (person >= 0))
    person, worth = person[kept], worth[kept]
    at_us = rows["at_us"][kept]
    order = np.argsort(at_us, kind="stable")
    order = order[np.argsort(person[order], kind="stable")]
    _, codes = np.unique(person, return_inverse=True)
    counts = np.bincount(codes)
    indptr = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    taken = kept[order]
    item_ids, row_of_item = _item_rows(extracted, taken, listed)
    buys = [action == Action.PURCHASE for action in extracted.actions]
    return Interactions(
        item_ids=item_ids,
        indptr=indptr,
        rows=row_of_item[rows["item"][taken]],
        at_s=at_us[order] / MICROSECONDS,
        weights=worth[order],
        bought=np.array([*buys, False])[rows["action"][taken]],
    )


def _people(extracted: Extracted, tenures: Sequence[Sequence[Tenure]]) -> Ints:
    """The number of the person that each row belongs to, (E,); −1 where it is nobody's."""
    number_of: dict[str, int] = {NOBODY: -1}
    for tenure in tenures:
        for each in tenure:
            number_of.setdefault(each.person, len(number_of) - 1)
    if not tenures:
        return np.zeros(0, dtype=np.int64)
    first = np.array([number_of[tenure[0].person] for tenure in tenures], dtype=np.int64)
    sender = extracted.rows["sender"].astype(np.int64)
    found: Ints = first[sender]
    passed_on = np.array([len(tenure) > 1 for tenure in tenures], dtype=np.bool_)
    # Devices that changed hands: few, so each is looked at by itself.
    moved = np.flatnonzero(passed_on[sender])
    moved = moved[np.argsort(sender[moved], kind="stable")]
    starts = np.flatnonzero(np.diff(sender[moved], prepend=-1))
    for mine in np.split(moved, starts[1:]) if len(moved) else ():
        tenure = tenures[int(sender[mine[0]])]
        since = np.array([each.from_us for each in tenure], dtype=np.int64)
        people = np.array([number_of[each.person] for each in tenure], dtype=np.int64)
        at = np.searchsorted(since, extracted.rows["at_us"][mine], side="right") - 1
        found[mine] = people[at]
    return found


def _item_rows(
    extracted: Extracted, taken: Ints, listed: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The items in order of their ids, and the row of each place in the extract's list (−1: of no row taken)."""
    used = np.unique(extracted.rows["item"][taken])
    item_ids = tuple(sorted({*listed, *(extracted.items[place] for place in used.tolist())}))
    row_of = {item_id: row for row, item_id in enumerate(item_ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in extracted.items], dtype=np.int32)
    return item_ids, rows
