"""One item seen through one set of versions at one moment, as ``rank`` sees it for a person."""

from __future__ import annotations

from dataclasses import dataclass

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.individual import Individual
from eachwise.contracts.taste import TrainedModel
from eachwise.decide import firmly_against
from eachwise.flow.catalogue import Shelf
from eachwise.individual import affinity_vectors
from eachwise.recommend import PersonTaste, Ranking, rank, reasons, scores_at
from eachwise.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """One item seen through one set of versions at one moment.

    only: (1,) the item's row in the catalogue; expected: (V,) the population's shares; nobody: the score of someone
    unknown
    """

    only: Ints
    shelf: Shelf
    expected: Floats
    taste: TasteModel
    trained: TrainedModel | None
    settings: Settings
    now_us: int
    nobody: float = 0.0

    @property
    def row(self) -> int:
        """The item's row in the catalogue."""
        return int(self.only[0])

    @property
    def index(self) -> CatalogIndex:
        """The catalogue."""
        return self.shelf.index

    def person(self, state: Individual) -> PersonTaste:
        """A state as ``rank`` sees one."""
        index = self.index
        affinity = affinity_vectors(
            state,
            index.value_of,
            len(index.values),
            self.expected,
            self.now_us,
            self.settings.affinity,
            reference=self.shelf.reference(self.taste),
        )
        return PersonTaste.of(state, affinity, self.now_us)

    def conflicts(self, person: PersonTaste) -> bool:
        """Whether a value of the item runs against the person."""
        index = self.index
        columns = index.indices[index.indptr[self.row] : index.indptr[self.row + 1]]
        against = firmly_against(person.affinity, self.settings.decide.conflict_upper_bound)
        return bool(against[columns].any())

    def ranking(self, person: PersonTaste) -> Ranking:
        """The item's place for a person; nothing else is scored."""
        settings = self.settings.recommend
        return rank(person, self.taste, self.index, settings, self.trained, only=self.only)

    def score(self, person: PersonTaste) -> float:
        """How far the item stands above what it would for someone unknown, in log units."""
        settings = self.settings.recommend
        found = scores_at(person, self.taste, self.index, settings, self.trained, self.only)
        return float(found[0]) - self.nobody

    def reasons(self, person: PersonTaste) -> list[str]:
        """Why, in words."""
        return reasons(self.ranking(person), self.row, person, self.index)
