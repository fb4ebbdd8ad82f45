"""What a person had and will hardly take again: the freezer, and not the coffee."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex
from eachwise.contracts.taste import TrainedModel
from eachwise.maths.decay import MICROSECONDS
from eachwise.recommend.histories import SESSION_GAP_S
from eachwise.recommend.models.repeats import MODEL as REPEATS
from eachwise.recommend.models.repeats import repeat_rates
from eachwise.recommend.views import PURCHASE, PersonTaste

# Items to which fewer of those who had them come back are hardly ever taken again.
RATE_MIN = 0.05


def spent(person: PersonTaste, trained: TrainedModel | None, catalog: CatalogIndex) -> Bools | None:
    """The items (N,) that ``repeats: learnt`` leaves out for a person; None where it leaves out none.

    Where coming back was learnt for each item: what the person had (bought, where the data say what was; else engaged
    with in an earlier visit) and fewer than one in twenty come back to. Where training found that nobody comes back to
    anything (films): all that the person engaged with. Without training nothing is known, and nothing left out.
    """
    if trained is None or not (person.recents or person.bought):
        return None
    parts = trained.parts.get(REPEATS.name)
    if parts is None:
        if trained.report.get("repeats") is not False:
            return None
        had = [recent.item_id for recent in person.recents]
        return mask_of(catalog, had)
    *_, only_bought = parts["whole"].tolist()
    if only_bought:
        had = [recent.item_id for recent in person.recents if recent.action == PURCHASE]
        had += [one.item_id for one in person.bought]
    else:
        had = _earlier(person)
    rates = repeat_rates(parts)
    known = [(item_id, trained.row_of[item_id]) for item_id in had if item_id in trained.row_of]
    return mask_of(catalog, [item_id for item_id, row in known if rates[row] < RATE_MIN])


def _earlier(person: PersonTaste) -> list[str]:
    """What the person engaged with before the visit that goes on."""
    since_us = person.now_us
    gap_us = int(SESSION_GAP_S * MICROSECONDS)
    for place, recent in enumerate(person.recents):
        if since_us - recent.occurred_at_us > gap_us:
            return [one.item_id for one in person.recents[place:]]
        since_us = recent.occurred_at_us
    return []


def mask_of(catalog: CatalogIndex, item_ids: Iterable[str]) -> Bools:
    """Which of the catalogue's items are named; (N,)."""
    found = np.zeros(len(catalog.item_ids), dtype=bool)
    rows = [row for each in item_ids if (row := catalog.row_of.get(each)) is not None]
    found[rows] = True
    return found
