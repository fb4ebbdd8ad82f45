"""What people have searched for: counted, forgotten slowly, and told to others only when enough people asked it."""

from __future__ import annotations

import math

import msgspec

from eachwise.maths import decay
from eachwise.maths.text import shown_words, words

HALF_LIFE_S = 30 * 86_400.0
# Queries that are kept; a quarter more before the rarest go.
QUERIES_MAX = 10_000
# Longer ones are pasted texts, which nobody types again.
QUERY_CHARS_MAX = 80
# Different people that are told apart for one query: more would only cost memory.
PEOPLE_MAX = 8
_DOUBLINGS_MAX = 16.0


class PastQueries(msgspec.Struct, array_like=True):
    """Query → decayed count at one reference time, with who asked. Two of them merge, up to what is pruned.

    masses: folded words → count. A later search counts more, instead of all others less (forward decay).
    people: folded words → the smallest 8 of the hashes of those who asked: enough to know of up to 8 different people.
    shown:  folded words → the words as they are written; of several ways the last in the alphabet, with the accents.
    """

    masses: dict[str, float] = {}
    people: dict[str, list[int]] = {}
    shown: dict[str, str] = {}
    reference_s: float = 0.0

    def observe(self, query: str, person: int, at_s: float) -> None:
        """Count one search by the person with this hash, in place; one without words, or over 80 letters, is not."""
        written = " ".join(shown for _, shown in shown_words(query)).lower()
        key = " ".join(words(query))
        if not key or len(written) > QUERY_CHARS_MAX:
            return
        self._count(key, self._grown(at_s), [person], written)
        if len(self.masses) > QUERIES_MAX * 5 // 4:
            self._prune()

    def merge(self, other: PastQueries) -> PastQueries:
        """Both together, as a new value."""
        early, late = sorted((self, other), key=lambda each: each.reference_s)
        both = PastQueries(
            dict(early.masses),
            {key: list(asked) for key, asked in early.people.items()},
            dict(early.shown),
            early.reference_s,
        )
        both._move(late.reference_s)
        for key, mass in late.masses.items():
            both._count(key, mass, late.people[key], late.shown[key])
        both._prune()
        return both

    def beginning(self, text: str, people_min: int) -> dict[str, float]:
        """Query as it is written → count, of those that begin like a text and that so many different people asked."""
        typed = " ".join(words(text))
        wanted = min(people_min, PEOPLE_MAX)
        return {
            self.shown[key]: mass
            for key, mass in self.masses.items()
            if key.startswith(typed) and key != typed and len(self.people[key]) >= wanted
        }

    def _count(self, key: str, mass: float, people: list[int], written: str) -> None:
        self.masses[key] = self.masses.get(key, 0.0) + mass
        self.people[key] = sorted({*self.people.get(key, ()), *people})[:PEOPLE_MAX]
        self.shown[key] = max(self.shown.get(key, ""), written)

    def _grown(self, at_s: float) -> float:
        """What one search at this time counts at the reference, which moves when it lies too far behind."""
        elapsed = at_s - self.reference_s
        if not self.masses or elapsed > _DOUBLINGS_MAX * HALF_LIFE_S:
            self._move(max(at_s, self.reference_s))
            elapsed = at_s - self.reference_s
        return math.exp(decay.rate(HALF_LIFE_S) * elapsed)

    def _move(self, to_s: float) -> None:
        """Bring every mass to a later reference, in place."""
        rate, elapsed = decay.rate(HALF_LIFE_S), to_s - self.reference_s
        for key, mass in self.masses.items():
            self.masses[key] = decay.remaining(mass, elapsed, rate)
        self.reference_s = to_s

    def _prune(self) -> None:
        """Forget the rarest, so that at most ``QUERIES_MAX`` stay."""
        for key in sorted(self.masses, key=lambda key: (-self.masses[key], key))[QUERIES_MAX:]:
            del self.masses[key], self.people[key], self.shown[key]
