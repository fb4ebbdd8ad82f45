"""Which items may be shown to this person now, and which of them fill the chosen experience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Bools, Floats, Ints
from eachwise.contracts.decision import ShownItem
from eachwise.decide.layout import Layout
from eachwise.decide.situation import Situation

# An aversion is believed only with at least this item mass behind the affinities.
CONFLICT_EVIDENCE_MIN = 10.0
_UPPER_95 = 1.96
HIDDEN_ITEM = "item:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the person's aversions and hides leave of the catalogue.

    conflicts: ``name=value`` → why it runs against the person, in words
    allowed:   (N,) showable, in no conflict, not hidden
    best:      (K,) the best score among each experience's allowed items; −inf where there is none
    """

    conflicts: dict[str, str]
    allowed: Bools
    best: Floats


def screen(situation: Situation) -> Screen:
    """Apply conflicts and hides to the catalogue."""
    layout = situation.plan.layout
    columns = conflicting(situation.affinity, situation.settings.conflict_upper_bound)
    conflicts = {
        layout.catalog.values[column]: _why(situation, column) for column in columns.tolist()
    }
    for value, sign in situation.declared.items():
        if sign < 0:
            conflicts.setdefault(value, "the person declared against it")
    allowed = situation.showable.copy()
    for value in conflicts:
        column = layout.catalog.value_of.get(value)
        if column is not None:
            start = layout.value_start
            allowed[layout.value_rows[start[column] : start[column + 1]]] = False
    _hide(allowed, situation.hidden, layout)
    return Screen(conflicts=conflicts, allowed=allowed, best=_best(situation, allowed))


def conflicting(affinity: AffinityVectors, upper_bound: float) -> Ints:
    """Columns of the values that run against the person: declared against, or a firm aversion.

    Firm: general + 1.96·sd < ``upper_bound`` (log-odds) with an evidence of at least 10 items.
    """
    firm = affinity.general + _UPPER_95 * affinity.general_sd < upper_bound
    firm &= affinity.evidence >= CONFLICT_EVIDENCE_MIN
    firm |= affinity.declared < 0
    return firm.nonzero()[0]


def shown_items(situation: Situation, allowed: Bools, row: int) -> list[ShownItem]:
    """The best ``count`` allowed items of experience ``row``, best first; ties in id order. Empty without a query."""
    layout = situation.plan.layout
    experience = layout.experiences[row]
    if experience.items is None:
        return []
    count = situation.count
    if count is None:
        count = min(layout.placement.count, experience.items.count)
    rows = layout.item_rows[layout.item_start[row] : layout.item_start[row + 1]]
    rows = rows[allowed[rows]]
    if not experience.items.repeats:
        rows = rows[
            [layout.catalog.item_ids[each] not in situation.viewed for each in rows.tolist()]
        ]
    best = top(situation.scores[rows], count)
    return [
        _shown(layout, each, position, float(situation.scores[each]))
        for position, each in enumerate(rows[best].tolist())
    ]


def top(scores: Floats, count: int) -> Ints:
    """Positions of the ``count`` highest scores, highest first; among equals the lower position."""
    if count <= 0 or not len(scores):
        return np.zeros(0, dtype=np.int64)
    if count < len(scores):
        threshold = -np.partition(-scores, count - 1)[count - 1]
        above = np.flatnonzero(scores > threshold)
        equal = np.flatnonzero(scores == threshold)[: count - len(above)]
        kept = np.sort(np.concatenate([above, equal]))
    else:
        kept = np.arange(len(scores))
    return kept[np.argsort(-scores[kept], kind="stable")].astype(np.int64)


def _hide(allowed: Bools, hidden: Mapping[str, int], layout: Layout) -> None:
    """Take hidden items out, in place."""
    for name in hidden:
        if name.startswith(HIDDEN_ITEM):
            row = layout.catalog.row_of.get(name[len(HIDDEN_ITEM) :])
            if row is not None:
                allowed[row] = False


def _best(situation: Situation, allowed: Bools) -> Floats:
    """(K,): the best score among the items that each experience's query may still show."""
    layout = situation.plan.layout
    best = np.full(len(layout.experiences), -np.inf)
    if not len(layout.filled):
        return best
    scores = np.where(allowed, situation.scores, -np.inf)[layout.item_rows]
    if situation.viewed and layout.unseen_only.any():
        row_of = layout.catalog.row_of
        seen = np.zeros(len(allowed), dtype=bool)
        seen[[row_of[each] for each in situation.viewed if each in row_of]] = True
        scores[layout.unseen_only & seen[layout.item_rows]] = -np.inf
    best[layout.filled] = np.maximum.reduceat(scores, layout.filled_start)
    return best


def _why(situation: Situation, column: int) -> str:
    """Why a value of the catalogue is in conflict, in words."""
    affinity = situation.affinity
    if affinity.declared[column] < 0:
        return "the person declared against it"
    upper = affinity.general[column] + _UPPER_95 * affinity.general_sd[column]
    bound = situation.settings.conflict_upper_bound
    return f"the person firmly avoids it (log-odds at most {upper:.2f}, limit {bound:.2f})"


def _shown(layout: Layout, row: int, position: int, score: float) -> ShownItem:
    """A slot filled from the catalogue's item."""
    item = layout.catalog.items[row]
    return ShownItem(
        item_id=item.item_id,
        position=position,
        score=score,
        title=item.title,
        url=item.url,
        image_url=item.image_url,
        price=item.price,
        currency=item.currency,
        attributes=item.attributes,
    )
