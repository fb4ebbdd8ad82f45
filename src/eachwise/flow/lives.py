"""One person's relationship, walked through in the order of time: the stage at chosen moments, and what was earned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from eachwise.contracts.events import Action, Event, LoggedEvent, Meaning
from eachwise.contracts.experience import Stage
from eachwise.contracts.individual import Individual
from eachwise.events import meaning_of
from eachwise.individual import engagement_score, fold, stage_of
from eachwise.individual.value import kept_orders
from eachwise.maths.hashing import stable_hash
from eachwise.measure import Timeline
from eachwise.settings import Settings


class Earned(NamedTuple):
    """One order's margin, when, and the decision that it is credited to ("" for none)."""

    at_us: int
    money: float
    decision_id: str


class Life(NamedTuple):
    """A timeline that knows the stage at the moments asked for, and at the ends of whole periods since first seen."""

    timeline: Timeline
    orders: list[Earned]

    def earned_after(self, at_us: int, until_us: int, decision_id: str) -> float:
        """Margin of the orders in (at, until], those credited to the decision left out: its value counts them."""
        return sum(
            each.money
            for each in self.orders
            if at_us < each.at_us <= until_us and each.decision_id != decision_id
        )


def life_of(
    logged: Sequence[LoggedEvent],
    moments_us: Iterable[int],
    until_us: int,
    period_us: int,
    settings: Settings,
) -> Life | None:
    """The life that a person's events, in the order of time, tell; None without events.

    At each moment the state is what the events up to then fold to, so the stage is the one that a decision would have
    seen. Refunds known by ``until_us`` take off their order, whenever they came.
    """
    if not logged:
        return None
    start_us = logged[0].event.occurred_at_us
    ends = range(start_us, until_us + 1, period_us)
    marks = sorted({start_us, *ends, *(at for at in moments_us if start_us < at <= until_us)})
    walk = Walk(settings)
    stages: list[tuple[int, str]] = []
    waiting = chain((entry.event for entry in logged), [None])
    event = next(waiting)
    for mark in marks:
        while event is not None and event.occurred_at_us <= mark:
            walk.take(event)
            event = next(waiting)
        stages.append((mark, walk.stage(mark)))
    while event is not None and event.occurred_at_us <= until_us:
        walk.take(event)
        event = next(waiting)
    orders = list(walk.orders())
    return Life(
        Timeline(stages=stages, earned=[(each.at_us, each.money) for each in orders]), orders
    )


class Walk:
    """A state on its way through time; without ``values_of`` without tastes: stages hang on none."""

    def __init__(
        self, settings: Settings, values_of: Callable[[str], Sequence[str]] | None = None
    ) -> None:
        self._settings = settings
        self._values_of = values_of or _no_values
        self._state = Individual()
        self._blocked: Collection[str] = frozenset(settings.identity.blocked_values)
        self._credited: dict[int, str] = {}

    @property
    def state(self) -> Individual:
        """What the events taken fold to; it goes on with the walk."""
        return self._state

    def take(self, event: Event) -> Meaning:
        """The next event, and what it means."""
        meaning = meaning_of(event, self._settings.events)
        affinity = self._settings.affinity
        fold(self._state, event, meaning, self._values_of, affinity, blocked=self._blocked)
        if meaning.action is Action.PURCHASE and meaning.decision_id:
            # The fold's own key; an order without an id is the newest.
            key = (
                stable_hash("order", meaning.order_id)
                if meaning.order_id
                else next(reversed(self._state.orders))
            )
            self._credited.setdefault(key, meaning.decision_id)
        return meaning

    def stage(self, at_us: int) -> Stage:
        """Where the relationship stands at a moment that no event taken lies behind."""
        return self.standing(at_us)[0]

    def standing(self, at_us: int) -> tuple[Stage, bool]:
        """The same, and whether it has lapsed."""
        score = engagement_score(self._state, at_us)
        return stage_of(self._state, at_us, score, self._settings.stage)

    def orders(self) -> Iterator[Earned]:
        """The orders that were kept, with their margin, in the order of time."""
        key_of = {id(order): key for key, order in self._state.orders.items()}
        share = self._settings.lifetime.margin_share
        for order, refunded in sorted(
            kept_orders(self._state), key=lambda each: each[0].occurred_at_us
        ):
            decision_id = self._credited.get(key_of[id(order)], "")
            yield Earned(order.occurred_at_us, share * (order.amount - refunded), decision_id)


def _no_values(_: str) -> Sequence[str]:
    return ()
