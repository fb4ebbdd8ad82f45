"""What is known of a person now, for the rules of journeys: each figure worked out when the first rule asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex
from eachwise.contracts.individual import Individual, OrderSummary
from eachwise.decide import person_value
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.people import People
from eachwise.flow.taste import Tasting
from eachwise.individual import (
    affinity_vectors,
    engagement_score,
    order_summary,
    public_traits,
    stage_of,
)
from eachwise.journeys import Knows
from eachwise.maths.zones import local_time
from eachwise.rules import Path
from eachwise.settings import Settings


class Known:
    """One person at one moment, as rules ask of them."""

    def __init__(
        self,
        state: Individual,
        now_us: int,
        settings: Settings,
        catalogue: Catalogue,
        tasting: Tasting,
    ) -> None:
        self._state = state
        self._settings = settings
        self._shelf = catalogue.shelf
        self._taste = tasting.model
        self.now_us = now_us
        self.context: Mapping[str, Any] = {}
        self.timezone = settings.decide.timezone
        self.last_seen_us = state.last_seen_us

    @property
    def catalog(self) -> CatalogIndex:
        """The catalogue in use."""
        return self._shelf.index

    @cached_property
    def traits(self) -> Mapping[str, Any]:
        """Trait → value."""
        return public_traits(self._state.traits)

    @cached_property
    def engagement(self) -> float:
        """The score, 0–100."""
        return engagement_score(self._state, self.now_us)

    @cached_property
    def _relation(self) -> tuple[str, bool]:
        return stage_of(self._state, self.now_us, self.engagement, self._settings.stage)

    @property
    def stage(self) -> str:
        """Where the relationship stands."""
        return self._relation[0]

    @property
    def lapsed(self) -> bool:
        """Whether it has lapsed."""
        return self._relation[1]

    @cached_property
    def orders(self) -> OrderSummary:
        """The person's orders."""
        return order_summary(self._state, self.now_us)

    @cached_property
    def affinity(self) -> AffinityVectors:
        """Affinities over the catalogue's values, in general and of this moment."""
        index = self._shelf.index
        return affinity_vectors(
            self._state,
            index.value_of,
            len(index.values),
            self._shelf.expected(self._taste),
            self.now_us,
            self._settings.affinity,
            reference=self._shelf.reference(self._taste),
        )

    def local(self, at_us: int) -> datetime | None:
        """What the person's clock shows at a time; None where the zone is not known."""
        return local_time(at_us, self.traits, self.context, self.timezone).moment


class Knowing:
    """Looks people up for the journeys."""

    def __init__(
        self, *, people: People, settings: Settings, catalogue: Catalogue, tasting: Tasting
    ) -> None:
        self._people = people
        self._settings = settings
        self._catalogue = catalogue
        self._tasting = tasting

    def of(self, individual_id: str, now_us: int) -> Knows:
        """What a journey's step may ask of a person at a moment."""
        known = self.person(individual_id, now_us)
        return Knows(lookup=lookup_of(known), local=known.local)

    def person(self, individual_id: str, now_us: int) -> Known:
        """The same with its figures by name."""
        state = self._people.find(individual_id) or Individual()
        return Known(state, now_us, self._settings, self._catalogue, self._tasting)


def lookup_of(known: Known) -> Callable[[Path], object]:
    """Names to values."""

    def lookup(path: Path) -> object:
        return person_value(known, path)

    return lookup
