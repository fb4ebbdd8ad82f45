"""What requests derive once of a catalogue and its models, made before they are put to use: nobody waits for it."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import TasteModel
from eachwise.contracts.taste import TrainedModel
from eachwise.decide import by_value
from eachwise.flow.catalogue import Offers, Shelf
from eachwise.flow.slates import Filler, wishes_of
from eachwise.flow.viewer import Viewer
from eachwise.recommend import rank
from eachwise.settings import Settings

# Any rows will do: a list of one item asks for everything that a list of many does.
ROWS = 20


def warm(
    shelf: Shelf,
    offers: Offers,
    taste: TasteModel,
    trained: TrainedModel | None,
    settings: Settings,
    now_us: int,
) -> None:
    """Rank, and fill a list, for nobody; what comes of it is dropped, what was prepared for it stays."""
    index = shelf.index
    shelf.once("by_value", by_value)
    for experience in offers.definitions.experiences.values():
        if experience.items is not None:
            shelf.select(experience.items)
    nobody = Viewer.of(None, shelf, shelf.expected(taste), now_us, settings, shelf.reference(taste))
    ranking = rank(nobody.taste, taste, index, settings.recommend, trained)
    fill = Filler(
        state=nobody.used,
        shelf=shelf,
        ranking=ranking,
        scores=ranking.scores,
        settings=settings,
        wishes=wishes_of(settings.recommend),
        now_us=now_us,
        seed=0,
    )
    fill(np.arange(min(ROWS, len(index.items))), 1)
