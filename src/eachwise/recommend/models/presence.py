"""What the visit that goes on holds already: in a shop, people come back to a thing minutes later, the last first."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.histories import SESSION_GAP_S
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import owners
from eachwise.recommend.tables import log_evidence

# Places from the newest for which a return is counted.
PLACES = 50
# Visits' worth of the mean over all places that stand behind each place's own rate.
_PRIOR = 20.0


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """a_k = P(the next engagement is with the k-th newest item of the visit, and none newer is it), k = 1 … 50.

    a_k = (returns_k + 20·ā) / (chances_k + 20), ā the same of all places together: sums over people, which merge.
    """
    speaks = data.weights > 0
    owner, at_s, rows = owners(data)[speaks], data.at_s[speaks], data.rows[speaks]
    goes_on = (owner[1:] == owner[:-1]) & (np.diff(at_s) <= SESSION_GAP_S)
    returns, chances = np.zeros(PLACES), np.zeros(PLACES)
    waiting, inside = goes_on.copy(), goes_on.copy()
    for place in range(min(PLACES, len(goes_on))):  # engagement e + 1 beside engagement e − place
        if place:
            # A visit that held the earlier one as well: one more unbroken step back.
            inside[place:] &= goes_on[:-place]
            inside[:place] = False
        here = inside[place:] & (rows[1 + place :] == rows[: len(rows) - 1 - place])
        returns[place] = (here & waiting[place:]).sum()
        chances[place] = inside.sum()
        waiting[place:] &= ~here
    if not returns.sum():
        raise DoesNotApply("nobody came back to an item in a visit")
    mean = returns.sum() / chances.sum()
    return {"rates": ((returns + _PRIOR * mean) / (chances + _PRIOR)).astype(np.float32)}


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Three features (3, C), 0 for what the visit does not hold.

    again: log(1 + a_k/1e-3), k the place of the item's newest engagement. last: 1 for the newest item. count:
    log(1 + engagements in the visit).
    """
    out = np.zeros((3, frame.size))
    newest = history.rows[: min(history.session, PLACES)]
    newest = newest[history.weights[: len(newest)] > 0]
    if not len(newest):
        return out
    rows, first = np.unique(newest, return_index=True)
    out[0] = log_evidence(frame.add_up(rows, parts["rates"][first].astype(np.float64)))
    out[1] = frame.add_up(newest[:1], np.ones(1))
    out[2] = log_evidence(frame.add_up(newest, np.ones(len(newest))), 1.0)
    return out


def reach(parts: Parts, history: History) -> Ints:
    """What the visit holds."""
    return history.rows[: history.session]


MODEL = Model(
    name="presence",
    features=("presence.again", "presence.last", "presence.count"),
    fit=fit,
    score=score,
    reach=reach,
)
