"""``prove sessions``: the next item in each visit to a real shop, for every beginning of every visit of the test.

The data are visits in the order of time, one list of item ids a line. The last 7 % of them are the test; what is fitted
and every choice of a weight see the others only. Each visit is a person of its own, as the data tell no more.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Interactions, Parts, TrainedModel
from eachwise.proofs.lastout import AFFINITY, BLEND, CLOSED, described, trainings
from eachwise.proofs.ranking import (
    Blends,
    Questions,
    Ranks,
    ablation,
    answer,
    fit_each,
    samples,
    score_us,
)
from eachwise.proofs.report import Estimate, Proof, clustered, progress, publish
from eachwise.proofs.served import state_bytes
from eachwise.recommend.training import TrainingOptions, train

TEST_SHARE = 0.07
METRICS: Final = ("recall@20", "mrr@20")
MARK = 0.595  # Recall@20 that the blend is to reach
# One feature each: what followed the items of the visit, and what its neighbours hold.
SINGLE: Final = {
    "individual:transitions": ("transitions", "transitions.near"),
    "individual:vmis": ("sessions", "sessions.vmis"),
}
VMIS = "VMIS-kNN, m 2500, k 500 (Serenade)"
# On the same shop's withheld last visits, measured with the published parameters (docs/discussions/measured.md).
ANCHORS: Final = {
    "popularity": {"recall@20": 0.024, "mrr@20": 0.005},
    "popular in the session": {"recall@20": 0.391, "mrr@20": 0.261},
    "item transitions, decayed": {"recall@20": 0.502, "mrr@20": 0.238},
    VMIS: {"recall@20": 0.5535, "mrr@20": 0.2740},
}

# The data have an order and no times. Retailrocket's visits are four and a half months: one begins every 90 s. Inside a
# visit its items come in a minute, so that one is over before the next begins and no moment divides it.
_VISIT_S = 90.0
_LASTS_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """All visits as engagements, each visit a person; the first ``training`` of them are known."""

    catalog: CatalogIndex
    interactions: Interactions
    training: int


def run(
    path: Path,
    *,
    as_json: bool = False,
    sessions: int | None = None,
    closed_form: bool = False,
    with_ablation: bool = False,
    seed: int = 0,
) -> Proof:
    """Run the proof on a folder (or file) of visits, print it, and return it.

    sessions: ask about that many of the test's visits, drawn at random; closed_form: leave the learned net out;
    with_ablation: what each model adds. Raises ``InvalidInput`` where the folder does not hold the data.
    """
    data = load(path)
    count = data.interactions.people
    progress(f"sessions: {count:,} visits, {len(data.catalog.item_ids):,} items")
    known = first_visits(data.interactions, data.training)
    trained, costs = train_blends(known, data.catalog, closed_form=closed_form, seed=seed)
    questions, visit = ask(data, sessions, seed)
    progress(f"sessions: {len(questions):,} questions in {len(np.unique(visit)):,} visits")
    alone, spent = fit_each(
        known,
        data.catalog,
        [name for name, _ in SINGLE.values()],
        TrainingOptions().memory_bytes_max,
        progress,
    )
    blends = _blends(questions, alone, trained)
    costs |= {arm: {"fit_s": spent[name]} for arm, (name, _) in SINGLE.items() if name in spent}
    found = answer(questions, [Known(questions, known), blends])
    size = state_bytes(data.catalog, known, seed=seed)
    for arm in blends.weights:
        costs[arm] |= {
            "bytes_person": size,
            "score_us": score_us(questions, blends.only(arm)),
        }
    proof = Proof(
        proof="sessions",
        protocol=_protocol(data, questions, visit, trained[BLEND]),
        arms={arm: _figures(ranks, visit) for arm, ranks in found.items()},
        verdict=_verdict({arm: _figures(found[arm], visit)["recall@20"] for arm in trained}),
        anchors=ANCHORS,
        costs=costs,
        ablation=ablation(trained[BLEND]) if with_ablation else {},
    )
    publish(proof, as_json=as_json)
    return proof


def train_blends(
    known: Interactions, catalog: CatalogIndex, *, closed_form: bool, seed: int
) -> tuple[dict[str, TrainedModel], dict[str, dict[str, float]]]:
    """The blends that training chooses by itself, and the processor seconds of each; without a net both are one."""
    trained: dict[str, TrainedModel] = {}
    costs: dict[str, dict[str, float]] = {}
    for arm, names in trainings(closed_form).items():
        if arm == AFFINITY:  # the items have no attributes
            continue
        started = time.process_time()
        options = TrainingOptions(models=names, seed=seed)
        trained[arm] = train(known, catalog, options, version=1, say=progress)
        costs[arm] = {"fit_s": time.process_time() - started}
        progress(f"{arm}: trained in {costs[arm]['fit_s']:.0f} s of processor time")
    trained.setdefault(BLEND, trained[CLOSED])
    costs.setdefault(BLEND, dict(costs[CLOSED]))
    return trained, costs


def load(path: Path) -> Data:
    """Read visits: a .jsonl or .jsonl.gz file, or the only such file of a folder; those of one item are left out.

    Raises ``InvalidInput`` where there is no such file, or a line is not a list of ids.
    """
    visits = [visit for visit in _lines(_file(path)) if len(visit) > 1]
    training = len(visits) - round(len(visits) * TEST_SHARE)
    if training in (0, len(visits)):
        raise InvalidInput(f"{path}: {len(visits)} visits of two items: too few", field="path")
    item_ids = sorted({item_id for visit in visits for item_id in visit})
    catalog = build_index([Item(item_id=item_id) for item_id in item_ids], version=1)
    lengths = np.array([len(visit) for visit in visits])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    row_of = catalog.row_of
    rows = np.array([row_of[item_id] for visit in visits for item_id in visit], dtype=np.int32)
    places = np.arange(len(rows)) - np.repeat(indptr[:-1], lengths)
    begins_s = np.repeat(_VISIT_S * np.arange(len(visits)), lengths)
    interactions = Interactions(
        item_ids=catalog.item_ids,
        indptr=indptr,
        rows=rows,
        at_s=begins_s + _LASTS_S * places / np.repeat(lengths, lengths),
        weights=np.ones(len(rows), dtype=np.float32),
        bought=np.zeros(len(rows), dtype=np.bool_),
    )
    return Data(catalog=catalog, interactions=interactions, training=training)


def _file(path: Path) -> Path:
    """The file of visits: itself, or the only one in a folder."""
    if path.is_file():
        return path
    found = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")])
    if len(found) != 1:
        raise InvalidInput(
            f"{path}: holds {len(found)} files of visits (*.jsonl, *.jsonl.gz), not one; name the file",
            field="path",
        )
    return found[0]


def _lines(path: Path) -> Iterator[list[str]]:
    """Each line's item ids, as text."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield [str(one) for one in msgspec.json.decode(line, type=list[int | str])]
            except msgspec.DecodeError as error:
                raise InvalidInput(f"{path}, line {number}: {error}", field="path") from None


def first_visits(data: Interactions, count: int) -> Interactions:
    """The engagements of the first visits only."""
    end = int(data.indptr[count])
    return Interactions(
        item_ids=data.item_ids,
        indptr=data.indptr[: count + 1],
        rows=data.rows[:end],
        at_s=data.at_s[:end],
        weights=data.weights[:end],
        bought=data.bought[:end],
    )


def ask(data: Data, sessions: int | None, seed: int) -> tuple[Questions, Ints]:
    """A question before every item but the first of the test's visits, and the visit of each (Q,)."""
    indptr = data.interactions.indptr
    visits = np.arange(data.training, data.interactions.people)
    if sessions is not None and sessions < len(visits):
        chosen = np.random.default_rng(seed).choice(len(visits), sessions, replace=False)
        visits = visits[np.sort(chosen)]
    asked = np.diff(indptr)[visits] - 1
    visit = np.repeat(visits, asked)
    places = indptr[visit] + 1 + np.arange(len(visit)) - np.repeat(np.cumsum(asked) - asked, asked)
    relevant = tuple(data.interactions.rows[places].astype(np.int64)[:, None])
    questions = Questions(
        data=data.interactions,
        places=places,
        begins=indptr[visit],
        relevant=relevant,
        repeats=True,
    )
    return questions, visit


class Known:
    """Popularity, and popularity after what the visit holds, most often first, the newest first of equals."""

    def __init__(self, questions: Questions, known: Interactions) -> None:
        self.questions = questions
        counts = np.bincount(known.rows, minlength=len(known.item_ids))
        self.popular: Floats = counts / len(known.rows)

    def __call__(self, number: int) -> dict[str, Floats]:
        """Both arms' scores for one question; (N,) each."""
        place, begin = self.questions.places[number], self.questions.begins[number]
        held = self.questions.data.rows[begin:place]
        inside = self.popular.copy()
        np.add.at(inside, held, 2.0)
        inside[held] += np.arange(1, len(held) + 1) / len(
            held
        )  # the last one written is the newest
        return {"blanket": self.popular, "reference:popular_in_session": inside}


def _blends(
    questions: Questions, alone: dict[str, Parts], trained: dict[str, TrainedModel]
) -> Blends:
    """The single models and the trained blends. Fits of one model on the same data are one."""
    parts = dict(alone)
    for model in trained.values():
        parts.update(model.parts)
    weights: dict[str, dict[str, float]] = {
        arm: {feature: 1.0} for arm, (name, feature) in SINGLE.items() if name in parts
    }
    weights.update({arm: model.blend for arm, model in trained.items()})
    return Blends(questions=questions, parts=parts, weights=weights)


def _figures(ranks: Ranks, visit: Ints) -> dict[str, Estimate]:
    return {metric: clustered(samples(ranks, metric), visit) for metric in METRICS}


def _protocol(data: Data, questions: Questions, visit: Ints, model: TrainedModel) -> str:
    known = np.isin(
        np.concatenate(questions.relevant),
        data.interactions.rows[: data.interactions.indptr[data.training]],
    )
    return (
        f"the next item for all {len(questions):,} beginnings of {len(np.unique(visit)):,} visits, of the last "
        f"{TEST_SHARE:.0%}; all {len(data.catalog.item_ids):,} items ranked, repeats allowed; {1 - known.mean():.1%} "
        f"of the next items are in no earlier visit and count all the same; training sees the first "
        f"{data.training:,} visits and chooses on the newest of them; {BLEND} holds {described(model)}; "
        "intervals: 95 %, over visits"
    )


def _verdict(recalls: dict[str, Estimate]) -> str:
    """The blends beside the mark and the best that is published."""
    best = ANCHORS[VMIS]["recall@20"]
    met = all(one.value >= MARK for one in recalls.values())
    outcome = "individuals reach the mark" if met else "individuals miss the mark"
    said = "; ".join(
        f"{arm} {one.value:.4f} [{one.low:.4f}, {one.high:.4f}]" for arm, one in recalls.items()
    )
    return f"{outcome}: Recall@20 of {said} (mark {MARK:g}); {VMIS} has {best:g} on the withheld visits"
