"""What the engine is compared with in a world: the world's own campaigns, segments of behaviour, a known click model.

The blanket and every segment are *told* which experience gets the most clicks among their people, from the truth that
no campaign has; they learn nothing and explore nothing. The comparison is generous to them. Whoever knows the click
model has nothing to learn and nothing to explore either: only tastes must be estimated, and those are the engine's.
"""

from __future__ import annotations

from itertools import chain
from typing import Final

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.proofs.baselines import k_means
from eachwise.proofs.world_record import Recording
from eachwise.proofs.world_stream import DAY_S, World, person_of, time_us
from eachwise.worlds import SILENCE

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
    sums, views, known = _nothing_viewed(world)
    week = ((world.t - world.begins_s) // (RECLUSTERED_EVERY_DAYS * DAY_S)).astype(np.int64)
    for each in np.unique(week):
        now_s = world.begins_s + float(each) * RECLUSTERED_EVERY_DAYS * DAY_S
        past = int(at_s.searchsorted(now_s))
        fresh = slice(known, past)
        np.add.at(sums, who[fresh], world.shop.catalogue.indicator[viewed[fresh]])
        views += np.bincount(who[fresh], minlength=len(views))
        known = past
        cluster = k_means(_shares(sums, views), CLUSTERS, world.scenario.seed)
        rows = week == each
        choice[rows] = _most_clicked(world, cluster, now_s)[cluster[world.person[rows]]]
    return choice


def known_model(world: World, recording: Recording) -> Ints:
    """What the world's own click model chooses at each decision (D,), given the engine's estimates of tastes.

    A taste is read from the affinity a of its value as u = α + β·a, by least squares on the *true* tastes of all people
    and times: no reading that is linear in the affinity errs less. Then the experience with the highest P(click), of
    those that passed the engine's filters.
    """
    chance = world.shop.model.click_of_taste(estimated_tastes(world, recording), world.t)
    allowed = np.zeros(chance.shape, dtype=bool)
    allowed[:, recording.world_of] = recording.passed
    best = np.where(allowed, chance, -1.0).argmax(axis=1)
    return np.where(allowed.any(axis=1), best, SILENCE)


def estimated_tastes(world: World, recording: Recording) -> Floats:
    """(D, V): what the engine's affinities say of the true tastes, value by value."""
    true = world.shop.taste(world.person, world.t)
    affinity = recording.general.astype(np.float64)
    about = affinity - affinity.mean(axis=0)
    squares = (about * about).sum(axis=0)
    slope = (about * true).sum(axis=0) / np.where(squares > 0.0, squares, 1.0)
    return np.asarray(true.mean(axis=0) + slope * about)


def _views(world: World) -> tuple[Ints, Ints, Floats]:
    """(person, item's row, time in Unix seconds) of every item viewed, in the order of time."""
    row_of = {item.item_id: row for row, item in enumerate(world.shop.catalogue.items)}
    of_visits = (event for visit in world.visits for event in visit.events)
    found = np.array(
        [
            (person_of(event), row_of[event["properties"]["product_id"]], time_us(event))
            for event in chain(world.history, of_visits)
            if event.get("event") == "Product Viewed"
        ],
        dtype=np.int64,
    )
    found = found[found[:, 2].argsort(kind="stable")]
    return found[:, 0], found[:, 1], found[:, 2] / 1e6


def _nothing_viewed(world: World) -> tuple[Floats, Ints, int]:
    """Sums of attribute values (P, 37), views (P,) and how many views they hold, before the first."""
    people = world.scenario.people
    sums = np.zeros((people, world.shop.catalogue.indicator.shape[1]))
    return sums, np.zeros(people, dtype=np.int64), 0


def _shares(sums: Floats, views: Ints) -> Floats:
    """Each person's shares of the attribute values among the items viewed, (P, 37)."""
    everybody = sums.sum(axis=0) / max(int(views.sum()), 1)
    shares = sums / np.maximum(views, 1)[:, None]
    return np.where(views[:, None] > 0, shares, everybody)


def _most_clicked(world: World, cluster: Ints, now_s: float) -> Ints:
    """The experience with the most expected clicks among the people of each cluster, by the truth at ``now_s``."""
    click = world.shop.click_probability(np.arange(len(cluster)), now_s)
    clicks = np.zeros((int(cluster.max()) + 1, click.shape[1]))
    np.add.at(clicks, cluster, click)
    return np.asarray(clicks.argmax(axis=1), dtype=np.int64)
