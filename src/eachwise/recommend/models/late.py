"""What people came to last, and what came newest: a trend that needs no clock, only order."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import shares_of

LATEST = 10  # of each person's: docs/discussions/measured.md, "late"
NEWEST = 0.05  # of all engagements


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """log(q/p), p each item's share of all engagement, q of each person's last ten, then of the newest 5 %."""
    speaks = data.weights > 0
    if not speaks.any():
        raise DoesNotApply("nobody engaged with anything")
    ends = np.repeat(data.indptr[1:], np.diff(data.indptr))
    late = speaks & (ends - np.arange(len(data.rows)) <= LATEST)
    newest = speaks & (data.at_s >= np.quantile(data.at_s, 1.0 - NEWEST))
    usual = shares_of(data, speaks)
    found = np.log(np.stack([shares_of(data, late), shares_of(data, newest)]) / usual)
    found -= found.mean(axis=1, keepdims=True)
    return {"trend": found.astype(np.float32)}


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Both log ratios, each less its mean; the same for everyone; (2, C)."""
    found = parts["trend"]
    taken = found if frame.rows is None else found[:, frame.rows]
    return taken.astype(np.float64)


MODEL = Model(name="late", features=("late.last", "late.newest"), fit=fit, score=score)
