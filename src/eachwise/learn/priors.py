"""What is believed of a weight before it was ever seen: (mean, sd) by the feature's family.

Measured (docs/discussions/measured.md). A positive prior on the match lets a newcomer be useful before the first
click; the disconnect head mirrors it. The families are those of ``decide/names.py``; a test holds the two together.
"""

from __future__ import annotations

_UNKNOWN = (0.0, 0.1)

_TAKEUP = {
    "bias": (-3.8, 1.0),
    "placement": (0.0, 0.3),
    "channel": (0.0, 0.1),
    "attribute": (0.0, 0.06),
    "experience": (0.0, 0.15),
    "match": (0.3, 0.15),
    "moment": (0.15, 0.15),
    "aversion": (0.2, 0.15),
    "fatigue": (-0.2, 0.1),
    "engagement": (0.0, 0.15),
    "items": (0.1, 0.15),
    "hour_sin": (0.0, 0.1),
    "hour_cos": (0.0, 0.1),
}
# Harm grows with a firm aversion (which is negative) and with repetition, and falls with a match.
_DISCONNECT = {
    "bias": (-5.5, 0.5),
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
FAMILIES = frozenset(_TAKEUP)


def takeup_prior(name: str) -> tuple[float, float]:
    """(mean, sd) of a feature's weight in the take-up head, logits per unit of the feature."""
    return _TAKEUP.get(name.partition(":")[0], _UNKNOWN)


def disconnect_prior(name: str) -> tuple[float, float]:
    """(mean, sd) of a feature's weight in the disconnect head."""
    return _DISCONNECT.get(name.partition(":")[0], _UNKNOWN)
