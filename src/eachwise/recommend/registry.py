"""Every model of taste by name: one file and one line here; the common checks find it."""

from __future__ import annotations

from typing import Final

from eachwise.recommend.models import (
    affinity,
    around,
    content,
    ease,
    late,
    presence,
    purchases,
    recent,
    recurrent,
    repeats,
    ridge,
    sessions,
    spectral,
    transitions,
    trend,
    twohop,
    userknn,
    wide,
)
from eachwise.recommend.models.base import Model

MODELS: Final[dict[str, Model]] = {
    "transitions": transitions.MODEL,
    "wide": wide.MODEL,
    "around": around.MODEL,
    "recent": recent.MODEL,
    "twohop": twohop.MODEL,
    "spectral": spectral.MODEL,
    "content": content.MODEL,
    "affinity": affinity.MODEL,
    "trend": trend.MODEL,
    "late": late.MODEL,
    "ease": ease.MODEL,
    "ridge": ridge.MODEL,
    "presence": presence.MODEL,
    "sessions": sessions.MODEL,
    "repeats": repeats.MODEL,
    "purchases": purchases.MODEL,
    "userknn": userknn.MODEL,
    "recurrent": recurrent.MODEL,
}
