"""How a person truly responds to an experience, drawn with common random numbers.

One uniform number u per (person, visit) settles both outcomes of a delivery, whichever experience
it is: a click where u < P(click), a hide where u > 1 - P(hide). So two methods that are compared at
the same visits differ by what they chose and not by luck, and no delivery is clicked and hidden.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eachwise.worlds.frozen.draws import BoolArray, FloatArray, Stream, uniform
from eachwise.worlds.frozen.experiences import KINDS, SILENCE, Programme
from eachwise.worlds.frozen.people import DAY_S, Group, People

# Click model: logit = bias + slope · mean taste for the experience's values + hour × kind.
# Bias and slope are fitted to the articles' 2.3 % for the blanket and 6-7 % for the oracle.
CLICK_BIAS = -4.55
CLICK_SLOPE = 1.83
# Hide model: logit = bias - slope · mean taste + a step for a conflict.
# Fitted to the 1.2 % for the blanket.
HIDE_BIAS = -5.6
HIDE_SLOPE = 0.8
HIDE_CONFLICT_STEP = 2.2

CONFLICT_TASTE_MAX = -1.0  # a send to somebody whose mean taste for it is lower runs against them

# The hour of the day (UTC) at which each kind is received best, and by how much in logits.
PEAK_HOUR = {"offer": 18.0, "content": 8.0, "list": 12.0}
HOUR_EFFECT = 0.1

PURCHASE_GIVEN_CLICK = 0.35
UNSUBSCRIBE_GIVEN_HIDE = 0.1
UNSUBSCRIBE_COST_EUR = 15.0  # what the contact would still have been worth

# Counters of the draws that make one response.
_ATTENTION, _PURCHASE, _UNSUBSCRIBE = range(3)


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back from one delivery; value is money in EUR, negative for a lost contact."""

    clicked: bool
    purchased: bool
    hidden: bool
    unsubscribed: bool
    value: float


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Responses to many deliveries; all arrays have the shape of the deliveries."""

    clicked: BoolArray
    purchased: BoolArray
    hidden: BoolArray
    unsubscribed: BoolArray
    value: FloatArray


@dataclass(frozen=True, kw_only=True)
class ResponseModel:
    """The truth about every person and experience; arrays end in the experiences' axis."""

    seed: int
    people: People
    programme: Programme

    def mean_taste(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """Mean of the true tastes over an experience's values; broadcast(person, t) + (39,)."""
        indicator = self.programme.indicator
        return np.asarray(self.people.taste(person, t) @ (indicator.T / indicator.sum(axis=1)))

    def click_probability(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """P(click | shown) for each experience; shape broadcast(person, t) + (39,)."""
        return self._click(self.mean_taste(person, t), t)

    def click_of_taste(self, taste: FloatArray, t: npt.ArrayLike) -> FloatArray:
        """P(click | shown) for each experience were these the tastes; (D, 37), t (D,) → (D, 39)."""
        indicator = self.programme.indicator
        return self._click(taste @ (indicator.T / indicator.sum(axis=1)), t)

    def hide_probability(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """P(hide | shown) for each experience; shape broadcast(person, t) + (39,)."""
        return self._hide(self.mean_taste(person, t), person)

    def conflict(self, person: npt.ArrayLike, t: npt.ArrayLike) -> BoolArray:
        """Which experiences run against the true taste; shape broadcast(person, t) + (39,).

        A vegan and what is not vegan; a person who prefers fish or chicken and red meat; anybody
        and what has a true mean taste below CONFLICT_TASTE_MAX.
        """
        return self._conflict(self.mean_taste(person, t), person)

    def expected_value(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """Expected money in EUR of showing each experience; shape broadcast(person, t) + (39,).

        P(click)·value - P(hide)·P(unsubscribe | hide)·what the contact is worth; silence is 0.
        """
        mean_taste = self.mean_taste(person, t)
        gain = self._click(mean_taste, t) * self.programme.value_eur
        loss_per_hide = UNSUBSCRIBE_GIVEN_HIDE * UNSUBSCRIBE_COST_EUR
        return np.asarray(gain - self._hide(mean_taste, person) * loss_per_hide)

    def respond(
        self,
        person: npt.ArrayLike,
        experience: npt.ArrayLike,
        t: npt.ArrayLike,
        visit_number: npt.ArrayLike,
    ) -> Responses:
        """What came back from experiences (indices, -1 for silence); the arguments broadcast."""
        who, what, at_s, visit = np.broadcast_arrays(person, experience, t, visit_number)
        shown = what != SILENCE
        row = np.where(shown, what, 0)[..., None]
        mean_taste = self.mean_taste(who, at_s)
        click = np.take_along_axis(self._click(mean_taste, at_s), row, axis=-1)[..., 0]
        hide = np.take_along_axis(self._hide(mean_taste, who), row, axis=-1)[..., 0]
        value = self.programme.value_eur[row[..., 0]]
        return self._drawn(self._luck(who, visit), np.where(shown, click, 0.0), hide * shown, value)

    def respond_to_all(
        self, person: npt.ArrayLike, t: npt.ArrayLike, visit_number: npt.ArrayLike
    ) -> Responses:
        """``respond`` to every experience, with the tastes worked out once; broadcast(person, t, visit) + (39,)."""
        who, at_s, visit = np.broadcast_arrays(person, t, visit_number)
        mean_taste = self.mean_taste(who, at_s)
        click, hide = self._click(mean_taste, at_s), self._hide(mean_taste, who)
        luck = self._luck(who, visit)[..., None, :]
        return self._drawn(luck, click, hide, self.programme.value_eur)

    def _luck(self, who: npt.ArrayLike, visit: npt.ArrayLike) -> FloatArray:
        """The uniform draws of each visit; shape visits + (3,)."""
        return uniform(
            self.seed,
            Stream.RESPONSE,
            np.asarray(who).astype(np.int64)[..., None],
            np.asarray(visit).astype(np.int64)[..., None],
            np.arange(3),
        )

    def _drawn(
        self, luck: FloatArray, click: FloatArray, hide: FloatArray, value_eur: FloatArray
    ) -> Responses:
        """What comes back with these chances and this luck; all shapes broadcast to the deliveries'."""
        clicked = luck[..., _ATTENTION] < click
        hidden = luck[..., _ATTENTION] > 1.0 - hide
        purchased = clicked & (luck[..., _PURCHASE] < PURCHASE_GIVEN_CLICK)
        unsubscribed = hidden & (luck[..., _UNSUBSCRIBE] < UNSUBSCRIBE_GIVEN_HIDE)
        margin = value_eur / PURCHASE_GIVEN_CLICK
        return Responses(
            clicked=np.asarray(clicked),
            purchased=np.asarray(purchased),
            hidden=np.asarray(hidden),
            unsubscribed=np.asarray(unsubscribed),
            value=np.asarray(purchased * margin - unsubscribed * UNSUBSCRIBE_COST_EUR),
        )

    def _click(self, mean_taste: FloatArray, t: npt.ArrayLike) -> FloatArray:
        return _logistic(CLICK_BIAS + CLICK_SLOPE * mean_taste + self._hour_effect(t))

    def _hide(self, mean_taste: FloatArray, person: npt.ArrayLike) -> FloatArray:
        step = HIDE_CONFLICT_STEP * self._conflict(mean_taste, person)
        return _logistic(HIDE_BIAS - HIDE_SLOPE * mean_taste + step)

    def _conflict(self, mean_taste: FloatArray, person: npt.ArrayLike) -> BoolArray:
        group = np.broadcast_to(self.people.group[np.asarray(person)], mean_taste.shape[:-1])
        against_vegan = (group == Group.VEGAN)[..., None] & self.programme.not_vegan
        against_group = (group == Group.FISH_OR_CHICKEN)[..., None] & self.programme.red_meat
        return np.asarray(against_vegan | against_group | (mean_taste < CONFLICT_TASTE_MAX))

    def _hour_effect(self, t: npt.ArrayLike) -> FloatArray:
        """A day-long wave for each kind, in logits; shape t.shape + (39,)."""
        hour = (np.asarray(t, dtype=np.float64) % DAY_S / 3600.0)[..., None]
        peak = np.array([PEAK_HOUR[kind] for kind in KINDS])[self.programme.kind]
        return np.asarray(HOUR_EFFECT * np.cos(2.0 * np.pi * (hour - peak) / 24.0))


def _logistic(logit: FloatArray) -> FloatArray:
    """1 / (1 + e^-x)."""
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)
