"""``prove movielens`` on MovieLens-100K, split by real time: 80 % to fit on, 10 % to choose by, the last 10 % as test.

Nothing that happened after a person's question is known to any arm, and questions are asked once, where the test
begins: what a person takes up in the weeks after it is relevant. The trend is strong here, and that is the point.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Interactions
from eachwise.proofs.baselines import PlainEase, recent_popularity
from eachwise.proofs.lastout import BLANKET, BLEND, CLOSED, EASE, blends, described, trainings
from eachwise.proofs.ranking import (
    SLOW_MODELS,
    Popular,
    Questions,
    Ranks,
    Scorer,
    ablation,
    answer,
    figures,
    fit_each,
    ndcg,
    score_us,
)
from eachwise.proofs.report import Proof, mean, progress, publish
from eachwise.proofs.served import state_bytes
from eachwise.recommend.registry import MODELS
from eachwise.recommend.training import TrainingOptions, train

METRICS: Final = ("recall@10", "ndcg@10")
RECENT: Final = "reference:recent_popularity"
ANCHORS: Final = {
    "recent popularity (measured)": {"ndcg@10": 0.222},
    "EASE (measured)": {"ndcg@10": 0.211},
}
# Shares of the engagements, in the order of time.
_FIT, _CHOOSE = 0.8, 0.9
_WINDOWS_DAYS: Final = (1, 3, 7, 14, 30, 60, 120)
_DAY_S = 86_400.0
_GENRES = 19  # flags at the end of a row of u.item


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """All engagements with their times, and the moments where choosing and testing begin."""

    catalog: CatalogIndex
    interactions: Interactions
    choose_s: float
    test_s: float


def run(
    path: Path,
    *,
    as_json: bool = False,
    users: int | None = None,
    closed_form: bool = False,
    with_ablation: bool = False,
) -> Proof:
    """Run the proof on a folder with u.data, u.item and u.genre, print it, and return it.

    users: at most that many of the test's people, at random. Raises ``InvalidInput`` where the folder lacks a file.
    """
    data = load(path)
    known = data.interactions.before(data.test_s)
    asked = ask(data.interactions, data.test_s, users)
    progress(f"movielens by time: {len(asked)} people in the test, {len(known.rows):,} engagements")
    costs: dict[str, dict[str, float]] = {}
    trained = {}
    for arm, names in trainings(closed_form).items():
        started = time.process_time()
        options = TrainingOptions(models=names)
        trained[arm] = train(known, data.catalog, options, version=1, say=progress)
        costs[arm] = {"fit_s": time.process_time() - started}
    trained.setdefault(BLEND, trained[CLOSED])
    costs.setdefault(BLEND, costs[CLOSED])
    quick = (name for name in MODELS if name not in SLOW_MODELS)
    budget = TrainingOptions().memory_bytes_max
    alone, _ = fit_each(known, data.catalog, quick, budget, progress)
    window_days, popular = _popular(data, known, asked)
    weighed = blends(asked, alone, trained)
    scorers: list[Scorer] = [*popular, weighed]
    if "ease" in alone:
        scorers.append(PlainEase(arm=EASE, questions=asked, parts=alone["ease"]))
    found = answer(asked, scorers)
    size = state_bytes(data.catalog, known, seed=0)
    for arm in trained:
        costs[arm] |= {"bytes_person": size, "score_us": score_us(asked, weighed.only(arm))}
    met = np.flatnonzero(asked.places > asked.begins)
    proof = Proof(
        proof="movielens",
        protocol=(
            f"MovieLens-100K by time, 80/10/10: the {len(met)} people of the last tenth with a history, everything "
            f"they took up there relevant; all {len(data.catalog.items):,} items ranked, history excluded; {RECENT} of "
            f"{window_days} days, chosen on the tenth before; {BLEND} holds {described(trained[BLEND])}; "
            "intervals: normal over people, 95 %"
        ),
        arms={arm: figures(_of(ranks, met), METRICS) for arm, ranks in found.items()},
        verdict=_verdict(found, met),
        anchors=ANCHORS,
        costs=costs,
        ablation=ablation(trained[BLEND]) if with_ablation else {},
    )
    publish(proof, as_json=as_json)
    return proof


def load(path: Path) -> Data:
    """Read u.data (user, item, rating, seconds since 1970), u.item and u.genre."""
    for name in ("u.data", "u.item", "u.genre"):
        if not (path / name).is_file():
            raise InvalidInput(
                f"{path}: has no {name}; give a folder such as ml-100k", field="path"
            )
    table = np.loadtxt(path / "u.data", dtype=np.int64, ndmin=2)
    catalog = build_index(_items(path), version=1)
    order = np.lexsort((table[:, 3], table[:, 0]))
    users, item_numbers, _, at_s = table[order].T
    lengths = np.unique(users, return_counts=True)[1]
    moments = np.sort(at_s)
    return Data(
        catalog=catalog,
        interactions=Interactions(
            item_ids=catalog.item_ids,
            indptr=np.concatenate([[0], np.cumsum(lengths)]),
            rows=np.array([catalog.row_of[str(one)] for one in item_numbers], dtype=np.int32),
            at_s=at_s.astype(np.float64),
            weights=np.ones(len(at_s), np.float32),
            bought=np.zeros(len(at_s), np.bool_),
        ),
        choose_s=float(moments[int(_FIT * len(moments))]),
        test_s=float(moments[int(_CHOOSE * len(moments))]),
    )


def _items(path: Path) -> list[Item]:
    """The movies with their genres and decade; in Latin-1, fields between vertical bars."""
    genres = [
        line.split("|")[0]
        for line in (path / "u.genre").read_text("latin-1").splitlines()
        if "|" in line
    ]
    items = []
    for line in (path / "u.item").read_text("latin-1").splitlines():
        fields = line.split("|")
        flags = fields[-_GENRES:]
        own = [name for name, flag in zip(genres, flags, strict=True) if flag == "1"]
        attributes: dict[str, str | list[str]] = {"genre": own} if own else {}
        year = fields[2][-4:]
        if year.isdigit():
            attributes["decade"] = f"{year[:3]}0s"
        items.append(Item(item_id=fields[0], title=fields[1], attributes=attributes))
    return items


def ask(data: Interactions, since_s: float, users: int | None = None) -> Questions:
    """One question for each person with engagements from a moment on: what are they?"""
    later = data.at_s >= since_s
    owner = np.repeat(np.arange(data.people), np.diff(data.indptr))
    people = np.unique(owner[later])
    if users is not None and users < len(people):
        people = np.sort(np.random.default_rng(0).choice(people, users, replace=False))
    begins, ends = data.indptr[people], data.indptr[people + 1]
    places = ends - np.bincount(owner[later], minlength=data.people)[people]
    return Questions(
        data=data,
        places=places,
        begins=begins,
        relevant=tuple(
            np.unique(data.rows[place:end]).astype(np.int64)
            for place, end in zip(places.tolist(), ends.tolist(), strict=True)
        ),
    )


def _popular(data: Data, known: Interactions, asked: Questions) -> tuple[int, list[Scorer]]:
    """Popularity of all time and of the window that was best for the tenth before, and that window."""
    before = data.interactions.before(data.choose_s)
    choosing = ask(known, data.choose_s)
    tried = [
        _everyone(str(days), recent_popularity(before, data.choose_s - days * _DAY_S), choosing)
        for days in _WINDOWS_DAYS
    ]
    quality = {arm: float(ndcg(ranks, 10).mean()) for arm, ranks in answer(choosing, tried).items()}
    days = int(max(quality, key=lambda arm: quality[arm]))
    recent = recent_popularity(known, data.test_s - days * _DAY_S)
    return days, [
        _everyone(BLANKET, recent_popularity(known, -np.inf), asked),
        _everyone(RECENT, recent, asked),
    ]


def _everyone(arm: str, scores: Floats, asked: Questions) -> Popular:
    return Popular(arm=arm, scores=scores[None, :], group=np.zeros(len(asked), dtype=np.int64))


def _of(ranks: Ranks, numbers: Ints) -> Ranks:
    return tuple(ranks[number] for number in numbers.tolist())


def _verdict(found: dict[str, Ranks], met: Ints) -> str:
    """Who wins, and by how much the blend leads or trails recent popularity on the same people."""
    quality = {arm: float(ndcg(_of(ranks, met), 10).mean()) for arm, ranks in found.items()}
    best = max(quality, key=lambda arm: quality[arm])
    ahead = mean(ndcg(_of(found[BLEND], met), 10) - ndcg(_of(found[RECENT], met), 10))
    everyone = {arm: float(ndcg(found[arm], 10).mean()) for arm in (BLEND, RECENT)}
    return (
        f"{best} wins with NDCG@10 {quality[best]:.4f}; {BLEND} {quality[BLEND]:.4f} is {ahead.value:+.4f} "
        f"[{ahead.low:+.4f}, {ahead.high:+.4f}] from {RECENT} {quality[RECENT]:.4f}; with the "
        f"{len(found[BLEND]) - len(met)} people who were new: {everyone[BLEND]:.4f} against {everyone[RECENT]:.4f}"
    )
