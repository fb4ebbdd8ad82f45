"""What the engine is compared with in a world: the world's own campaigns, and segments of behaviour.

The blanket and every segment are *told* which experience gets the most clicks among their people, from the truth that
no campaign has; they learn nothing and explore nothing. The comparison is generous to them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.proofs.baselines import k_means
from eachwise.proofs.world_stream import DAY_S, World, person_of, time_us

# The world's campaigns, and what they are called in a proof.
CAMPAIGNS: Final = {
    "blanket": "blanket",
    "segment:demographic_3": "segment:demographic-3",
    "segment:age_gender": "segment:age-gender",
    "reference:random": "random",
    "oracle": "oracle",
}
CLUSTERS = 8
KMEANS: Final = f"segment:kmeans_{CLUSTERS}"
# Clusters are made anew with all browsing so far as often as marketing departments do it, and oftener than most.
RECLUSTERED_EVERY_DAYS = 7.0


def campaign(world: World, arm: str) -> Ints:
    """What one of the world's campaigns chooses at each decision (D,)."""
    chooser = world.shop.campaign(CAMPAIGNS[arm])
    return np.asarray(chooser.choose(world.person, world.t, world.number), dtype=np.int64)


def kmeans(world: World) -> Ints:
    """What segments of behaviour choose at each decision (D,): eight clusters, made anew every week.

    A person is the shares of the catalogue's attribute values among the items viewed so far (those who viewed none
    are as everybody). The views are the events that the engine gets, those of the current visit excepted.
    """
    choice = np.zeros(len(world.t), dtype=np.int64)
    who, viewed, at_s = _views(world)
    week = ((world.t - world.begins_s) // (RECLUSTERED_EVERY_DAYS * DAY_S)).astype(np.int64)
    for each in np.unique(week):
        now_s = world.begins_s + float(each) * RECLUSTERED_EVERY_DAYS * DAY_S
        past = at_s < now_s
        shares = _shares(world, who[past], viewed[past])
        cluster = k_means(shares, CLUSTERS, world.scenario.seed)
        rows = week == each
        choice[rows] = _most_clicked(world, cluster, now_s)[cluster[world.person[rows]]]
    return choice


def _views(world: World) -> tuple[Ints, Ints, Floats]:
    """(person, item's row, time in Unix seconds) of every item viewed, in the history and in the visits."""
    row_of = {item.item_id: row for row, item in enumerate(world.shop.catalogue.items)}
    events = [*world.history, *(event for visit in world.visits for event in visit.events)]
    views = [event for event in events if event.get("event") == "Product Viewed"]
    rows = [row_of[event["properties"]["product_id"]] for event in views]
    return (
        np.array([person_of(event) for event in views], dtype=np.int64),
        np.array(rows, dtype=np.int64),
        np.array([time_us(event) for event in views]) / 1e6,
    )


def _shares(world: World, who: Ints, viewed: Ints) -> Floats:
    """Each person's shares of the attribute values among the items viewed, (P, 37)."""
    values = world.shop.catalogue.indicator
    sums = np.zeros((world.scenario.people, values.shape[1]))
    np.add.at(sums, who, values[viewed])
    views = np.bincount(who, minlength=len(sums))[:, None]
    everybody = sums.sum(axis=0) / max(len(who), 1)
    return np.where(views > 0, sums / np.maximum(views, 1), everybody)


def _most_clicked(world: World, cluster: Ints, now_s: float) -> Ints:
    """The experience with the most expected clicks among the people of each cluster, by the truth at ``now_s``."""
    click = world.shop.click_probability(np.arange(len(cluster)), now_s)
    clicks = np.zeros((int(cluster.max()) + 1, click.shape[1]))
    np.add.at(clicks, cluster, click)
    return np.asarray(clicks.argmax(axis=1), dtype=np.int64)
