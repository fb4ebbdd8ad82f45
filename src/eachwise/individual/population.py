"""What people at large engage with: the share of engaged items that carry each value. Mergeable, like a person."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eachwise.contracts.individual import ANY_VALUE
from eachwise.maths import decay

POPULATION_HALF_LIFE_S = 90 * 86_400.0


class Population(msgspec.Struct, array_like=True):
    """``name=value`` → decayed sum ``[mass, reference_s]`` of engaged items; ``ANY_VALUE`` counts every item.

    Observing in any order, in any parts that are then merged, gives the same shares up to rounding.
    """

    masses: dict[str, list[float]] = {}
    half_life_s: float = POPULATION_HALF_LIFE_S

    def observe(self, values: Iterable[str], at_s: float, weight: float = 1.0) -> None:
        """Count one engaged item with these values; one without any says nothing and is not counted. In place."""
        rate, seen = decay.rate(self.half_life_s), False
        if weight <= 0.0:
            return
        for value in values:
            seen = True
            self._add(value, at_s, weight, rate)
        if seen:
            self._add(ANY_VALUE, at_s, weight, rate)

    def _add(self, value: str, at_s: float, weight: float, rate: float) -> None:
        entry = self.masses.get(value)
        if entry is None:
            self.masses[value] = [weight, at_s]
        else:
            decay.add(entry, weight, at_s, rate)

    def merge(self, other: Population) -> Population:
        """Both together, as a new value."""
        rate = decay.rate(self.half_life_s)
        masses = {value: list(entry) for value, entry in self.masses.items()}
        for value, entry in other.masses.items():
            mine = masses.get(value)
            masses[value] = list(entry) if mine is None else decay.merged(mine, entry, rate)
        return Population(masses=masses, half_life_s=self.half_life_s)

    def shares(self, now_s: float = 0.0) -> dict[str, float]:
        """Value → share of engaged items that carry it, in (0, 1]; empty before the first item.

        A share is a ratio of two masses that decay alike: the time of reading cancels.
        """
        whole = self.masses.get(ANY_VALUE)
        if whole is None:
            return {}
        mass, reference_s = whole
        rate = decay.rate(self.half_life_s)
        shares = {}
        for value, (part, part_s) in self.masses.items():
            if value != ANY_VALUE:
                shares[value] = decay.remaining(part, reference_s - part_s, rate) / mass
        return shares
