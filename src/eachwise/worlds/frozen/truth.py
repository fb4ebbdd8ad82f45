"""What kind of world it is: figures that only somebody who knows the truth can give."""

from dataclasses import dataclass

import numpy as np

from eachwise.worlds.frozen.campaigns import age_gender_household
from eachwise.worlds.frozen.draws import FloatArray, IntArray
from eachwise.worlds.frozen.people import DAY_S, Group, People

DRIFT_OVER_DAYS = 90.0  # the half-life that taste models are given


@dataclass(frozen=True, kw_only=True)
class TruthReport:
    """Shares lie in 0..1.

    people: how many individuals.
    vegan_share, fish_or_chicken_share: of the people.
    known_share: people who sooner or later log in.
    visits_per_day_mean: averaged over people.
    taste_sd: standard deviation between people, averaged over the values, in units of utility.
    demography_share: share of the variance of tastes that 32 demographic cells explain, averaged
        over the values.
    drift_correlation: correlation of the drifting part with itself 90 days later, nan where
        nothing drifts.
    """

    people: int
    vegan_share: float
    fish_or_chicken_share: float
    known_share: float
    visits_per_day_mean: float
    taste_sd: float
    demography_share: float
    drift_correlation: float


def truth_report(people: People, t: float) -> TruthReport:
    """The report at t (Unix seconds)."""
    everyone = np.arange(len(people.group))
    now = people.taste(everyone, t)
    later = people.taste(everyone, t + DRIFT_OVER_DAYS * DAY_S)
    return TruthReport(
        people=len(everyone),
        vegan_share=float(np.mean(people.group == Group.VEGAN)),
        fish_or_chicken_share=float(np.mean(people.group == Group.FISH_OR_CHICKEN)),
        known_share=float(np.mean(np.isfinite(people.known_from_s))),
        visits_per_day_mean=float(people.visits_per_day.mean()),
        taste_sd=float(now.std(axis=0).mean()),
        demography_share=_explained_share(now, age_gender_household(people)),
        drift_correlation=_correlation(now - people.taste_base, later - people.taste_base),
    )


def _explained_share(taste: FloatArray, cell: IntArray) -> float:
    """ω² of the cells, corrected for the variance that n cells explain by chance."""
    _, cell = np.unique(cell, return_inverse=True)
    size = np.bincount(cell)
    if len(size) in (1, len(cell)):
        return float("nan")
    mean = np.zeros((len(size), taste.shape[1]))
    np.add.at(mean, cell, taste)
    mean /= size[:, None]
    within = ((taste - mean[cell]) ** 2).sum(axis=0) / (len(cell) - len(size))
    total = taste.var(axis=0, ddof=1)
    return float(np.mean(1.0 - within / total))


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation over all entries, nan where one does not vary."""
    if first.std() == 0.0 or second.std() == 0.0:
        return float("nan")
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
