"""Leave-last-out: every person's last item is the test, and training sees all but that. Shared by two proofs.

The data have an order and no times, so times are made: everyone's last item comes at the same moment, the others before
it at a fixed spacing. Then the newest engagements, on which training chooses by itself, are everyone's last but one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.taste import Interactions, Parts, TrainedModel
from eachwise.proofs.baselines import (
    PlainEase,
    behaviour,
    history,
    k_means,
    popularity_by_segment,
)
from eachwise.proofs.ranking import (
    SLOW_MODELS,
    Blends,
    Popular,
    Questions,
    Ranks,
    Scorer,
    answer,
    fit_each,
    score_us,
)
from eachwise.proofs.served import state_bytes
from eachwise.recommend.registry import MODELS
from eachwise.recommend.training import TrainingOptions, train

CLUSTERS: Final = 50
BLANKET, K_MEANS = "blanket", f"segment:kmeans_{CLUSTERS}"
CLOSED, BLEND, AFFINITY = "individual:closed_form", "individual:blend", "individual:affinity"
EASE: Final = "reference:ease"
_END_S = 1_000_000_000.0
_ITEMS_MIN = 3  # a test, one to validate on, and one to know the person by


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """For each of U people the catalogue rows in order, the last one the test; segments by name, (U,) each."""

    catalog: CatalogIndex
    histories: tuple[Ints, ...]
    segments: Mapping[str, Ints] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Each arm's ranks and costs, what was trained, and the training's own report."""

    ranks: dict[str, Ranks]
    costs: dict[str, dict[str, float]]
    trained: dict[str, TrainedModel]


def sampled(lengths: Ints, users: int | None, seed: int) -> Ints:
    """The people to take, ascending: those with three items at least, ``users`` of them at random where given."""
    chosen = np.flatnonzero(lengths >= _ITEMS_MIN)
    if users is not None and users < len(chosen):
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, users, replace=False))
    return chosen


def interactions(people: People, spacing_s: float) -> tuple[Interactions, Interactions]:
    """Everyone's engagements: all of them, and all but the tests."""
    lengths = np.array([len(rows) for rows in people.histories], dtype=np.int64)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    from_end = np.repeat(indptr[1:], lengths) - np.arange(indptr[-1]) - 1
    count = len(from_end)
    whole = Interactions(
        item_ids=people.catalog.item_ids,
        indptr=indptr,
        rows=np.concatenate(people.histories).astype(np.int32),
        at_s=_END_S - from_end * spacing_s,
        weights=np.ones(count, np.float32),
        bought=np.zeros(count, np.bool_),
    )
    return whole, whole.before(_END_S)


def questions(whole: Interactions) -> Questions:
    """Each person's last item, asked just before it."""
    places = whole.indptr[1:] - 1
    return Questions(
        data=whole,
        places=places,
        begins=whole.indptr[:-1],
        relevant=tuple(whole.rows[places].astype(np.int64)[:, None]),
    )


def run_arms(
    people: People, *, spacing_s: float, closed_form: bool, seed: int, say: Callable[[str], None]
) -> Outcome:
    """Train, fit every model alone, and rank for everyone by every arm."""
    whole, known = interactions(people, spacing_s)
    asked = questions(whole)
    catalog = people.catalog
    costs: dict[str, dict[str, float]] = {}
    trained: dict[str, TrainedModel] = {}
    for arm, names in trainings(closed_form).items():
        started = time.process_time()
        options = TrainingOptions(models=names, seed=seed)
        trained[arm] = train(known, catalog, options, version=1, say=say)
        costs[arm] = {"fit_s": time.process_time() - started}
        say(f"{arm}: trained in {costs[arm]['fit_s']:.0f} s of processor time")
    trained.setdefault(BLEND, trained[CLOSED])
    costs.setdefault(BLEND, costs[CLOSED])
    budget = TrainingOptions().memory_bytes_max
    alone, spent = fit_each(
        known, catalog, (n for n in MODELS if n not in SLOW_MODELS), budget, say
    )
    weighed = blends(asked, alone, trained)
    for name, seconds in spent.items():
        costs.setdefault(_single(name), {"fit_s": seconds})
    scorers: list[Scorer] = [*segments(people, known, seed), weighed]
    if "ease" in alone:
        scorers.append(PlainEase(arm=EASE, questions=asked, parts=alone["ease"]))
        costs[EASE] = {"fit_s": spent["ease"]}
    found = answer(asked, scorers, say)
    size = state_bytes(catalog, known, seed=seed)
    for arm in weighed.weights:
        cost = costs.setdefault(arm, {})
        cost["bytes_person"] = size
        cost["score_us"] = score_us(asked, weighed.only(arm))
    return Outcome(ranks=found, costs=costs, trained=trained)


def trainings(closed_form: bool) -> dict[str, tuple[str, ...] | None]:
    """Arm → the models it may choose from. The affinity arm has nothing but tastes and what is popular."""
    closed = tuple(name for name in MODELS if name not in SLOW_MODELS)
    found: dict[str, tuple[str, ...] | None] = {AFFINITY: ("affinity", "trend"), CLOSED: closed}
    slow = SLOW_MODELS & set(MODELS)
    if slow and not closed_form and find_spec("jax") is not None:
        found[BLEND] = None
    return found


def _single(name: str) -> str:
    return f"individual:{name}"


def blends(
    asked: Questions, alone: Mapping[str, Parts], trained: Mapping[str, TrainedModel]
) -> Blends:
    """Every single model by its first feature, and every trained blend. Fits of one model on the same data are one."""
    parts: dict[str, Parts] = dict(alone)
    for model in trained.values():
        parts.update(model.parts)
    weights: dict[str, Mapping[str, float]] = {
        _single(name): {MODELS[name].features[0]: 1.0} for name in parts
    }
    weights.update({arm: model.blend for arm, model in trained.items()})
    return Blends(questions=asked, parts=parts, weights=weights)


def segments(people: People, known: Interactions, seed: int) -> list[Scorer]:
    """Popularity for all, in each named segment, and in clusters of like behaviour."""
    found = history(known)
    clusters = k_means(behaviour(found, seed), CLUSTERS, seed)
    groups: dict[str, Ints] = {
        BLANKET: np.zeros(len(people.histories), dtype=np.int64),
        **{f"segment:{name}": group for name, group in people.segments.items()},
        K_MEANS: clusters,
    }
    return [
        Popular(arm=arm, scores=popularity_by_segment(found, group), group=group)
        for arm, group in groups.items()
    ]


def described(trained: TrainedModel) -> str:
    """The models of a blend, the heaviest first, in words for a protocol."""
    names = dict.fromkeys(
        feature.partition(".")[0] for feature, weight in trained.blend.items() if weight
    )
    return ", ".join(names) or "nothing"


def hits(found: Ranks, cutoff: int) -> Floats:
    """1 where the one relevant item is among the first ``cutoff``; (Q,)."""
    return np.array([float(one[0] < cutoff) for one in found])
