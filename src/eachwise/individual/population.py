"""What people at large engage with: the share of engaged items that carry each value. Mergeable, like a person."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from eachwise.contracts.individual import ANY_VALUE
from eachwise.maths import decay

POPULATION_HALF_LIFE_S = 90 * 86_400.0
# The masses move to a later reference once an item would count more than 2 to this power.
_DOUBLINGS_MAX = 16.0


class Population(msgspec.Struct, array_like=True):
    """``name=value`` → decayed mass of engaged items at one reference time; ``ANY_VALUE`` counts every item.

    An item later than the reference counts more instead of all others less (forward decay): one exponential an item,
    whatever it carries. Observing in any order, in any parts that are then merged, gives the same shares up to
    rounding.
    """

    masses: dict[str, float] = {}
    reference_s: float = 0.0
    half_life_s: float = POPULATION_HALF_LIFE_S

    def observe(self, values: Iterable[str], at_s: float, weight: float = 1.0) -> None:
        """Count one engaged item with these values; one without any says nothing and is not counted. In place."""
        carried = tuple(values)
        if weight <= 0.0 or not carried:
            return
        masses = self.masses
        mass = weight * self._grown(at_s)
        for value in (*carried, ANY_VALUE):
            masses[value] = masses.get(value, 0.0) + mass

    def _grown(self, at_s: float) -> float:
        """What one item at this time counts at the reference, which moves when it lies too far behind."""
        elapsed = at_s - self.reference_s
        if not self.masses or elapsed > _DOUBLINGS_MAX * self.half_life_s:
            self._move(at_s)
            return 1.0
        return math.exp(decay.rate(self.half_life_s) * elapsed)

    def _move(self, to_s: float) -> None:
        """Bring every mass to a later reference, in place."""
        rate, elapsed = decay.rate(self.half_life_s), to_s - self.reference_s
        for value, mass in self.masses.items():
            self.masses[value] = decay.remaining(mass, elapsed, rate)
        self.reference_s = to_s

    def merge(self, other: Population) -> Population:
        """Both together, as a new value."""
        early, late = sorted((self, other), key=lambda each: each.reference_s)
        both = Population(dict(early.masses), early.reference_s, self.half_life_s)
        both._move(late.reference_s)
        for value, mass in late.masses.items():
            both.masses[value] = both.masses.get(value, 0.0) + mass
        return both

    def shares(self) -> dict[str, float]:
        """Value → share of engaged items that carry it, in (0, 1]; empty before the first item.

        A share is a ratio of two masses that decay alike: the time of reading cancels.
        """
        whole = self.masses.get(ANY_VALUE, 0.0)
        return {
            value: mass / whole
            for value, mass in self.masses.items()
            if value != ANY_VALUE and mass > 0.0
        }
