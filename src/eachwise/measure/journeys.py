"""What a journey changed: those whom it treated against those from whom it was withheld by a permanent hash.

The unit is the person. Where versions of a journey withheld it from different shares h of people, those of one share
are compared with one another and the differences are added by how many people each is of: Σ_s (n_s/n)·(m_s1 − m_s0).
With one share in all that is the plain difference of means.

* One look: shares by Newcombe's (1998, method 10) square-and-add of Wilson's intervals, each arm worth
  1/Σ_s (n_s/n)²/n_sa people; means by their influence, corrected for skewness (``measure.clustered``).
* Any number of looks: the asymptotic confidence sequence of ``maths.intervals`` for the mean of
  m_1 − m_0 + T(y − m_1)/(1 − h) − (1 − T)(y − m_0)/h, whose variance is n·(V(m_1) + V(m_0)) (Waudby-Smith et al.
  2021, §4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Between
from eachwise.contracts.relations import Contrast, RatioCheck, Verdict
from eachwise.maths.intervals import confidence_sequence, score_bounds
from eachwise.measure.clustered import interval

# Below so many people in an arm nothing is said: the sequence is asymptotic, and a difference of so few moves nobody.
PEOPLE_MIN = 30
# Of so few who bought anything the spread of money is not known.
BUYERS_MIN = 10
# People at which the sequence is nearly narrowest: a journey of some weeks in a middling shop. Fixed before any data.
TIGHTEST_AT = 2_000
# A sample ratio this improbable is no chance (Fabijan et al. 2019).
SUSPECT_BELOW = 0.001


class Stratum(NamedTuple):
    """People of one holdout share: their share of all, and the rows of the treated and of the withheld."""

    weight: float
    rows: tuple[Ints, Ints]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Who was compared. withheld: (n,) of the holdout; share: (n,) the holdout's share of people when they entered."""

    withheld: Bools
    share: Floats

    def __post_init__(self) -> None:
        """Refuse shares outside [0, 1] and lengths that differ."""
        inside = (self.share >= 0.0) & (self.share <= 1.0)
        if len(self.withheld) != len(self.share) or not inside.all():
            raise InvalidInput("share: one for each, from 0 to 1", field="share")

    def only(self, kept: Bools) -> Arms:
        """Some of them."""
        return Arms(withheld=self.withheld[kept], share=self.share[kept])

    def comparable(self) -> Bools:
        """(n,) whose share drew both arms."""
        found = np.zeros(len(self.share), dtype=np.bool_)
        for share in np.unique(self.share):
            same = self.share == share
            withheld = self.withheld[same]
            found[same] = 0.0 < share < 1.0 and bool(withheld.any() and not withheld.all())
        return found

    def strata(self) -> Iterator[Stratum]:
        """Everyone by share; all must be comparable."""
        for share in np.unique(self.share):
            same = self.share == share
            rows = np.flatnonzero(same & ~self.withheld), np.flatnonzero(same & self.withheld)
            yield Stratum(float(same.sum()) / len(self.share), rows)


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of both arms (None: of a single person a mean has no interval).

    ``contrast`` is None where an arm has fewer than ``PEOPLE_MIN`` people.
    """

    treated: Between | None
    holdout: Between | None
    contrast: Contrast | None


def compare_shares(arms: Arms, hit: Bools, level: float = 0.95) -> Compared:
    """Shares of people for whom something is so, (n,). Everyone must be comparable, and somebody there."""
    figures = []
    variance = 0.0
    for side in (0, 1):
        share = spread = 0.0
        for weight, both in arms.strata():
            rows = both[side]
            count, n = float(hit[rows].sum()), len(rows)
            share += weight * count / n
            spread += weight * weight / n
            # One more of each kind: that all of a few were alike does not make their variance 0.
            likely = (count + 1.0) / (n + 2.0)
            variance += weight * weight * likely * (1.0 - likely) / n
        share = min(max(share, 0.0), 1.0)
        low, high = score_bounds(share, 1.0 / spread, level)
        figures.append(Between(share, low, high))
    treated, holdout = figures
    middle = treated.mean - holdout.mean
    below = math.hypot(treated.mean - treated.low, holdout.high - holdout.mean)
    above = math.hypot(treated.high - treated.mean, holdout.mean - holdout.low)
    once = Between(middle, middle - below, middle + above)
    return Compared(treated, holdout, _contrast(arms, once, variance, level))


def compare_means(arms: Arms, amount: Floats, level: float = 0.95) -> Compared:
    """Means of an amount a person, (n,). Everyone must be comparable, and somebody there.

    No contrast either where an arm has fewer than ``BUYERS_MIN`` people with any amount.
    """
    means = [0.0, 0.0]
    influence = np.zeros((2, len(amount)))
    variance = 0.0
    for weight, both in arms.strata():
        for side, rows in enumerate(both):
            n = len(rows)
            mean = float(amount[rows].mean())
            means[side] += weight * mean
            # n/(n − 1) of each arm's own, which the clustered variance cannot know.
            unbiased = math.sqrt(n / max(n - 1, 1))
            influence[side, rows] = weight * (amount[rows] - mean) / n * unbiased
            variance += float(influence[side, rows] @ influence[side, rows])
    number = np.arange(len(amount))
    treated = _mean(means[0], influence[0, ~arms.withheld], level)
    holdout = _mean(means[1], influence[1, arms.withheld], level)
    middle = means[0] - means[1]
    once = interval(middle, influence[0] - influence[1], number, len(amount), level)
    contrast = _contrast(arms, once, variance, level)
    some = amount != 0.0
    if min(int(some[arms.withheld].sum()), int(some[~arms.withheld].sum())) < BUYERS_MIN:
        contrast = None
    return Compared(treated, holdout, contrast)


def sample_ratio(arms: Arms) -> RatioCheck | None:
    """Whether as many were withheld as should be: (O − Σh)²/Σh(1 − h). None where nothing was left to the hash."""
    expected = float(arms.share.sum())
    variance = float((arms.share * (1.0 - arms.share)).sum())
    if variance <= 0.0:
        return None
    observed = int(arms.withheld.sum())
    statistic = (observed - expected) ** 2 / variance
    p_value = math.erfc(math.sqrt(statistic / 2.0))
    return RatioCheck(
        expected=expected,
        observed=observed,
        chi_square=statistic,
        p_value=p_value,
        suspect=p_value < SUSPECT_BELOW,
    )


def verdict_of(contrast: Contrast | None, ratio: RatioCheck | None) -> Verdict:
    """What a contrast comes to; none, or arms that are not as they were drawn, is a refusal."""
    if contrast is None or ratio is None or ratio.suspect:
        return "refused"
    if contrast.anytime.low > 0.0:
        return "better"
    return "worse" if contrast.anytime.high < 0.0 else "undecided"


def _mean(mean: float, influence: Floats, level: float) -> Between | None:
    """One arm's mean; of a single person nothing is known of the spread."""
    n = len(influence)
    if n < 2:
        return None
    return interval(mean, influence, np.arange(n), n, level)


def _contrast(arms: Arms, once: Between, variance: float, level: float) -> Contrast | None:
    n, withheld = len(arms.withheld), int(arms.withheld.sum())
    if min(withheld, n - withheld) < PEOPLE_MIN:
        return None
    sequence = confidence_sequence(n, once.mean, n * variance, tightest_at=TIGHTEST_AT, level=level)
    assert sequence is not None
    return Contrast(difference=once, anytime=Between(once.mean, sequence.low, sequence.high))
