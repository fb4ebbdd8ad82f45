"""What is believed of a weight before it was ever seen: (mean, sd) by outcome and by the feature's family.

Measured (docs/discussions/measured.md). A positive prior on the match lets a newcomer be useful before the first
click; harm mirrors it. The families are those of ``decide/names.py``; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from eachwise.contracts.learning import Outcome
from eachwise.maths.bayes import Prior

_UNKNOWN = (0.0, 0.1)
Families = Mapping[str, tuple[float, float]]

_TAKEUP: Families = {
    "bias": (-3.8, 1.0),
    "placement": (0.0, 0.3),
    "channel": (0.0, 0.1),
    "attribute": (0.0, 0.05),
    "experience": (0.0, 0.1),
    "match": (0.5, 0.15),
    "moment": (0.1, 0.15),
    "aversion": (0.3, 0.15),
    "fatigue": (-0.2, 0.1),
    "engagement": (0.0, 0.15),
    "items": (0.1, 0.15),
    "hour_sin": (0.0, 0.1),
    "hour_cos": (0.0, 0.1),
}
# Of those who click, one in twelve or so buys; what made them click says little of whether they buy.
_PURCHASE: Families = {
    **_TAKEUP,
    "bias": (-2.5, 1.0),
    "match": (0.1, 0.1),
    "moment": (0.1, 0.1),
    "aversion": (0.05, 0.1),
    "fatigue": (0.0, 0.1),
    "engagement": (0.1, 0.15),
    "items": (0.05, 0.1),
}
# Harm grows with a firm aversion (which is negative) and with repetition, and falls with a match.
_HIDE: Families = {
    "bias": (-5.6, 0.5),
    "placement": (0.0, 0.2),
    "channel": (0.0, 0.2),
    "attribute": (0.0, 0.06),
    "experience": (0.0, 0.3),
    "match": (-0.2, 0.1),
    "moment": (-0.05, 0.1),
    "aversion": (-0.8, 0.25),
    "fatigue": (0.1, 0.1),
    "engagement": (0.0, 0.15),
    "items": (0.0, 0.1),
    "hour_sin": (0.0, 0.05),
    "hour_cos": (0.0, 0.05),
}
# Closing something is commoner than hiding it, and says less about what it was.
_DISMISS: Families = {**_HIDE, "bias": (-4.0, 0.7), "aversion": (-0.3, 0.2), "match": (-0.1, 0.1)}
_UNSUBSCRIBE: Families = {**_HIDE, "bias": (-8.0, 0.5), "fatigue": (0.3, 0.15)}

FAMILIES: Final = frozenset(_TAKEUP)


def _prior(families: Families) -> Prior:
    def prior(name: str) -> tuple[float, float]:
        """(mean, sd) of a feature's weight, logits per unit of the feature."""
        return families.get(name.partition(":")[0], _UNKNOWN)

    return prior


PRIORS: Final[Mapping[Outcome, Callable[[str], tuple[float, float]]]] = {
    "takeup": _prior(_TAKEUP),
    "purchase": _prior(_PURCHASE),
    "dismiss": _prior(_DISMISS),
    "hide": _prior(_HIDE),
    "unsubscribe": _prior(_UNSUBSCRIBE),
}
