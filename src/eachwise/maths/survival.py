"""Times until something happens, where for some it has not happened yet: the product-limit estimate and its median.

Kaplan & Meier (1958): S(t) = Π_{t_i ≤ t} (1 − d_i/n_i) over the distinct times t_i at which it happened, d_i of the n_i
still at risk. Greenwood's (1926) variance of ln S is Σ d_i/(n_i(n_i − d_i)); intervals of S are S^exp(±z·se), with se
that of ln(−ln S) (Kalbfleisch & Prentice 1980), and the median's those times at which they hold 1/2 (Brookmeyer &
Crowley 1982).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.intervals import Interval, score_bounds


@dataclass(frozen=True, slots=True)
class Survival:
    """The curve: ``times`` (m,) ascending, at which it happened; S and its bounds right after each, all (m,).

    ``followed`` (n,): how long each was, ascending.
    """

    times: Floats
    share: Floats
    low: Floats
    high: Floats
    followed: Floats
    level: float

    def median(self) -> tuple[float | None, float | None, float | None]:
        """(median, low, high): the first times at which S, its lower and its upper bound are at most 1/2."""
        return self._first(self.share), self._first(self.low), self._first(self.high)

    def happened_by(self, time: float) -> Interval | None:
        """1 − S(time); None where nobody was followed so long, unless it has happened to all by then."""
        place = int(np.searchsorted(self.times, time, side="right")) - 1
        n = len(self.followed)
        whole = n - int(np.searchsorted(self.followed, time, side="left"))
        if whole == 0 and not (place >= 0 and self.share[place] == 0.0):
            return None
        if place < 0:
            # The curve has not moved, and its variance says nothing: so many were followed and none was seen to.
            return Interval(0.0, 0.0, score_bounds(0.0, whole, self.level)[1], n)
        high, low = 1.0 - float(self.low[place]), 1.0 - float(self.high[place])
        return Interval(1.0 - float(self.share[place]), low, high, n)

    def _first(self, curve: Floats) -> float | None:
        below = np.flatnonzero(curve <= 0.5)
        return float(self.times[below[0]]) if len(below) else None


def kaplan_meier(times: Floats, happened: Bools, level: float = 0.95) -> Survival:
    """The curve of times (n,) ≥ 0 after which it ``happened`` (n,), or up to which it had not.

    Who was followed up to t is at risk at t. Raises ``InvalidInput`` for lengths that differ and times below 0.
    """
    if len(times) != len(happened) or (len(times) and float(times.min()) < 0.0):
        raise InvalidInput("times: as many as happened, none below 0", field="times")
    at = np.unique(times[happened])
    ordered = np.sort(times)
    risk: Floats = (len(times) - np.searchsorted(ordered, at)).astype(np.float64)
    deaths = np.diff(np.append(np.searchsorted(np.sort(times[happened]), at), happened.sum()))
    share = np.asarray(np.cumprod(1.0 - deaths / risk), dtype=np.float64)
    low, high = _bounds(share, deaths.astype(np.float64), risk, level)
    return Survival(at, share, low, high, ordered, level)


def _bounds(share: Floats, deaths: Floats, risk: Floats, level: float) -> tuple[Floats, Floats]:
    """The curve's bounds; where S is 0 the variance is not defined, the last upper bound stays and the lower is 0."""
    low, high = np.zeros_like(share), np.ones_like(share)
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    total = 0.0
    for place, value in enumerate(share.tolist()):
        if value <= 0.0:
            high[place] = high[place - 1] if place else 1.0
            continue
        total += float(deaths[place] / (risk[place] * (risk[place] - deaths[place])))
        spread = math.exp(z * math.sqrt(total) / abs(math.log(value)))
        low[place], high[place] = value**spread, value ** (1.0 / spread)
    return low, high
