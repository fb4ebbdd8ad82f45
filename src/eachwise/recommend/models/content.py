"""Items that are about the same as what this person engaged with: attributes, and the words of titles.

It is read of the catalogue and of nobody's behaviour, so a new item scores from its first minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.catalog import Item
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.maths.text import stem, words
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model

# docs/discussions/measured.md: W9, and the newest item alone.
_TAILS = ((50, 0.9), (1, 1.0))
# A word of a title beside a value of an attribute, which someone chose to state.
WORD_WEIGHT = 0.5
# The most frequent words are kept; one that a single item has likens it to nothing.
WORDS_MAX, _WORD_ITEMS_MIN = 50_000, 2


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """Each item's unit vector over values and words, weighed by log(N / items that have it)."""
    catalog = fitting.catalog
    rows = np.array([catalog.row_of.get(item_id, -1) for item_id in data.item_ids], dtype=np.int64)
    found = _vectors(catalog, rows)
    if not len(found["indices"]):
        raise DoesNotApply("no two items share an attribute or a word of their titles")
    return found


def renew(parts: Parts, live: TasteModel, catalog: CatalogIndex) -> Parts:
    """The catalogue's own items."""
    return _vectors(catalog, np.arange(len(catalog.item_ids)))


def _vectors(catalog: CatalogIndex, rows: Ints) -> Parts:
    """CSR of item → term, unit rows, over these rows of the catalogue (−1: an item that it lacks)."""
    known = np.maximum(rows, 0)
    starts, ends = catalog.indptr[known], catalog.indptr[known + 1]
    lengths = np.where(rows >= 0, ends - starts, 0)
    owner = np.repeat(np.arange(len(rows)), lengths)
    first = np.cumsum(lengths) - lengths
    columns = catalog.indices[np.repeat(starts - first, lengths) + np.arange(lengths.sum())]
    spoken, said = _words([catalog.items[row] if row >= 0 else None for row in rows.tolist()])
    values = len(catalog.values)
    owner = np.concatenate([owner, spoken])
    columns = np.concatenate([columns, values + said])
    terms = values + int(said.max(initial=-1)) + 1
    frequency = np.bincount(columns, minlength=terms)
    rarity = np.log(max(len(rows), 1) / np.maximum(frequency, 1))
    rarity[values:] *= WORD_WEIGHT
    order = np.argsort(owner, kind="stable")
    owner, columns = owner[order], columns[order]
    weights = rarity[columns]
    lengths = np.sqrt(np.bincount(owner, weights=weights**2, minlength=len(rows)))
    weights /= np.where(lengths > 0, lengths, 1.0)[owner]
    indptr = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(rows)), out=indptr[1:])
    return {
        "indptr": indptr,
        "indices": columns.astype(np.int32),
        "values": weights.astype(np.float32),
        "owner": owner.astype(np.int32),
        "terms": np.array(terms),
    }


def _words(items: Sequence[Item | None]) -> tuple[Ints, Ints]:
    """Which item's title has which word, as pairs of places; distinct words of an item, numbered from 0."""
    code: dict[str, int] = {}
    owner: list[int] = []
    said: list[int] = []
    for place, item in enumerate(items):
        if item is not None and item.title:
            found = _stems(item.title)
            owner += [place] * len(found)
            said += [code.setdefault(word, len(code)) for word in found]
    owners, codes = np.array(owner, dtype=np.int64), np.array(said, dtype=np.int64)
    frequency = np.bincount(codes, minlength=len(code))
    shared = np.flatnonzero(frequency >= _WORD_ITEMS_MIN)
    kept = shared[np.argsort(-frequency[shared], kind="stable")[:WORDS_MAX]]
    number = np.full(len(code), -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    codes = number[codes]
    return owners[codes >= 0], codes[codes >= 0]


@lru_cache(maxsize=1 << 17)
def _stems(title: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stem(word) for word in words(title)))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Σ_k w_k γ^(k−1) cos(x_k, ·) over each tail; (2, C)."""
    out = np.zeros((len(_TAILS), frame.size))
    if not len(history.rows):
        return out
    owner, columns, values = _entries(parts, frame)
    for line, (tail, decay) in enumerate(_TAILS):
        taste = _taste(parts, history, tail, decay)
        if taste.any():
            out[line] = np.bincount(owner, weights=values * taste[columns], minlength=frame.size)
    return out


def _entries(parts: Parts, frame: Frame) -> tuple[Ints, Ints, Floats]:
    """The terms of the frame's items: the item's place, the term, its weight."""
    if frame.rows is None:
        return parts["owner"], parts["indices"], parts["values"]
    starts = parts["indptr"][frame.rows]
    lengths = parts["indptr"][frame.rows + 1] - starts
    first = np.cumsum(lengths) - lengths
    reached = np.repeat(starts - first, lengths) + np.arange(lengths.sum())
    owner = np.repeat(np.arange(frame.size), lengths)
    return owner, parts["indices"][reached], parts["values"][reached]


def _taste(parts: Parts, history: History, tail: int, decay: float) -> Floats:
    """Σ_k w_k γ^(k−1) · the vector of x_k; (terms,)."""
    rows = history.rows[:tail]
    spans = [
        slice(start, end)
        for start, end in zip(
            parts["indptr"][rows].tolist(), parts["indptr"][rows + 1].tolist(), strict=True
        )
    ]
    lengths = [span.stop - span.start for span in spans]
    factors = np.repeat(history.weights[:tail] * decay ** np.arange(len(rows)), lengths)
    columns = np.concatenate([parts["indices"][span] for span in spans])
    values = np.concatenate([parts["values"][span] for span in spans])
    found = np.bincount(columns, weights=values * factors, minlength=int(parts["terms"]))
    return np.asarray(found, dtype=np.float64)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the history that is most like this one."""
    own = np.zeros(int(parts["terms"]))
    span = slice(parts["indptr"][row], parts["indptr"][row + 1])
    own[parts["indices"][span]] = parts["values"][span]
    best, found = 0.0, None
    for place, origin in enumerate(history.rows.tolist()):
        span = slice(parts["indptr"][origin], parts["indptr"][origin + 1])
        likeness = float(own[parts["indices"][span]] @ parts["values"][span])
        pull = likeness * float(history.weights[place]) * 0.9**place
        if pull > best:
            best, found = pull, origin
    return found


MODEL = Model(
    name="content",
    features=("content.whole", "content.last"),
    fit=fit,
    score=score,
    explain=explain,
    renew=renew,
)
