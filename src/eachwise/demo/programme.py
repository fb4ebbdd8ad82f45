"""What the demo's shop declares: the world's experiences in the hero, and a personal list of items beside it."""

from __future__ import annotations

from typing import Any

from eachwise.demo.campaigns import EXPERIENCES, MAIL, mail_placement, mailed
from eachwise.worlds import FrozenFoodShop

HERO = "home_hero"
RAIL = "recommended"
HERO_ITEMS = 3
RAIL_ITEMS = 8
# Simulated visitors answer at once. A longer wait for those who do not would leave the learner with clicks alone for
# that long.
OUTCOME_WINDOW_S = 20

FOR_YOU: dict[str, Any] = {
    "experience_id": "for-you",
    "kind": "list",
    "title": "Picked for you",
    "placements": [RAIL],
    "items": {"count": RAIL_ITEMS, "repeats": False},
    "value": 6.8,
    # The rail is a service and not a push: the operator wants it to be silent hardly ever.
    "lever": 10.0,
}


def definitions(shop: FrozenFoodShop) -> dict[str, Any]:
    """Placements and experiences as ``PUT /v1/definitions`` takes them.

    The rail holds the one list that is filled from the whole catalogue; the world's own lists stay in the hero, where
    their truth is known.
    """
    counts = {HERO: HERO_ITEMS, RAIL: RAIL_ITEMS}
    placements = [
        mail_placement(placement)
        if placement["placement_id"] == MAIL
        else placement
        | {"outcome_window_s": OUTCOME_WINDOW_S}
        | {"count": counts.get(placement["placement_id"], placement["count"])}
        for placement in shop.placements()
    ]
    experiences = [
        mailed(experience)
        | {"placements": [name for name in experience["placements"] if name != RAIL]}
        for experience in shop.experiences()
    ]
    return {"placements": placements, "experiences": [*experiences, FOR_YOU, *EXPERIENCES]}
