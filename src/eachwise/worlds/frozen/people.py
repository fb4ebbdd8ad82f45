"""The people of the shop: who they are, what they truly like, and how that drifts.

A taste is a utility for each of the 37 attribute values:

    taste(i, v, t) = mean_v + Σ_f loading_vf·z_if + sd·ε_iv + diet_iv + drift_iv(t)

z are a few factors (the sweet tooth, the sea), which demography shifts a little; ε is the person's
own and the largest part of the variance; diet binds vegans and those who prefer fish or chicken;
drift is stationary, a sum of slow waves with the person's own periods and a phase for each value.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from eachwise.worlds.frozen import tastes
from eachwise.worlds.frozen.draws import FloatArray, IntArray, Stream, normal, uniform
from eachwise.worlds.frozen.settings import FrozenFoodSettings
from eachwise.worlds.frozen.vocabulary import VALUES

DAY_S = 86_400.0

AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
AGE_BAND_SHARES = (0.20, 0.30, 0.28, 0.22)
GENDERS = ("female", "male")
GENDER_SHARES = (0.55, 0.45)
HOUSEHOLDS = ("single", "couple", "family", "shared")
HOUSEHOLD_SHARES = (0.30, 0.32, 0.28, 0.10)

VEGAN_SHARE = 0.05
FISH_OR_CHICKEN_SHARE = 0.10

ACTIVITY_LOG_SD = 0.8  # the most active tenth makes about a third of the visits
KNOWN_AFTER_DAYS_MEAN = 20.0  # how long after the opening a person logs in for the first time
DRIFT_PERIODS_DAYS = (300.0, 1200.0)  # tastes move over seasons, not over days
DRIFT_WAVES = 2

# Counters of the draws that make a demography.
_AGE, _GENDER, _HOUSEHOLD = range(3)


class Group(IntEnum):
    """What a person's diet rules out."""

    OMNIVORE = 0
    VEGAN = 1
    FISH_OR_CHICKEN = 2


@dataclass(frozen=True, kw_only=True)
class People:
    """All individuals; entry i of each array is person i.

    age_band, gender, household: index into AGE_BANDS, GENDERS, HOUSEHOLDS; shape (people,).
    group: a `Group`; shape (people,).
    visits_per_day: the person's own mean rate; shape (people,).
    known_from_s: Unix seconds of the first login, infinite for those who never log in; (people,).
    taste_base: the part of a taste that stays; shape (people, 37).
    drift_phase: radians; shape (people, 37, waves).
    drift_period_s: shape (people, 1, waves).
    drift_sd: standard deviation of the drift, in units of utility.
    """

    age_band: IntArray
    gender: IntArray
    household: IntArray
    group: IntArray
    visits_per_day: FloatArray
    known_from_s: FloatArray
    taste_base: FloatArray
    drift_phase: FloatArray
    drift_period_s: FloatArray
    drift_sd: float

    @classmethod
    def build(cls, settings: FrozenFoodSettings) -> "People":
        """Draw everybody; person i is the same in a shop of any size, but for the group's quota."""
        person = np.arange(settings.people)
        seed = settings.seed
        demography = _demography(seed, person)
        group = _groups(seed, person)
        wave = np.arange(DRIFT_WAVES)
        value = np.arange(len(VALUES))
        shortest, longest = DRIFT_PERIODS_DAYS
        period_days = shortest + (longest - shortest) * uniform(
            seed, Stream.DRIFT_PERIOD, person[:, None, None], wave
        )
        return cls(
            age_band=demography[0],
            gender=demography[1],
            household=demography[2],
            group=group,
            visits_per_day=_visits_per_day(settings, person),
            known_from_s=_known_from_s(settings, person),
            taste_base=_taste_base(seed, person, demography, group),
            drift_phase=2.0
            * np.pi
            * uniform(seed, Stream.DRIFT_PHASE, person[:, None, None], value[:, None], wave),
            drift_period_s=period_days * DAY_S,
            drift_sd=settings.drift_sd,
        )

    def taste(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """True utilities at t (Unix seconds); shape broadcast(person, t) + (37,)."""
        row, at_s = np.broadcast_arrays(np.asarray(person), np.asarray(t, dtype=np.float64))
        amplitude = self.drift_sd * np.sqrt(2.0 / DRIFT_WAVES)
        taste = self.taste_base[row]
        for wave in range(DRIFT_WAVES):
            angle = 2.0 * np.pi * at_s[..., None] / self.drift_period_s[row, :, wave]
            taste = taste + amplitude * np.cos(angle + self.drift_phase[row, :, wave])
        return np.asarray(taste, dtype=np.float64)


def _demography(seed: int, person: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Age band, gender and household, independent of one another."""
    draw = uniform(seed, Stream.DEMOGRAPHY, person[:, None], np.arange(3))
    age_band = _categorical(AGE_BAND_SHARES, draw[:, _AGE])
    gender = _categorical(GENDER_SHARES, draw[:, _GENDER])
    return age_band, gender, _categorical(HOUSEHOLD_SHARES, draw[:, _HOUSEHOLD])


def _categorical(shares: tuple[float, ...], draw: FloatArray) -> IntArray:
    """Index of the share into which each uniform draw falls."""
    return np.asarray(np.searchsorted(np.cumsum(shares)[:-1], draw, side="right"), dtype=np.int64)


def _groups(seed: int, person: IntArray) -> IntArray:
    """Exact quotas of a random order: 5 % are vegan, the next 10 % are put off by red meat."""
    order = np.argsort(uniform(seed, Stream.GROUP, person), kind="stable")
    vegans = round(VEGAN_SHARE * len(person))
    fish_or_chicken = round(FISH_OR_CHICKEN_SHARE * len(person))
    group = np.full(len(person), int(Group.OMNIVORE), dtype=np.int64)
    group[order[:vegans]] = Group.VEGAN
    group[order[vegans : vegans + fish_or_chicken]] = Group.FISH_OR_CHICKEN
    return group


def _visits_per_day(settings: FrozenFoodSettings, person: IntArray) -> FloatArray:
    """Log-normal rates with the mean that the settings ask for."""
    log_rate = ACTIVITY_LOG_SD * normal(settings.seed, Stream.ACTIVITY, person)
    return settings.visits_per_day_mean * np.exp(log_rate - ACTIVITY_LOG_SD**2 / 2.0)


def _known_from_s(settings: FrozenFoodSettings, person: IntArray) -> FloatArray:
    """An exponential time after the opening for those who ever log in."""
    draw = uniform(settings.seed, Stream.KNOWN, person[:, None], np.arange(2))
    wait_s = -np.log(draw[:, 1]) * KNOWN_AFTER_DAYS_MEAN * DAY_S
    return np.where(draw[:, 0] < settings.known_share, settings.opened_at_s + wait_s, np.inf)


def _taste_base(
    seed: int,
    person: IntArray,
    demography: tuple[IntArray, IntArray, IntArray],
    group: IntArray,
) -> FloatArray:
    """Mean, factors, the person's own part and the diet; shape (people, 37)."""
    age_band, gender, household = demography
    factors = normal(seed, Stream.FACTOR, person[:, None], np.arange(len(tastes.FACTOR_NAMES)))
    factors += tastes.factor_shift(AGE_BANDS)[age_band]
    factors += tastes.factor_shift(GENDERS)[gender]
    factors += tastes.factor_shift(HOUSEHOLDS)[household]
    own = tastes.OWN_SD * normal(seed, Stream.TASTE, person[:, None], np.arange(len(VALUES)))
    diet = np.zeros((len(Group), len(VALUES)))
    diet[Group.VEGAN] = tastes.VEGAN_DIET
    diet[Group.FISH_OR_CHICKEN] = tastes.FISH_OR_CHICKEN_DIET
    return np.asarray(tastes.MEAN + factors @ tastes.LOADINGS + own + diet[group])
