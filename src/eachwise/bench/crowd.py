"""A large shop made of numbers: items in categories, people with tastes, drawn as arrays and never told as events.

What is drawn has the shape that matters for cost and for training: popular and rare items, people who keep to a few
categories and go on to items near the last one. It proves nothing about quality.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.adapters.sqlite import SqliteStore
from eachwise.contracts.arrays import Ints
from eachwise.contracts.individual import ANY_VALUE, RECENTS_MAX, Individual, Recent
from eachwise.contracts.ports import Commit
from eachwise.contracts.taste import Interactions

SEED = 11
CATEGORY_ITEMS = 100
BRANDS, COLOURS, TAGS = 500, 20, 300
DAY_S = 86_400.0
DAYS = 60.0
# Of a person's engagements, those in the favourite categories, and of those the ones that follow the last item.
FAVOURED, FOLLOWING = 0.85, 0.5
FAVOURITES = 3
BOUGHT = 0.05
# Half of all people have so many engagements or more; the spread is log-normal.
LENGTH_MEDIAN, LENGTH_SPREAD, LENGTH_MAX = 20.0, 0.8, 200
PEOPLE_A_COMMIT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """N items by number; item i lies in category i // 100."""

    items: int
    seed: int = SEED

    def item_id(self, number: int) -> str:
        """Ids in the order of the numbers."""
        return f"item-{number:07d}"

    def values(self, number: int) -> tuple[str, ...]:
        """``name=value`` of an item, sorted."""
        draw = (number * 2_654_435_761 + self.seed) % 2**32
        return (
            f"brand=b{draw % BRANDS}",
            f"category=c{number // CATEGORY_ITEMS}",
            f"colour=k{draw // 7 % COLOURS}",
            f"tag=t{draw // 11 % TAGS}",
            f"tag=u{draw // 13 % TAGS}",
        )

    def catalogue(self) -> Iterator[dict[str, object]]:
        """The items as they are uploaded."""
        for number in range(self.items):
            brand, category, colour, *tags = (
                value.partition("=")[2] for value in self.values(number)
            )
            yield {
                "item_id": self.item_id(number),
                "title": f"Item {number}",
                "attributes": {
                    "brand": brand,
                    "category": category,
                    "colour": colour,
                    "tag": tags,
                },
                "price": float(number % 97 + 1),
                "currency": "EUR",
            }

    def masses(self, rows: NDArray[np.integer]) -> dict[str, float]:
        """How many of these engagements are with items of each value, and of any."""
        found: dict[str, float] = {ANY_VALUE: float(len(rows))}
        for number, count in enumerate(np.bincount(rows, minlength=self.items).tolist()):
            if count:
                for value in self.values(number):
                    found[value] = found.get(value, 0.0) + count
        return found

    def lives(self, people: int, until_s: float, seed: int = SEED) -> Interactions:
        """What so many people did in the sixty days before a moment."""
        draw = np.random.default_rng([seed, people, self.items])
        drawn = draw.lognormal(np.log(LENGTH_MEDIAN), LENGTH_SPREAD, people)
        lengths = np.clip(drawn, 2, LENGTH_MAX).astype(np.int64)
        indptr = np.zeros(people + 1, dtype=np.int64)
        np.cumsum(lengths, out=indptr[1:])
        owner = np.repeat(np.arange(people), lengths)
        at_s = until_s - draw.random(len(owner)) * DAYS * DAY_S
        return Interactions(
            item_ids=tuple(self.item_id(number) for number in range(self.items)),
            indptr=indptr,
            rows=self._met(owner, indptr, draw).astype(np.int32),
            at_s=at_s[np.lexsort((at_s, owner))],
            weights=np.ones(len(owner), dtype=np.float32),
            bought=draw.random(len(owner)) < BOUGHT,
        )

    def _met(self, owner: Ints, indptr: Ints, draw: np.random.Generator) -> Ints:
        """The item of each engagement: in a favourite category, and near the last one there."""
        categories = -(-self.items // CATEGORY_ITEMS)
        size, people = len(owner), len(indptr) - 1
        # The square makes low numbers popular.
        favourites = (categories * draw.random((people, FAVOURITES)) ** 2).astype(np.int64)
        category = favourites[owner, draw.integers(0, FAVOURITES, size)]
        strays = draw.random(size) >= FAVOURED
        category[strays] = draw.integers(0, categories, int(strays.sum()))
        begins = draw.random(size) >= FOLLOWING
        begins[indptr[:-1]] = True
        first = np.maximum.accumulate(np.where(begins, np.arange(size), 0))
        steps = np.cumsum(np.where(begins, 0, draw.integers(1, 4, size)))
        place = (CATEGORY_ITEMS * draw.random(size) ** 2).astype(np.int64)[first]
        place = (place + steps - steps[first]) % CATEGORY_ITEMS
        rows: Ints = np.minimum(category[first] * CATEGORY_ITEMS + place, self.items - 1)
        return rows


def states(shop: Shop, data: Interactions) -> Iterator[bytes]:
    """The people's states, as a store holds them: recents, affinities, counts."""
    encode = msgspec.msgpack.Encoder().encode
    values = [shop.values(number) for number in range(shop.items)]
    for number, (begin, end) in enumerate(
        zip(data.indptr[:-1].tolist(), data.indptr[1:].tolist(), strict=True)
    ):
        rows, at_s = data.rows[begin:end].tolist(), data.at_s[begin:end].tolist()
        bought = data.bought[begin:end].tolist()
        last_s = at_s[-1]
        counts = Counter(value for row in rows for value in values[row])
        affinity = {value: [0.0, float(n), 0.0, 0.0, last_s] for value, n in counts.items()}
        affinity[ANY_VALUE] = [0.0, float(len(rows)), 0.0, 0.0, last_s]
        yield encode(
            Individual(
                affinity=affinity,
                activity=[float(len(rows)), last_s],
                counts={"view": len(rows)},
                days=sorted({int(second // DAY_S) for second in at_s}),
                recents=[
                    Recent(
                        int(second * 1e6), place, data.item_ids[row], "purchase" if buys else "view"
                    )
                    for place, (row, second, buys) in enumerate(
                        zip(rows, at_s, bought, strict=True)
                    )
                ][-RECENTS_MAX:],
                identifiers={person_id(number)},
                first_seen_us=int(at_s[0] * 1e6),
                last_seen_us=int(last_s * 1e6),
                events=len(rows),
            )
        )


def person_id(number: int) -> str:
    """The id of a person by number."""
    return f"user:crowd-{number:07d}"


def populate(store: SqliteStore, shop: Shop, data: Interactions) -> int:
    """Write everyone's state into a store, without a log behind them; returns the bytes of the states."""
    written = 0
    page: dict[str, bytes | None] = {}
    for number, state in enumerate(states(shop, data)):
        page[person_id(number)] = state
        written += len(state)
        if len(page) == PEOPLE_A_COMMIT:
            store.commit(Commit(individuals=page)).result()
            page = {}
    store.commit(Commit(individuals=page)).result()
    return written
