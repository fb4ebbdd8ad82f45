"""``prove retail``: what a wholesaler's customers buy in the next thirty days, repeats allowed and novel items only.

UCI Online Retail (Chen, Sain & Guo 2012): one row an invoice's line. The last 30 days are the test; what is fitted and
every choice of a weight see what came before only. One trained blend answers both questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex, Floats
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.contracts.taste import Interactions, Parts, TrainedModel
from eachwise.proofs.baselines import recent_popularity
from eachwise.proofs.lastout import BLEND, described
from eachwise.proofs.ranking import (
    Blends,
    Questions,
    Scorer,
    ablation,
    answer,
    figures,
    fit_each,
    samples,
    score_us,
)
from eachwise.proofs.report import Estimate, Proof, mean, progress, publish
from eachwise.proofs.served import state_bytes
from eachwise.proofs.sessions import train_blends
from eachwise.recommend.training import TrainingOptions

DAY_S = 86400.0
WINDOW_DAYS = 30
METRICS: Final = ("recall@10", "ndcg@10")
NOVEL = "_novel"  # ends the arms that rank only what the customer never bought
FREQUENCY, EASE = "reference:personal_frequency", "reference:ease"
RECENT = "reference:recent_popularity"
REPEATS, ALS = "individual:repeats", "reference:als"
# The month after the file's, measured (docs/discussions/measured.md).
ANCHORS: Final = {
    "personal frequency, repeats allowed": {"ndcg@10": 0.345},
    "EASE, repeats allowed": {"ndcg@10": 0.351},
    "recent popularity, novel": {"ndcg@10": 0.097},
    "ALS and EASE, novel": {"ndcg@10": 0.096},
}

_COLUMNS: Final = ("InvoiceNo", "StockCode", "Description", "InvoiceDate", "CustomerID")
# Chosen on the 30 days before the test: of 20, 200, 1,000 and 5,000, on ones, counts and their logs.
_RIDGE = 200.0
# ALS (Hu, Koren & Volinsky 2008): confidence 1 + α·log(1 + count).
_FACTORS, _ALPHA, _ALS_RIDGE, _ALS_ROUNDS = 64, 10.0, 1.0, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The customers' lines, and the moment at which the test begins; ``interactions`` hold all of them.

    Customers are the people, in the order of their numbers; a cancelled line has the weight −1.
    """

    catalog: CatalogIndex
    interactions: Interactions
    since_s: float


def run(
    path: Path,
    *,
    as_json: bool = False,
    closed_form: bool = False,
    with_ablation: bool = False,
    skip_days: int = 0,
    seed: int = 0,
) -> Proof:
    """Run the proof on the file (or its folder), print it, and return it.

    closed_form: leave the learned net out; with_ablation: what each model adds; skip_days: leave that many of the last
    days out (30 asks about the month on which choices were made). Raises ``MissingExtra`` without polars,
    ``InvalidInput`` where the file does not hold the data.
    """
    data = load(path, skip_days=skip_days)
    known = data.interactions.before(data.since_s)
    progress(f"retail: {len(known.rows):,} lines before the test, {len(known.item_ids):,} items")
    trained, costs = train_blends(known, data.catalog, closed_form=closed_form, seed=seed)
    references = _References(known)
    budget = TrainingOptions().memory_bytes_max
    alone, _ = fit_each(known, data.catalog, ["repeats"], budget, progress)
    size = state_bytes(data.catalog, known, seed=seed)
    arms: dict[str, dict[str, Estimate]] = {}
    found: dict[str, Floats] = {}
    for repeats in (True, False):
        questions = ask(data, repeats=repeats)
        blends = _blends(questions, trained, alone)
        ranks = answer(questions, [references.scorer(questions), blends])
        for arm, one in ranks.items():
            name = arm if repeats else _novel(arm)
            arms[name] = figures(one, METRICS)
            found[name] = samples(one, "ndcg@10")
        for arm in trained:
            costs[arm] |= {
                "bytes_person": size,
                "score_us": score_us(questions, blends.only(arm)),
            }
    proof = Proof(
        proof="retail",
        protocol=_protocol(data, trained[BLEND]),
        arms=arms,
        verdict=_verdict(found),
        anchors=ANCHORS,
        costs=costs,
        ablation=ablation(trained[BLEND]) if with_ablation else {},
    )
    publish(proof, as_json=as_json)
    return proof


def _novel(arm: str) -> str:
    """The name of an arm that ranks what the customer never had."""
    return f"{'reference:popularity' if arm == 'blanket' else arm}{NOVEL}"


def load(path: Path, *, skip_days: int = 0) -> Data:
    """Read the lines of known customers in the order of time; see ``run``."""
    try:
        import polars  # noqa: PLC0415 — an extra: only proofs read Parquet
    except ModuleNotFoundError:
        raise MissingExtra("polars is not installed: pip install 'eachwise[train]'") from None
    file = _file(path)
    table = polars.read_parquet(file)
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise InvalidInput(f"{file}: has no column {missing[0]}", field="path")
    table = table.drop_nulls(["CustomerID", "StockCode", "InvoiceDate"])
    at_s = table["InvoiceDate"].dt.epoch("us").to_numpy() / 1e6
    end_s = float(at_s.max()) - skip_days * DAY_S if len(at_s) else 0.0
    table, at_s = table.filter(at_s <= end_s), at_s[at_s <= end_s]
    since_s = end_s - WINDOW_DAYS * DAY_S
    if not len(at_s) or not (at_s < since_s).any():
        raise InvalidInput(f"{file}: fewer than {WINDOW_DAYS} days are left", field="path")
    return Data(catalog=_catalog(table), interactions=_interactions(table, at_s), since_s=since_s)


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob("*.parquet"))
    if len(found) != 1:
        raise InvalidInput(
            f"{path}: holds {len(found)} Parquet files, not one; name the file", field="path"
        )
    return found[0]


def _catalog(table: Any) -> CatalogIndex:
    """Every item that was ever sold, with its longest description as its title."""
    titles: dict[str, str] = {}
    pairs = table.select("StockCode", "Description").unique().sort("StockCode", "Description")
    for item_id, title in pairs.rows():
        if len(title or "") >= len(titles.get(item_id, "")):
            titles[item_id] = title or ""
    return build_index(
        [Item(item_id=item_id, title=title.strip()) for item_id, title in titles.items()], version=1
    )


def _interactions(table: Any, at_s: Floats) -> Interactions:
    """The lines by customer and time; those of one invoice stay in its order."""
    _, owner = np.unique(table["CustomerID"].to_numpy(), return_inverse=True)
    item_ids = tuple(sorted(set(table["StockCode"].to_list())))
    row_of = {item_id: row for row, item_id in enumerate(item_ids)}
    rows = np.array([row_of[item_id] for item_id in table["StockCode"].to_list()], dtype=np.int32)
    cancelled = table["InvoiceNo"].str.starts_with("C").to_numpy()
    order = np.lexsort((np.arange(len(rows)), at_s, owner))
    return Interactions(
        item_ids=item_ids,
        indptr=np.concatenate([[0], np.cumsum(np.bincount(owner))]),
        rows=rows[order],
        at_s=at_s[order],
        weights=np.where(cancelled, -1.0, 1.0).astype(np.float32)[order],
        bought=~cancelled[order],
    )


def ask(data: Data, *, repeats: bool) -> Questions:
    """One question a customer who buys in the window, asked when it begins; without repeats, only of novel items.

    A customer without a novel item has no question then. The window's lines are moved to its first moment, so that no
    age tells when in the window the customer came.
    """
    whole = data.interactions
    inside = whole.at_s >= data.since_s
    places, relevant = [], []
    for begin, end in zip(whole.indptr[:-1].tolist(), whole.indptr[1:].tolist(), strict=True):
        first = end - int(inside[begin:end].sum())
        wanted = np.unique(whole.rows[first:end][whole.weights[first:end] > 0]).astype(np.int64)
        if not repeats:
            wanted = np.setdiff1d(wanted, whole.rows[begin:first])
        if len(wanted):
            places.append((first, begin))
            relevant.append(wanted)
    asked = Interactions(
        item_ids=whole.item_ids,
        indptr=whole.indptr,
        rows=whole.rows,
        at_s=np.minimum(whole.at_s, data.since_s),
        weights=whole.weights,
        bought=whole.bought,
    )
    found = np.array(places, dtype=np.int64).reshape(-1, 2)
    return Questions(
        data=asked,
        places=found[:, 0],
        begins=found[:, 1],
        relevant=tuple(relevant),
        repeats=repeats,
    )


def _blends(
    questions: Questions, trained: dict[str, TrainedModel], alone: dict[str, Parts]
) -> Blends:
    """What training chose; repetition alone stands beside it."""
    parts = dict(alone)
    for model in trained.values():
        parts.update(model.parts)
    weights: dict[str, dict[str, float]] = {arm: model.blend for arm, model in trained.items()}
    if "repeats" in alone:
        weights[REPEATS] = {"repeats.due": 1.0}
    return Blends(questions=questions, parts=parts, weights=weights)


class _References:
    """What customers are compared with, each from the whole history of everyone before the test."""

    def __init__(self, known: Interactions) -> None:
        counts = purchases(known)
        self._popular = counts.sum(axis=0)
        self._recent = recent_popularity(known, float(known.at_s.max()) - WINDOW_DAYS * DAY_S)
        self._ease = _item_weights((counts > 0).astype(np.float64), keep_self=False)
        self._linear = _item_weights(np.log1p(counts), keep_self=True)
        self._factors = _als(counts)

    def scorer(self, questions: Questions) -> Scorer:
        """Each arm's scores for one question; (N,) each."""
        share = self._popular / self._popular.sum()
        gram = self._factors.T @ self._factors

        def scores(number: int) -> dict[str, Floats]:
            span = slice(int(questions.begins[number]), int(questions.places[number]))
            own = np.zeros(len(share))
            speaks = questions.data.weights[span] > 0
            np.add.at(own, questions.data.rows[span][speaks], 1.0)
            # Popularity decides where an arm knows nothing of a customer.
            return {
                "blanket": self._popular,
                RECENT: self._recent,
                FREQUENCY: own + share,
                EASE: (own > 0) @ self._ease + 1e-6 * share,
                "reference:ease_counts": np.log1p(own) @ self._linear + 1e-6 * share,
                ALS: self._factors @ _als_side(self._factors, gram, own) + 1e-6 * share,
            }

        return scores


def purchases(data: Interactions) -> Floats:
    """How often each customer bought each item; (U, N)."""
    owner = np.repeat(np.arange(data.people), np.diff(data.indptr))
    counts = np.zeros((data.people, len(data.item_ids)))
    bought = data.weights > 0
    np.add.at(counts, (owner[bought], data.rows[bought]), 1.0)
    return counts


def _item_weights(history: Floats, *, keep_self: bool) -> Floats:
    """EASE (Steck 2019): P = (XᵀX + λI)⁻¹, B = −P / diag P without its diagonal; or the ridge I − λP, with it."""
    gram = history.T @ history
    precision = np.linalg.inv(gram + _RIDGE * np.eye(len(gram)))
    if keep_self:
        return np.asarray(np.eye(len(gram)) - _RIDGE * precision)
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def _als(counts: Floats) -> Floats:
    """Items' factors (N, 64) by weighted alternating least squares, from a seeded start."""
    items = np.random.default_rng(0).normal(0.0, 0.1, (counts.shape[1], _FACTORS))
    for _ in range(_ALS_ROUNDS):
        gram = items.T @ items
        people = np.stack([_als_side(items, gram, row) for row in counts])
        gram = people.T @ people
        items = np.stack([_als_side(people, gram, column) for column in counts.T])
    return items


def _als_side(factors: Floats, gram: Floats, counts: Floats) -> Floats:
    """One side's factors (64,) given the other's Y: (YᵀY + Yᵀ(C − I)Y + λI)⁻¹ Yᵀ C p; ``gram`` is YᵀY."""
    some = np.flatnonzero(counts)
    confidence = _ALPHA * np.log1p(counts[some])
    near = factors[some]
    normal = gram + (near.T * confidence) @ near + _ALS_RIDGE * np.eye(_FACTORS)
    return np.asarray(np.linalg.solve(normal, near.T @ (1.0 + confidence)), dtype=np.float64)


def _protocol(data: Data, model: TrainedModel) -> str:
    asked, novel = ask(data, repeats=True), ask(data, repeats=False)
    new = int((asked.places == asked.begins).sum())
    return (
        f"the last {WINDOW_DAYS} days: all {len(data.catalog.item_ids):,} items ranked at their beginning for each of "
        f"{len(asked):,} customers who buy in them ({new:,} of them new), every item bought is relevant; arms that end "
        f"in {NOVEL} rank what the customer never had, for {len(novel):,} with such an item; returns are no purchases, "
        f"lines without a customer are left out; training chooses on what came before; {BLEND} holds "
        f"{described(model)} and reads a customer's newest 50 lines and 128 purchases, references all; intervals: "
        "normal over customers, 95 %"
    )


def _verdict(found: dict[str, Floats]) -> str:
    """The blend beside what it is to beat, paired by customer."""
    parts, ahead = [], True
    for against, ending in ((FREQUENCY, ""), (EASE, ""), (RECENT, NOVEL)):
        gain = mean(found[BLEND + ending] - found[against + ending])
        ahead = ahead and gain.value > 0
        parts.append(
            f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] over {against}{ending}"
        )
    outcome = "ahead of" if ahead else "not ahead of"
    return f"the blend is {outcome} all three: NDCG@10 {', '.join(parts)}"
