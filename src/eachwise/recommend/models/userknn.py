"""What the people buy who buy as this person does: neighbours by their personal frequencies, as in TIFU-KNN.

Hu, He, Gao & Zhang, "Modeling Personalized Item Frequency Information for Next-basket Recommendation" (SIGIR 2020): a
person is the vector of how often each item was bought, faded by time; the mean vector of the nearest people says what
comes next, what was bought before included. Fading is exponential here and by date, not by groups of baskets. A vector
is made of one person alone, so shards' people are put together; only how many are kept is decided at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.individual import BOUGHT_MAX
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.maths.best import best
from eachwise.recommend.histories import purchases_of
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import owners
from eachwise.recommend.tables import FLOOR, log_evidence

# Of 100 and 300 the same was measured (docs/discussions/measured.md).
NEIGHBOURS: Final = 100
# A purchase counts half after so long; of 45 and 120 days the same was measured.
HALF_LIFE_S: Final = 120 * 86_400.0
# People kept, those who bought last; and of each item, those who are asked.
PEOPLE_MAX: Final = 20_000
ASKED_MAX: Final = 2_500
_REACH = 200


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """Each person's vector of unit length, and each item's people, those who bought last first.

    v_i = Σ 2^(−age / 120 d) over the newest 128 purchases, age being that to the person's last one.
    """
    places = _newest(data)
    if len(np.unique(data.rows[places])) < 2:
        raise DoesNotApply("the engagements do not say of two items that they were bought")
    count = len(data.item_ids)
    person, rows, at_s = owners(data)[places], data.rows[places], data.at_s[places]
    last = np.full(data.people, -np.inf)
    np.maximum.at(last, person, at_s)
    # Numbered from who bought last, those who never did at the end; of equals the first in the data.
    number_of = np.empty(data.people, dtype=np.int64)
    number_of[np.argsort(-last, kind="stable")] = np.arange(data.people)
    kept = number_of[person] < PEOPLE_MAX
    keys = number_of[person][kept] * count + rows[kept]
    keys, where = np.unique(keys, return_inverse=True)
    # To the last one and not to now: of unit length both come to the same, and nothing fades to nothing.
    ages = last[person][kept] - at_s[kept]
    masses = np.bincount(where, weights=np.exp2(-ages / HALF_LIFE_S))
    number, items = keys // count, keys % count
    length = np.sqrt(np.bincount(number, weights=masses**2))
    values = (masses / length[number]).astype(np.float32)
    order = np.lexsort((number, items))
    met = np.bincount(items, minlength=count)
    asked = order[np.arange(len(order)) - np.repeat(np.cumsum(met) - met, met) < ASKED_MAX]
    return {
        "people.indptr": np.concatenate([[0], np.cumsum(np.bincount(number))]),
        "people.items": items.astype(np.int32),
        "people.values": values,
        "items.indptr": np.concatenate([[0], np.cumsum(np.minimum(met, ASKED_MAX))]),
        "items.people": number[asked].astype(np.int32),
        "items.values": values[asked],
    }


def _newest(data: Interactions) -> Ints:
    """Where each person's newest purchases are, as many as a state keeps."""
    counts = data.bought & (data.weights > 0)
    places = np.flatnonzero(counts)
    each = np.bincount(owners(data)[places], minlength=data.people)
    from_end = np.repeat(np.cumsum(each), each) - np.arange(len(places))
    return places[from_end <= BOUGHT_MAX]


@dataclass(frozen=True, slots=True)
class _Near:
    """The nearest people (K,) and how near: the cosine of the two vectors."""

    people: Ints
    likeness: Floats


def _own(history: History) -> tuple[Ints, Floats]:
    """The person's own vector: items (I,) and values of unit length."""
    found = purchases_of(history)
    rows, where = np.unique(found.rows, return_inverse=True)
    ages = found.ages_s - found.ages_s.min(initial=np.inf)
    masses = np.bincount(where, weights=np.exp2(-ages / HALF_LIFE_S), minlength=len(rows))
    return rows, masses / max(float(np.sqrt((masses**2).sum())), 1e-12)


def _near(parts: Parts, history: History) -> _Near | None:
    rows, values = _own(history)
    if not len(rows):
        return None
    starts, ends = parts["items.indptr"][rows], parts["items.indptr"][rows + 1]
    entries = _spans(starts, ends - starts)
    shared = parts["items.values"][entries] * np.repeat(values, ends - starts)
    likeness: Floats = np.bincount(
        parts["items.people"][entries], shared, len(parts["people.indptr"]) - 1
    ).astype(np.float64)
    people = best(likeness, NEIGHBOURS)
    people = people[likeness[people] > 0.0]
    return _Near(people, likeness[people]) if len(people) else None


def _spans(starts: Ints, lengths: Ints) -> Ints:
    """The integers of the ranges [start, start + length), one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _held(parts: Parts, near: _Near) -> tuple[NDArray[np.int32], Floats]:
    """What the neighbours bought: items and likeness-weighted values, one entry for each of theirs; they sum to S."""
    starts = parts["people.indptr"][near.people]
    lengths = parts["people.indptr"][near.people + 1] - starts
    entries = _spans(starts, lengths)
    shares = np.repeat(near.likeness / near.likeness.sum(), lengths)
    return parts["people.items"][entries], parts["people.values"][entries] * shares


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """log(1 + S/1e-3), S the mean of the neighbours' vectors, weighted by their likeness; (1, C)."""
    near = _near(parts, history)
    if near is None:
        return np.zeros((1, frame.size))
    return log_evidence(frame.add_up(*_held(parts, near)), FLOOR)[None, :]


def reach(parts: Parts, history: History) -> Ints:
    """What the neighbours buy most."""
    near = _near(parts, history)
    if near is None:
        return np.zeros(0, dtype=np.int64)
    items, values = _held(parts, near)
    rows, where = np.unique(items, return_inverse=True)
    sums: Floats = np.bincount(where, values).astype(np.float64)
    return rows[best(sums, _REACH)].astype(np.int64)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item bought that makes the neighbours with this one neighbours; another one than the row."""
    near = _near(parts, history)
    if near is None:
        return None
    start, end = parts["items.indptr"][row : row + 2].tolist()
    holders = np.intersect1d(parts["items.people"][start:end], near.people)
    rows, values = _own(history)
    pulls = np.zeros(len(rows))
    for place, (own, value) in enumerate(zip(rows.tolist(), values.tolist(), strict=True)):
        span = slice(*parts["items.indptr"][own : own + 2].tolist())
        shared = np.isin(parts["items.people"][span], holders)
        if own != row:
            pulls[place] = value * float(parts["items.values"][span][shared].sum())
    return int(rows[int(pulls.argmax())]) if len(pulls) and pulls.max() > 0.0 else None


MODEL: Final = Model(
    name="userknn",
    features=("userknn.near",),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
