"""What of a placement is left for one person now: every filter applied, to decide and to decide again."""

from __future__ import annotations

from typing import NamedTuple

from eachwise.contracts.arrays import Ints
from eachwise.contracts.decision import Exposed, Filtered
from eachwise.decide.constraints import Evidence, apply_filters
from eachwise.decide.exposures import lately
from eachwise.decide.items import Screen, screen
from eachwise.decide.situation import Situation


class Sifted(NamedTuple):
    """The exposures shown, the items left, the rows that passed, those that did not, and the count of each filter."""

    shown: list[Exposed]
    screened: Screen
    passed: Ints
    filtered: list[Filtered]
    counts: dict[str, int]


def sift(situation: Situation) -> Sifted:
    """Apply every filter."""
    shown, every = lately(situation)
    screened = screen(situation)
    passed, filtered, counts = apply_filters(
        Evidence(situation=situation, shown=every, screen=screened)
    )
    return Sifted(shown, screened, passed, filtered, counts)
