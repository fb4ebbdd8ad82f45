"""The frozen-food shop: one world whose truth is known, behind one class."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.worlds.frozen import browsing, campaigns
from eachwise.worlds.frozen.browsing import Pools, Visits
from eachwise.worlds.frozen.campaigns import Campaign
from eachwise.worlds.frozen.catalogue import Catalogue
from eachwise.worlds.frozen.draws import BoolArray, FloatArray
from eachwise.worlds.frozen.event_writer import EventWriter, RawEvent, anonymous_id, user_id
from eachwise.worlds.frozen.experiences import PLACEMENTS, SILENCE, Programme
from eachwise.worlds.frozen.people import DAY_S, Group, People
from eachwise.worlds.frozen.response import Response, ResponseModel, Responses
from eachwise.worlds.frozen.settings import FrozenFoodSettings
from eachwise.worlds.frozen.truth import TruthReport, truth_report
from eachwise.worlds.frozen.vocabulary import VALUES

SILENCE_ID = "silence"


class FrozenFoodShop:
    """A frozen-food shop with known tastes.

    Times `t` are Unix seconds. A person is an index from 0, an experience an index into
    `experiences()`, -1 for silence. Where the truth is asked about a person at a time, arrays may
    stand for both, and the answer's shape starts with their broadcast shape.
    """

    def __init__(self, seed: int, people: int = 5000, items: int = 400, **more: float) -> None:
        """Build the world; `more` are the other fields of `FrozenFoodSettings`."""
        self.settings = FrozenFoodSettings(seed=seed, people=people, items=items, **more)
        self.catalogue = Catalogue.build(self.settings)
        self.programme = Programme.build()
        self.people = People.build(self.settings)
        self.model = ResponseModel(seed=seed, people=self.people, programme=self.programme)
        self._pools = Pools.build(self.catalogue)
        self._writer = EventWriter(seed=seed, people=self.people, catalogue=self.catalogue)

    # -- what the shop would upload ------------------------------------------------------------

    def items(self) -> list[dict[str, Any]]:
        """The catalogue, as a feed would give it."""
        return [item.to_json() for item in self.catalogue.items]

    def experiences(self) -> list[dict[str, Any]]:
        """The 39 experiences, as an operator would register them."""
        return [experience.to_json() for experience in self.programme.experiences]

    def placements(self) -> list[dict[str, Any]]:
        """Where experiences can appear."""
        return [dict(placement) for placement in PLACEMENTS]

    # -- what people do ------------------------------------------------------------------------

    def visits(self, start: float, days: float = 60.0) -> Visits:
        """All visits that start in [start, start + days), in time order."""
        daily = [self._visits_of_day(day, start, days) for day in _days(start, days)]
        return Visits(
            person=np.concatenate([visits.person for visits in daily]),
            number=np.concatenate([visits.number for visits in daily]),
            t=np.concatenate([visits.t for visits in daily]),
        )

    def history(self, start: float, days: float = 60.0) -> Iterator[RawEvent]:
        """The raw events of those visits, in time order, a day in memory at a time."""
        for day in _days(start, days):
            yield from self._events(self._visits_of_day(day, start, days))

    def visit(self, person: int, t: float, visit_number: int) -> list[RawEvent]:
        """The raw events of one visit that starts at t, the same as in the history."""
        return self._events(
            Visits(person=np.array([person]), number=np.array([visit_number]), t=np.array([t]))
        )

    def identity(self, person: int, t: float, visit_number: int) -> dict[str, str]:
        """The ids under which the shop sees a visitor once the visit is under way."""
        device = int(browsing.devices(self.settings.seed, person, visit_number))
        ids = {"anonymousId": anonymous_id(person, device)}
        if t >= self.people.known_from_s[person]:
            ids["userId"] = user_id(person)
        return ids

    def pick(
        self, person: int, item_ids: Sequence[str], t: float, visit_number: int, which: int = 0
    ) -> str | None:
        """The item that a person picks from a slate, None for nothing.

        An item tempts as much in one slate as in another at the same (visit, which): slates of two
        recommenders can be compared by pairs.
        """
        slate = np.array([[self._item_row(item_id) for item_id in item_ids]], dtype=np.int64)
        if slate.size == 0:
            return None
        taste = self.people.taste([person], t)
        utility = np.take_along_axis(taste @ self.catalogue.indicator.T, slate, axis=1)
        visits = Visits(person=np.array([person]), number=np.array([visit_number]), t=np.array([t]))
        chosen = int(browsing.pick(self.settings.seed, visits, which, slate, utility)[0])
        return None if chosen < 0 else self.catalogue.items[chosen].item_id

    # -- how people respond --------------------------------------------------------------------

    def experience_index(self, experience_id: str | None) -> int:
        """The index of an experience, -1 for "silence" or None; an unknown id raises NotFound."""
        if experience_id is None or experience_id == SILENCE_ID:
            return SILENCE
        return self.programme.index(experience_id)

    def respond(
        self, person: int, experience_id: str | None, t: float, visit_number: int
    ) -> Response:
        """What comes back from showing one experience; the luck is the same for each of them."""
        many = self.model.respond(person, self.experience_index(experience_id), t, visit_number)
        return Response(
            clicked=bool(many.clicked),
            purchased=bool(many.purchased),
            hidden=bool(many.hidden),
            unsubscribed=bool(many.unsubscribed),
            value=float(many.value),
        )

    def respond_many(
        self,
        person: npt.ArrayLike,
        experience: npt.ArrayLike,
        t: npt.ArrayLike,
        visit_number: npt.ArrayLike,
    ) -> Responses:
        """`respond` for many visits, with experiences as indices (-1 for silence)."""
        return self.model.respond(person, experience, t, visit_number)

    def campaign(self, name: str) -> Campaign:
        """A method that is not the engine, by its name; segments are fitted at the opening."""
        return campaigns.campaign(name, self.model, self.settings.opened_at_s)

    # -- the truth -----------------------------------------------------------------------------

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the 37 attribute values, the last axis of a taste."""
        return VALUES

    def taste(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """True utilities of the values; shape (..., 37)."""
        return self.people.taste(person, t)

    @cached_property
    def is_vegan(self) -> BoolArray:
        """Who is vegan; shape (people,)."""
        return np.asarray(self.people.group == Group.VEGAN)

    def group(self, person: int) -> Group:
        """What the person's diet rules out."""
        return Group(int(self.people.group[person]))

    def click_probability(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """P(click | shown) for each experience; shape (..., 39)."""
        return self.model.click_probability(person, t)

    def hide_probability(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """P(hide | shown) for each experience; shape (..., 39)."""
        return self.model.hide_probability(person, t)

    def conflict(self, person: npt.ArrayLike, t: npt.ArrayLike) -> BoolArray:
        """Which experiences run against the true taste; shape (..., 39)."""
        return self.model.conflict(person, t)

    def expected_value(self, person: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """Expected money in EUR of showing each experience, silence being 0; shape (..., 39)."""
        return self.model.expected_value(person, t)

    def truth_report(self) -> TruthReport:
        """Shares and spreads that say what kind of world this is."""
        return truth_report(self.people, self.settings.opened_at_s)

    # -- helpers -------------------------------------------------------------------------------

    def _visits_of_day(self, day: int, start: float, days: float) -> Visits:
        """The visits of one UTC day that start within the window."""
        visits = browsing.schedule(self.settings.seed, self.people, day)
        within = (visits.t >= start) & (visits.t < start + days * DAY_S)
        return Visits(
            person=visits.person[within], number=visits.number[within], t=visits.t[within]
        )

    def _events(self, visits: Visits) -> list[RawEvent]:
        """The raw events of visits in time order."""
        seed = self.settings.seed
        return self._writer.write(
            browsing.browse(seed, self.people, self.catalogue, self._pools, visits)
        )

    @cached_property
    def _row_of_item(self) -> dict[str, int]:
        return {item.item_id: row for row, item in enumerate(self.catalogue.items)}

    def _item_row(self, item_id: str) -> int:
        if item_id not in self._row_of_item:
            raise NotFound(f"no item has the id {item_id!r}")
        return self._row_of_item[item_id]


def _days(start: float, days: float) -> range:
    """The UTC days, counted from 1970-01-01, that a window touches."""
    if not days > 0.0:
        raise InvalidInput(f"days must be more than 0, not {days}", field="days")
    return range(int(start // DAY_S), int(np.ceil((start + days * DAY_S) / DAY_S)))
