"""Methods that are not the engine: what it is compared with, from one blanket to the oracle.

Each chooses for many people at once, and `campaign` builds one by its name. The blanket and the
segments are given their best experience from the truth, which no real campaign has: the comparison
is generous to them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from eachwise.contracts.errors import NotFound
from eachwise.worlds.frozen.draws import IntArray, Stream, uniform
from eachwise.worlds.frozen.experiences import BLANKET_ID, SILENCE
from eachwise.worlds.frozen.people import AGE_BANDS, GENDERS, HOUSEHOLDS, People
from eachwise.worlds.frozen.response import ResponseModel

OLDER_FROM = AGE_BANDS.index("45-59")
FAMILY = HOUSEHOLDS.index("family")


class Campaign(Protocol):
    """A method of choosing experiences."""

    def choose(
        self, person: npt.ArrayLike, t: npt.ArrayLike, visit_number: npt.ArrayLike
    ) -> IntArray:
        """Index of the experience for each visit, -1 for silence; the arguments broadcast."""


@dataclass(frozen=True, kw_only=True)
class Segments:
    """One experience for each segment; the blanket is the case of a single segment.

    segment: each person's segment; shape (people,).
    experience: index of the experience that a segment gets; shape (segments,).
    """

    segment: IntArray
    experience: IntArray

    def choose(
        self, person: npt.ArrayLike, t: npt.ArrayLike, visit_number: npt.ArrayLike
    ) -> IntArray:
        """The experience of the person's segment, whenever the visit is."""
        who, _, _ = np.broadcast_arrays(person, t, visit_number)
        return np.asarray(self.experience[self.segment[who]])


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Every experience with the same probability; never silence."""

    seed: int
    experiences: int

    def choose(
        self, person: npt.ArrayLike, t: npt.ArrayLike, visit_number: npt.ArrayLike
    ) -> IntArray:
        """A draw that belongs to (person, visit)."""
        who, _, visit = np.broadcast_arrays(person, t, visit_number)
        draw = uniform(self.seed, Stream.POLICY, who.astype(np.int64), visit.astype(np.int64))
        return np.asarray(draw * self.experiences, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """The myopic best with the true tastes: most expected value now, silence if none is above 0."""

    model: ResponseModel

    def choose(
        self, person: npt.ArrayLike, t: npt.ArrayLike, visit_number: npt.ArrayLike
    ) -> IntArray:
        """The experience with the largest expected value."""
        who, at_s, _ = np.broadcast_arrays(person, t, visit_number)
        value = self.model.expected_value(who, at_s)
        return np.where(value.max(axis=-1) > 0.0, value.argmax(axis=-1), SILENCE)


def demographic_3(people: People) -> IntArray:
    """Families, and those without children below and from 45 years."""
    older = (people.age_band >= OLDER_FROM).astype(np.int64)
    return np.where(people.household == FAMILY, 2, older)


def age_gender(people: People) -> IntArray:
    """Four age bands by two genders."""
    return np.asarray(people.age_band * len(GENDERS) + people.gender)


def age_gender_household(people: People) -> IntArray:
    """Four age bands by two genders by four households: 32 cells."""
    return np.asarray(age_gender(people) * len(HOUSEHOLDS) + people.household)


SEGMENTATIONS: Mapping[str, Callable[[People], IntArray]] = {
    "segment:demographic-3": demographic_3,
    "segment:age-gender": age_gender,
    "segment:demographic-32": age_gender_household,
}
CAMPAIGN_NAMES = ("blanket", *SEGMENTATIONS, "random", "oracle")


def campaign(name: str, model: ResponseModel, t: float) -> Campaign:
    """The method of that name; segments choose by the truth at t (Unix seconds)."""
    if name == "blanket":
        return blanket(model)
    if name in SEGMENTATIONS:
        return best_for_segments(model, SEGMENTATIONS[name](model.people), t)
    if name == "random":
        return Uniform(seed=model.seed, experiences=len(model.programme.experiences))
    if name == "oracle":
        return Oracle(model=model)
    raise NotFound(f"no campaign is called {name!r}; there are {', '.join(CAMPAIGN_NAMES)}")


def blanket(model: ResponseModel) -> Segments:
    """Steak week for everybody: the single experience with the most clicks."""
    steak = model.programme.index(BLANKET_ID)
    return Segments(
        segment=np.zeros(len(model.people.group), dtype=np.int64), experience=np.array([steak])
    )


def best_for_segments(model: ResponseModel, segment: IntArray, t: float) -> Segments:
    """For each segment the experience with the most clicks in it at t, as campaigns are judged.

    segment: integers from 0, shape (people,); a segment without people gets the first experience.
    """
    click = model.click_probability(np.arange(len(segment)), t)
    clicks = np.zeros((int(segment.max()) + 1, click.shape[1]))
    np.add.at(clicks, segment, click)
    return Segments(segment=segment, experience=clicks.argmax(axis=1))
