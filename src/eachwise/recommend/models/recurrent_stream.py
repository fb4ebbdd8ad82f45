"""Everyone's sequences as batches of equal shape: what the recurrent net reads while it is trained. Numpy only.

People in random order are laid end to end, cut into B rows, and read T columns at a time; a row's memory goes on from
batch to batch and is emptied where a person begins. So nothing is padded, and the net learns with the memory with
which it will serve. T × B engagements a batch, K sampled items, time first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Ints
from eachwise.contracts.taste import Interactions

Rows = NDArray[np.int32]

# An item that stands later than any sequence is long: never met.
NEVER = np.int32(2**31 - 1)


@dataclass(frozen=True, slots=True)
class Sequences:
    """The items that people engaged with, oldest first, of those with two or more.

    rows: (E,) items; indptr: (U + 1,) where each person begins
    """

    rows: Rows
    indptr: Ints

    @classmethod
    def of(cls, data: Interactions) -> Sequences:
        """What speaks for an item, in order."""
        speaks = data.weights > 0.0
        owner = np.repeat(np.arange(data.people), np.diff(data.indptr))[speaks]
        lengths = np.bincount(owner, minlength=data.people)
        kept = lengths >= 2
        rows = data.rows[speaks][kept[owner]].astype(np.int32)
        return cls(rows, np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64))

    @property
    def lengths(self) -> Ints:
        """How many engagements each person has; (U,)."""
        return np.diff(self.indptr)

    def without_last(self, people: Ints) -> Sequences:
        """Without the newest engagement of these people; who keeps fewer than two is left out."""
        kept = np.ones(len(self.rows), dtype=np.bool_)
        kept[self.indptr[people + 1] - 1] = False
        owner = np.repeat(np.arange(len(self.lengths)), self.lengths)
        lengths = np.bincount(owner[kept], minlength=len(self.lengths))
        kept &= (lengths >= 2)[owner]
        return Sequences(self.rows[kept], np.concatenate([[0], np.cumsum(lengths[lengths >= 2])]))

    def repeats_share(self) -> float:
        """The share of engagements with an item that the person had met before."""
        owner = np.repeat(np.arange(len(self.lengths)), self.lengths)
        pairs = owner * (int(self.rows.max()) + 1) + self.rows
        return 1.0 - len(np.unique(pairs)) / max(len(pairs), 1)


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's worth.

    items:     (T, B) what is read
    going_on:  (T, B) float32, 0 where a person begins: the memory is emptied there
    targets:   (T, B) what came next
    counted:   (T, B) float32, 0 where nothing came next
    sampled:   (K,) items to tell the targets apart from, distinct
    first_met: (P, K) int32: when each person of the batch first meets each sampled item; ``NEVER``
    person:    (T, B) int32, a row of ``first_met``
    place:     (T, B) int32, each engagement's place in its person's sequence
    """

    items: Rows
    going_on: NDArray[np.float32]
    targets: Rows
    counted: NDArray[np.float32]
    sampled: Rows
    first_met: Rows
    person: Rows
    place: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a pass is cut.

    count: N; rows: B; columns: T; sampled: K; barred: what a person has met is no wrong answer, so it is told
    """

    count: int
    rows: int
    columns: int
    sampled: int
    barred: bool

    def steps(self, total: int) -> int:
        """How many batches so many engagements make."""
        return -(-total // (self.rows * self.columns))

    def lay(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values one after another → (T · steps, B): each row of the batch is a stretch of them; 0 fills the end."""
        width = self.columns * self.steps(len(values))
        laid = np.zeros(width * self.rows, dtype=values.dtype)
        laid[: len(values)] = values
        return np.ascontiguousarray(laid.reshape(self.rows, width).T)


def batches(data: Sequences, shape: Shape, generator: np.random.Generator) -> Iterator[Batch]:
    """One pass over everyone, in random order."""
    order = generator.permutation(len(data.lengths))
    lengths = data.lengths[order] - 1
    ends = np.cumsum(lengths)
    total = int(ends[-1])
    place = np.arange(total) - np.repeat(ends - lengths, lengths)
    at = np.repeat(data.indptr[order], lengths) + place
    steps = shape.steps(total)
    items = shape.lay(data.rows[at])
    targets = shape.lay(data.rows[at + 1])
    begins = shape.lay(place == 0)
    going_on = 1.0 - begins.astype(np.float32)
    counted = shape.lay(np.ones(total, np.float32))
    places = shape.lay(place.astype(np.int32))
    owners = shape.lay(np.repeat(np.arange(len(order), dtype=np.int32), lengths))
    most = int(begins.reshape(steps, -1).sum(axis=1).max()) + shape.rows
    people_most = 1 << (most - 1).bit_length()  # few shapes, so that few programs are compiled
    for step in range(steps):
        cut = slice(step * shape.columns, (step + 1) * shape.columns)
        sampled = generator.choice(shape.count, shape.sampled, replace=False).astype(np.int32)
        people, person = np.unique(owners[cut], return_inverse=True)
        first_met = np.full((people_most, shape.sampled), NEVER, dtype=np.int32)
        if shape.barred:
            _fill(first_met, data, order[people], sampled, shape.count)
        yield Batch(
            items=items[cut],
            going_on=going_on[cut],
            targets=targets[cut],
            counted=counted[cut],
            sampled=sampled,
            first_met=first_met,
            person=person.reshape(shape.columns, shape.rows).astype(np.int32),
            place=places[cut],
        )


def _fill(first_met: Rows, data: Sequences, people: Ints, sampled: Rows, count: int) -> None:
    """When each of these people first meets each sampled item, in place."""
    column = np.full(count, -1, dtype=np.int32)
    column[sampled] = np.arange(len(sampled), dtype=np.int32)
    lengths = data.lengths[people]
    line = np.repeat(np.arange(len(people)), lengths)
    place = np.arange(len(line)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found = column[data.rows[np.repeat(data.indptr[people], lengths) + place]]
    # Backwards: of several assignments to one cell the last stays, and that is the first meeting.
    met = np.flatnonzero(found >= 0)[::-1]
    first_met[line[met], found[met]] = place[met]
