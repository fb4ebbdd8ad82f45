"""When people visit, what they are shown and what they choose: behaviour that carries taste.

A visit is a few rounds. In each the person either searches for a kind of food or opens the home
page, is shown a slate of items, and picks one of them, or none, with softmax probabilities of the
true utilities (the sum of the tastes for an item's values). What was picked may go into the basket,
and a basket of a person who is logged in may become an order. Everything is drawn by (person, visit
number), so one visit is the same alone as in a history of two months.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eachwise.worlds.frozen.catalogue import Catalogue
from eachwise.worlds.frozen.draws import (
    BoolArray,
    Counter,
    FloatArray,
    IntArray,
    Stream,
    gumbel,
    uniform,
)
from eachwise.worlds.frozen.people import DAY_S, People
from eachwise.worlds.frozen.vocabulary import VALUES

VISITS_PER_DAY_MAX = 8
SLATE_SIZE = 8
ROUNDS_MAX = 6
ANOTHER_ROUND = 0.6  # probability of one more round, so 2.4 rounds on average
SEARCH_SHARE = 0.25  # of the rounds; the others open the home page
LEAVE_UTILITY = 0.5  # utility of picking nothing; about one slate in ten is left so
ADD_BIAS, ADD_SLOPE = -1.6, 0.5  # logit of adding a viewed product, by its utility
CHECKOUT_SHARE = 0.6  # of the baskets of people who are logged in
PHONE_SHARE = 0.6  # of the visits; the others come from a laptop with another anonymous id

# Relative visits in each hour of the day (UTC), with a peak after work. Nobody starts after 23:00,
# so that no visit crosses midnight.
HOUR_WEIGHTS = (
    0.2, 0.1, 0.1, 0.1, 0.2, 0.6, 1.4, 2.0, 2.2, 2.4, 2.8, 3.4,
    3.6, 2.8, 2.4, 2.6, 3.6, 5.0, 6.2, 6.6, 6.0, 4.4, 2.2, 0.0,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Visits:
    """Visits in the order of their start; all arrays have shape (visits,).

    person: index; number: unique for a person, day × VISITS_PER_DAY_MAX + place in the day;
    t: start, Unix seconds.
    """

    person: IntArray
    number: IntArray
    t: FloatArray


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What happened in each visit; R = ROUNDS_MAX, S = SLATE_SIZE.

    known: whether the person is logged in; shape (visits,).
    device: 0 for the phone, 1 for the laptop; shape (visits,).
    rounds: how many rounds the visit has; shape (visits,).
    searched: index of the value searched for, -1 on the home page; shape (visits, R).
    slate: indices of the items shown; shape (visits, R, S).
    chosen: index of the item viewed, -1 for none; shape (visits, R).
    added: whether the item went into the basket; shape (visits, R).
    ordered: whether the basket became an order; shape (visits,).
    """

    visits: Visits
    known: BoolArray
    device: IntArray
    rounds: IntArray
    searched: IntArray
    slate: IntArray
    chosen: IntArray
    added: BoolArray
    ordered: BoolArray

    def records(self) -> Iterator["VisitRecord"]:
        """The visits one by one, in plain Python numbers."""
        columns = (
            self.visits.person,
            self.visits.number,
            self.known,
            self.device,
            self.rounds,
            self.searched,
            self.slate,
            self.chosen,
            self.added,
            self.ordered,
        )
        return map(VisitRecord._make, zip(*(column.tolist() for column in columns), strict=True))


class VisitRecord(NamedTuple):
    """One row of a journal; the lists are over its rounds."""

    person: int
    number: int
    known: bool
    device: int
    rounds: int
    searched: list[int]
    slate: list[list[int]]
    chosen: list[int]
    added: list[bool]
    ordered: bool


@dataclass(frozen=True, kw_only=True)
class Pools:
    """Items by value, for slates: `members[start[v] : start[v] + size[v]]` carry value v.

    Row 37 is the home page: all items. searchable: values whose pool fills a slate.
    """

    members: IntArray
    start: IntArray
    size: IntArray
    searchable: IntArray

    @classmethod
    def build(cls, catalogue: Catalogue) -> "Pools":
        """People search for categories and cuisines."""
        pools = [np.flatnonzero(column) for column in catalogue.indicator.T]
        pools.append(np.arange(len(catalogue.items)))
        size = np.array([len(pool) for pool in pools])
        asked_for = np.array([value.startswith(("category=", "cuisine=")) for value in VALUES])
        return cls(
            members=np.concatenate(pools),
            start=np.cumsum(size) - size,
            size=size,
            searchable=np.flatnonzero(asked_for & (size[:-1] >= SLATE_SIZE)),
        )


def schedule(seed: int, people: People, day: int) -> Visits:
    """All visits that start on a day, counted from 1970-01-01 UTC: Poisson for each person."""
    everyone = np.arange(len(people.group))
    count = _poisson(people.visits_per_day, uniform(seed, Stream.VISIT_COUNT, everyone, day))
    person = np.repeat(everyone, count)
    place = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
    number = day * VISITS_PER_DAY_MAX + place
    t = day * DAY_S + _second_of_day(uniform(seed, Stream.VISIT_TIME, person, number))
    order = np.argsort(t, kind="stable")
    return Visits(person=person[order], number=number[order], t=t[order])


def browse(
    seed: int, people: People, catalogue: Catalogue, pools: Pools, visits: Visits
) -> Journal:
    """What happens in the visits."""
    person, number = visits.person, visits.number
    rounds = _rounds(uniform(seed, Stream.ROUNDS, person, number))
    taste = people.taste(person, visits.t)
    searched = _searches(seed, pools, visits, taste)
    slate = _slates(seed, pools, visits, searched)
    utility = taste @ catalogue.indicator.T
    shown = np.take_along_axis(
        utility, slate.reshape(len(person), int(np.prod(slate.shape[1:]))), axis=1
    ).reshape(slate.shape)
    chosen = np.stack(
        [
            pick(seed, visits, which, slate[:, which], shown[:, which])
            for which in range(ROUNDS_MAX)
        ],
        axis=1,
    )
    chosen = np.where(np.arange(ROUNDS_MAX) < rounds[:, None], chosen, -1)
    added = _adds(seed, catalogue, visits, chosen, utility)
    known = visits.t >= people.known_from_s[person]
    checks_out = uniform(seed, Stream.CHECKOUT, person, number) < CHECKOUT_SHARE
    return Journal(
        visits=visits,
        known=np.asarray(known),
        device=devices(seed, person, number),
        rounds=rounds,
        searched=searched,
        slate=slate,
        chosen=chosen,
        added=added,
        ordered=np.asarray(known & checks_out & added.any(axis=1)),
    )


def pick(seed: int, visits: Visits, which: int, slate: IntArray, utility: FloatArray) -> IntArray:
    """The item that each visitor picks from a slate, -1 for none; shape (visits,).

    slate and utility have shape (visits, S). An item's noise belongs to (person, visit, round,
    item), so an item is as tempting in one slate as in another: common random numbers for slates.
    """
    person, number = visits.person[:, None], visits.number[:, None]
    temptation = utility + gumbel(seed, Stream.CHOICE, person, number, which, slate)
    leaving = LEAVE_UTILITY + gumbel(seed, Stream.CHOICE, visits.person, visits.number, which, -1)
    best = temptation.argmax(axis=1)[:, None]
    stays = np.take_along_axis(temptation, best, axis=1)[:, 0] > leaving
    return np.where(stays, np.take_along_axis(slate, best, axis=1)[:, 0], -1)


def devices(seed: int, person: Counter, number: Counter) -> IntArray:
    """The device of each visit: 0 for the phone, 1 for the laptop."""
    return np.asarray(uniform(seed, Stream.DEVICE, person, number) >= PHONE_SHARE, dtype=np.int64)


def _poisson(mean: FloatArray, draw: FloatArray) -> IntArray:
    """Poisson counts by inversion, cut at VISITS_PER_DAY_MAX."""
    term = np.exp(-mean)
    cumulative = term.copy()
    count = np.zeros(len(mean), dtype=np.int64)
    for visits in range(1, VISITS_PER_DAY_MAX + 1):
        count += draw > cumulative
        term = term * mean / visits
        cumulative += term
    return count


def _second_of_day(draw: FloatArray) -> FloatArray:
    """Seconds after midnight by inversion of the hours' piecewise constant density."""
    edges = np.concatenate(([0.0], np.cumsum(HOUR_WEIGHTS)))
    return np.asarray(np.interp(draw * edges[-1], edges, np.arange(25) * 3600.0))


def _rounds(draw: FloatArray) -> IntArray:
    """Geometric numbers of rounds in 1..ROUNDS_MAX."""
    more = np.floor(np.log(draw) / np.log(ANOTHER_ROUND)).astype(np.int64)
    return np.asarray(np.minimum(1 + more, ROUNDS_MAX))


def _searches(seed: int, pools: Pools, visits: Visits, taste: FloatArray) -> IntArray:
    """What is searched for in each round, a softmax choice by taste; -1 is the home page."""
    person, number = visits.person[:, None, None], visits.number[:, None, None]
    rounds = np.arange(ROUNDS_MAX)[:, None]
    noise = gumbel(seed, Stream.SEARCH, person, number, rounds, pools.searchable)
    wanted = pools.searchable[(taste[:, None, pools.searchable] + noise).argmax(axis=-1)]
    searches = uniform(seed, Stream.SEARCH, person[..., 0], number[..., 0], rounds[:, 0], -1)
    return np.where(searches < SEARCH_SHARE, wanted, -1)


def _slates(seed: int, pools: Pools, visits: Visits, searched: IntArray) -> IntArray:
    """Distinct items for each slate, one from each eighth of the pool; shape (visits, R, S)."""
    slot = np.arange(SLATE_SIZE)
    draw = uniform(
        seed,
        Stream.SLATE,
        visits.person[:, None, None],
        visits.number[:, None, None],
        np.arange(ROUNDS_MAX)[:, None],
        slot,
    )
    size = pools.size[searched][..., None]  # -1 reads the last pool, the home page
    stratum = slot * size // SLATE_SIZE
    width = (slot + 1) * size // SLATE_SIZE - stratum
    place = stratum + (draw * width).astype(np.int64)
    return pools.members[pools.start[searched][..., None] + place]


def _adds(
    seed: int, catalogue: Catalogue, visits: Visits, chosen: IntArray, utility: FloatArray
) -> BoolArray:
    """Which viewed products go into the basket; recipes cannot."""
    liking = np.take_along_axis(utility, np.maximum(chosen, 0), axis=1)
    probability = 1.0 / (1.0 + np.exp(-(ADD_BIAS + ADD_SLOPE * liking)))
    draw = uniform(
        seed, Stream.ADD, visits.person[:, None], visits.number[:, None], np.arange(ROUNDS_MAX)
    )
    can_be_bought = (chosen >= 0) & ~catalogue.is_recipe[np.maximum(chosen, 0)]
    return np.asarray(can_be_bought & (draw < probability))
