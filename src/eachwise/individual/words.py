"""An affinity in words, with the evidence it rests on."""

from __future__ import annotations

import math

import msgspec

from eachwise.contracts.individual import Affinity

# Two-sided 95 %: what counts as different from everyone.
Z_SIGNIFICANT = 1.96
# "Strongly": the bound nearer to 0 is still beyond a doubling (or halving) of the odds.
STRONG_LOG_ODDS = math.log(2.0)
# Fewer items than this are too little to tell anything that is not significant.
EVIDENCE_MIN = 10.0
# What was turned against is not mentioned below half an item.
_TURNED_MIN = 0.5


def affinity_words(affinity: Affinity) -> Affinity:
    """The same affinity with ``words`` filled in."""
    return msgspec.structs.replace(affinity, words=f"{_verdict(affinity)}: {_evidence(affinity)}")


def _verdict(affinity: Affinity) -> str:
    value, z = affinity.value, affinity.z
    near = abs(affinity.log_odds) - Z_SIGNIFICANT * affinity.sd
    strongly = near >= STRONG_LOG_ODDS
    if affinity.declared > 0:
        return f"Says to like {value}"
    if affinity.declared < 0:
        return f"Says to avoid {value}"
    if z >= Z_SIGNIFICANT:
        return f"Strongly prefers {value}" if strongly else f"Prefers {value}"
    if z <= -Z_SIGNIFICANT:
        return f"Strongly avoids {value}" if strongly else f"Avoids {value}"
    if affinity.evidence < EVIDENCE_MIN:
        return f"Too little to tell about {value}"
    return f"Takes {value} about as others do"


def _evidence(affinity: Affinity) -> str:
    """``14 of 22 recent items, others 9 %``; for what is avoided ``0 of 40 recent items, expected about 12``.

    Items are those engaged with. What was turned against is evidence too, and said apart: ``, and turned down``.
    """
    items = affinity.evidence - affinity.against
    turned = ", and turned down" if affinity.against >= _TURNED_MIN else ""
    if items < 0.5:
        return f"no items yet{turned}"
    taken = f"{_count(affinity.share * affinity.evidence)} of {_count(items)} recent items"
    if affinity.log_odds < 0.0:
        return f"{taken}, expected about {_count(affinity.expected * items)}{turned}"
    return f"{taken}, others {_percent(affinity.expected)}{turned}"


def _count(items: float) -> str:
    """Decayed items, rounded; a remainder under one keeps a digit, because it is not nothing."""
    return f"{items:.1f}" if 0.05 <= items < 0.95 else f"{items:.0f}"


def _percent(share: float) -> str:
    percent = 100.0 * share
    return f"{percent:.0f} %" if percent >= 1.0 else f"{percent:.2g} %"
