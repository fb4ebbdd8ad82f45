"""What a person is once everything has gone through the fold that serves: how large the state is."""

from __future__ import annotations

import msgspec
import numpy as np

from eachwise.catalog import values_of_item
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.events import Event
from eachwise.contracts.individual import Individual
from eachwise.contracts.taste import Interactions
from eachwise.events import meaning_of
from eachwise.individual import fold
from eachwise.settings import Settings

_SAMPLE = 100
_MICROSECONDS = 1_000_000


def folded(catalog: CatalogIndex, data: Interactions, person: int) -> Individual:
    """The state of one person of the data, every engagement a Product Viewed event, or Order Completed if bought."""
    settings, state = Settings(), Individual()
    for place in range(int(data.indptr[person]), int(data.indptr[person + 1])):
        item = catalog.items[catalog.row_of[data.item_ids[data.rows[place]]]]
        at_us = round(float(data.at_s[place]) * _MICROSECONDS)
        event = Event(
            message_id=f"{person}-{place}",
            kind="track",
            name="Order Completed" if data.bought[place] else "Product Viewed",
            user_id=str(person),
            occurred_at_us=at_us,
            received_at_us=at_us,
            properties={"product_id": item.item_id},
        )
        values = values_of_item(item)
        meaning = meaning_of(event, settings.events)
        fold(state, event, meaning, {item.item_id: values}.__getitem__, settings.affinity)
    return state


def state_bytes(catalog: CatalogIndex, data: Interactions, *, seed: int) -> float:
    """Mean size of a person's whole state as it is stored, over 100 people drawn at random."""
    size = min(_SAMPLE, data.people)
    people = np.random.default_rng(seed).choice(data.people, size, replace=False)
    return float(
        np.mean(
            [
                len(msgspec.msgpack.encode(folded(catalog, data, person)))
                for person in people.tolist()
            ]
        )
    )
