"""The person before whom items are put: what may be used to choose for them, and what they must never be shown."""

from __future__ import annotations

from dataclasses import dataclass

from eachwise.catalog import showable
from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.individual import Individual
from eachwise.decide import admitted, by_value, conflicts_of
from eachwise.flow.catalogue import Shelf
from eachwise.individual import Reference, affinity_vectors, consent_allows
from eachwise.recommend import PersonTaste
from eachwise.settings import Settings

PURPOSE, CHANNEL = "personalization", "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """One person at one moment; nobody in particular has an empty state.

    known:   all that is known: hides and dislikes are honoured whatever was consented to
    used:    what of it may be used to choose; empty where ``allowed`` says no
    allowed: whether consent allows it
    taste:   what is used, as the models see it
    """

    known: Individual
    used: Individual
    allowed: bool
    taste: PersonTaste

    @classmethod
    def of(
        cls,
        state: Individual | None,
        shelf: Shelf,
        expected: Floats,
        now_us: int,
        settings: Settings,
        reference: Reference | None = None,
    ) -> Viewer:
        """Whoever has this state, before this shelf; ``expected`` (V,) are the population's shares."""
        known = state or Individual()
        allowed, _ = consent_allows(known, PURPOSE, CHANNEL, settings.consent)
        used = known if allowed else Individual()
        index = shelf.index
        affinity = affinity_vectors(
            used,
            index.value_of,
            len(index.values),
            expected,
            now_us,
            settings.affinity,
            reference=reference,
        )
        return cls(
            known=known,
            used=used,
            allowed=allowed,
            taste=PersonTaste.of(used, affinity, now_us),
        )

    @property
    def personal(self) -> bool:
        """Whether anything may be used to choose; not where nobody in particular asks."""
        used = self.used
        declared = any(cell.value for cell in used.declared.values())
        return bool(used.recents or used.affinity) or declared

    def admits(self, shelf: Shelf, settings: Settings) -> Admission:
        """What of the shelf may be put before this person."""
        index = shelf.index
        declared = {value: float(cell.value) for value, cell in self.known.declared.items()}
        conflicts = conflicts_of(
            self.taste.affinity, declared, index.values, settings.decide.conflict_upper_bound
        )
        carriers = shelf.once("by_value", by_value)
        available = showable(index, self.taste.now_us)
        suiting = admitted(available, conflicts, (), index, carriers)
        return Admission(
            available=available,
            suiting=suiting,
            allowed=admitted(suiting, (), self.known.hidden, index, carriers),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Masks over the catalogue's rows, (N,) each within the one before: in stock and in date, in no conflict with the
    person, not hidden by them."""

    available: Bools
    suiting: Bools
    allowed: Bools
