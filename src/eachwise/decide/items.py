"""Which items may be shown to this person now, and which of them fill the chosen experience."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import Item, Repeats
from eachwise.contracts.decision import ShownItem
from eachwise.contracts.recommendation import Slot
from eachwise.decide.layout import ByValue
from eachwise.decide.situation import Fill, Situation
from eachwise.maths.best import best

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
    conflicts = conflicts_of(
        situation.affinity,
        situation.declared,
        layout.catalog.values,
        situation.settings.conflict_upper_bound,
    )
    by_value = ByValue(layout.value_rows, layout.value_start)
    allowed = admitted(situation.showable, conflicts, situation.hidden, layout.catalog, by_value)
    return Screen(conflicts=conflicts, allowed=allowed, best=_best(situation, allowed))


def conflicts_of(
    affinity: AffinityVectors,
    declared: Mapping[str, float],
    values: Sequence[str],
    upper_bound: float,
) -> dict[str, str]:
    """``name=value`` → why it runs against the person, in words. ``values`` are the catalogue's."""
    found = {
        values[column]: _why(affinity, column, upper_bound)
        for column in conflicting(affinity, upper_bound).tolist()
    }
    for value, sign in declared.items():
        if sign < 0:
            found.setdefault(value, "the person declared against it")
    return found


def admitted(
    showable: Bools,
    conflicts: Iterable[str],
    hidden: Iterable[str],
    catalog: CatalogIndex,
    by_value: ByValue,
) -> Bools:
    """What may be shown (N,): ``showable``, without conflicting values and hidden items. Holds on every path."""
    allowed = showable.copy()
    rows, start = by_value
    for value in conflicts:
        column = catalog.value_of.get(value)
        if column is not None:
            allowed[rows[start[column] : start[column + 1]]] = False
    for name in hidden:
        if name.startswith(HIDDEN_ITEM):
            row = catalog.row_of.get(name[len(HIDDEN_ITEM) :])
            if row is not None:
                allowed[row] = False
    return allowed


def conflicting(affinity: AffinityVectors, upper_bound: float) -> Ints:
    """Columns of the values that run against the person; see ``firmly_against``."""
    return firmly_against(affinity, upper_bound).nonzero()[0]


def firmly_against(affinity: AffinityVectors, upper_bound: float) -> Bools:
    """Which values run against the person, in the affinity's own shape: declared against, or a firm aversion.

    Firm: general + 1.96·sd (or ``upper``) < ``upper_bound`` (log-odds) with an evidence of at least 10 items.
    """
    firm = upper_bounds(affinity) < upper_bound
    firm &= affinity.evidence >= CONFLICT_EVIDENCE_MIN
    firm |= affinity.declared < 0
    return np.asarray(firm)


def shown_items(situation: Situation, allowed: Bools, row: int) -> list[ShownItem]:
    """At most ``count`` allowed items of experience ``row``, as the situation fills a list. Empty without a query."""
    layout = situation.plan.layout
    experience = layout.experiences[row]
    if experience.items is None:
        return []
    count = situation.count
    if count is None:
        count = min(layout.placement.count, experience.items.count)
    rows = layout.items_of(row)
    barred = barred_by(experience.items.repeat_rule, situation)
    rows = rows[allowed[rows] if barred is None else allowed[rows] & ~barred[rows]]
    fill = situation.fill or by_score(situation.scores)
    return [
        shown_item(layout.catalog.items[slot.row], position, slot)
        for position, slot in enumerate(fill(rows, count))
    ]


def by_score(scores: Floats) -> Fill:
    """Fill a list with the best, best first; ties in id order."""

    def fill(rows: Ints, count: int) -> list[Slot]:
        chosen = rows[best(scores[rows], count)].tolist()
        return [Slot(row, float(scores[row])) for row in chosen]

    return fill


def barred_by(rule: Repeats, situation: Situation) -> Bools | None:
    """The items (N,) that a rule of repeats leaves out; None where it leaves out none."""
    if rule == "never":
        return situation.engaged
    return situation.spent if rule == "learnt" else None


def _best(situation: Situation, allowed: Bools) -> Floats:
    """(K,): the best score among the items that each experience's query may still show."""
    layout = situation.plan.layout
    # One more at the end, for those without a list.
    found = np.full(len(layout.item_start), -np.inf)
    if not len(layout.filled):
        return found[layout.item_list]
    scores = np.where(allowed, situation.scores, -np.inf)[layout.item_rows]
    for rule, entries in layout.repeat_rules.items():
        barred = barred_by(rule, situation)
        if barred is not None:
            scores[entries & barred[layout.item_rows]] = -np.inf
    found[layout.filled] = np.maximum.reduceat(scores, layout.filled_start)
    return found[layout.item_list]


def upper_bounds(affinity: AffinityVectors) -> Floats:
    """The upper 95 % bound of the general affinity."""
    if affinity.upper is not None:
        return affinity.upper
    return np.asarray(affinity.general + _UPPER_95 * affinity.general_sd)


def _why(affinity: AffinityVectors, column: int, bound: float) -> str:
    """Why a value of the catalogue is in conflict, in words."""
    if affinity.declared[column] < 0:
        return "the person declared against it"
    upper = upper_bounds(affinity)[column]
    return f"the person firmly avoids it (log-odds at most {upper:.2f}, limit {bound:.2f})"


def shown_item(item: Item, position: int, slot: Slot) -> ShownItem:
    """A slot filled from the catalogue's item."""
    return ShownItem(
        item_id=item.item_id,
        position=position,
        score=slot.score,
        probability=slot.probability,
        deterministic=slot.deterministic,
        title=item.title,
        url=item.url,
        image_url=item.image_url,
        price=item.price,
        currency=item.currency,
        attributes=item.attributes,
    )
