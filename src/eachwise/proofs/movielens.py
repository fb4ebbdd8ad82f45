"""``prove movielens``: individuals beside segments on MovieLens-1M, through the code that serves.

Each person's last remaining item is the test, the one before it tunes the blend's weights and nothing else. Every
interaction becomes a Product Viewed event, folded by ``individual.fold`` and counted by ``TasteStatistics``; every
ranking is ``recommend.rank`` over all items, history excluded. Before the test, what came before is folded and
counted in full, the tuning item with it: for the segments and the reference too.
"""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from eachwise.catalog import build_index, values_of_item
from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.individual import Individual
from eachwise.events import meaning_of
from eachwise.flow.taste import previous_items
from eachwise.individual import Population, affinity_vectors, fold, viewed_items
from eachwise.maths.decay import seconds
from eachwise.proofs.baselines import Matrix, behaviour, ease, k_means, popularity_by_segment
from eachwise.proofs.report import Estimate, Proof, mean, progress, publish, ratio
from eachwise.recommend import PersonTaste, Ranking, TasteStatistics, rank, solve
from eachwise.settings import RecommendSettings, Settings

CUTOFF = 10
CLUSTERS = 50
GENDER_AGE, K_MEANS = "segment:gender_age", f"segment:kmeans_{CLUSTERS}"
BLEND = "individual:blend"
MARKS: Final = {GENDER_AGE: 5.0, K_MEANS: 3.5}  # Recall@10 of individuals over that of segments

# The data have an order and no times. Ten minutes from item to item, everyone's last at the same
# moment, gave the best affinities on the tuning items among 1, 10, 60 and 360; the blend is the same.
_SPACING_US = 10 * 60 * 1_000_000
_END_US = 1_000_000_000_000_000
_TUNING_PEOPLE_MAX = 2000  # bounds the memory for their scores: 89 MB for three sources
_AFFINITY_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 2.0)
_TREND_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5)


@dataclass(frozen=True, kw_only=True)
class Data:
    """The data: for each of U people the catalogue rows in order, and the gender × age segment."""

    catalog: CatalogIndex
    histories: tuple[Ints, ...]
    segments: Ints


def run(path: Path, *, as_json: bool = False, users: int | None = None, seed: int = 0) -> Proof:
    """Run the proof on a folder such as ml-1m, print it, and return it. ``users`` takes that many at random.

    Raises ``MissingExtra`` without polars, ``InvalidInput`` where the folder does not hold the data.
    """
    data = load(path, users=users, seed=seed)
    people = len(data.histories)
    progress(f"movielens: {people:,} people, {len(data.catalog.item_ids):,} items")
    engine = _Engine(data)
    started = time.perf_counter()
    for person, rows in enumerate(data.histories):
        for position in range(len(rows) - 2):
            engine.observe(person, position)
    progress(f"movielens: {engine.events:,} events folded in {time.perf_counter() - started:.1f} s")
    weights = tune(engine, seed)
    for person, rows in enumerate(data.histories):
        engine.observe(person, len(rows) - 2)
    history = _history(data)
    arms = _segments(data, history, seed)
    arms |= _individuals(engine, weights)
    arms["reference:ease"] = _unseen_ranks(data, ease(history), history)
    proof = Proof(
        proof="movielens",
        protocol=_protocol(data, weights),
        arms={arm: _figures(ranks) for arm, ranks in arms.items()},
        verdict=_verdict(arms, seed),
    )
    publish(proof, as_json=as_json)
    return proof


def load(path: Path, *, users: int | None = None, seed: int = 0) -> Data:
    """Read interactions.parquet, movies.csv and users.csv; people with fewer than three items are left out."""
    try:
        import polars  # noqa: PLC0415 — an extra: only proofs read Parquet
    except ModuleNotFoundError:
        raise MissingExtra("polars is not installed: pip install 'eachwise[train]'") from None
    for name in ("interactions.parquet", "movies.csv", "users.csv"):
        if not (path / name).is_file():
            raise InvalidInput(f"{path}: has no {name}; give a folder such as ml-1m", field="path")
    table = polars.read_parquet(path / "interactions.parquet").sort("user_id", "position")
    catalog = build_index(_items(path / "movies.csv", set(table["movie_id"].to_list())), version=1)
    rows = np.array([catalog.row_of[str(movie)] for movie in table["movie_id"].to_list()])
    user_ids, starts = np.unique(table["user_id"].to_numpy(), return_index=True)
    histories = dict(zip(user_ids.tolist(), np.split(rows, starts[1:]), strict=True))
    chosen = [user for user, history in histories.items() if len(history) >= 3]
    if users is not None and users < len(chosen):
        kept = np.random.default_rng(seed).choice(len(chosen), users, replace=False)
        chosen = [chosen[place] for place in sorted(kept.tolist())]
    with (path / "users.csv").open(encoding="utf-8", newline="") as file:
        groups = {int(row["user_id"]): (row["gender"], row["age"]) for row in csv.DictReader(file)}
    number = {group: place for place, group in enumerate(sorted(set(groups.values())))}
    return Data(
        catalog=catalog,
        histories=tuple(histories[user] for user in chosen),
        segments=np.array([number[groups[user]] for user in chosen], dtype=np.int64),
    )


def _items(path: Path, wanted: set[int]) -> list[Item]:
    """The movies that anyone saw, with their genres and decade as attributes."""
    items = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if int(row["movie_id"]) in wanted:
                year = row["title"].rstrip()[-5:-1]
                attributes: dict[str, str | list[str]] = {"genre": row["genres"].split("|")}
                if year.isdigit():
                    attributes["decade"] = f"{year[:3]}0s"
                items.append(
                    Item(item_id=row["movie_id"], title=row["title"], attributes=attributes)
                )
    return items


class _Engine:
    """The serving stages over everyone's events so far."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.settings = Settings()
        self.events = 0
        self._statistics = TasteStatistics()
        self._population = Population()
        self._states = [Individual() for _ in data.histories]
        self._values = {item.item_id: values_of_item(item) for item in data.catalog.items}
        self._meanings: dict[str, Meaning] = {}

    def observe(self, person: int, position: int) -> None:
        """Fold one interaction into its person and count it, as the flow does with every event."""
        rows = self.data.histories[person]
        item_id = self.data.catalog.item_ids[rows[position]]
        event = Event(
            message_id=f"{person}-{position}",
            kind="track",
            name="Product Viewed",
            user_id=str(person),
            occurred_at_us=_END_US - (len(rows) - position) * _SPACING_US,
            received_at_us=_END_US,
            properties={"product_id": item_id},
        )
        meaning = self._meanings.get(item_id)
        if meaning is None:  # a pure function of name and properties
            meaning = self._meanings[item_id] = meaning_of(event, self.settings.events)
        state = self._states[person]
        fold(state, event, meaning, self._values.__getitem__, self.settings.affinity)
        at_s = seconds(event.occurred_at_us)
        previous = previous_items(state, event.occurred_at_us)
        self._statistics.observe(previous, item_id, at_s, meaning.weight)
        self._population.observe(self._values[item_id], at_s, meaning.weight)
        self.events += 1

    def model(self) -> TasteModel:
        """The taste model that would be published now."""
        return solve(
            self._statistics,
            version=1,
            item_ids=self.data.catalog.item_ids,
            expected=self._population.shares(),
            neighbours_max=self.settings.recommend.neighbours_max,
            now_s=seconds(_END_US),
        )

    def ranking(
        self, person: int, position: int, model: TasteModel, weights: RecommendSettings
    ) -> Ranking:
        """What would be shown to a person just before this position."""
        catalog = self.data.catalog
        state = self._states[person]
        now_us = _END_US - (len(self.data.histories[person]) - position) * _SPACING_US
        expected = np.array([model.expected.get(value, 0.0) for value in catalog.values])
        affinity = affinity_vectors(
            state, catalog.value_of, len(catalog.values), expected, now_us, self.settings.affinity
        )
        taste = PersonTaste(recents=viewed_items(state), affinity=affinity, now_us=now_us)
        return rank(taste, model, catalog, weights)


def tune(engine: _Engine, seed: int) -> dict[str, RecommendSettings]:
    """The weights of each individual arm: the best NDCG@10 on the tuning items of up to 2,000 people."""
    histories = engine.data.histories
    size = min(len(histories), _TUNING_PEOPLE_MAX)
    people = np.random.default_rng(seed).choice(len(histories), size, replace=False)
    shape = (size, len(engine.data.catalog.item_ids))
    parts = {name: np.zeros(shape, np.float32) for name in ("transitions", "affinity", "trend")}
    seen = np.zeros(shape, np.bool_)
    targets = np.empty(size, dtype=np.int64)
    model = engine.model()
    for place, person in enumerate(people.tolist()):
        rows = histories[person]
        targets[place] = rows[-2]
        seen[place, rows[:-2]] = True
        contributions = engine.ranking(
            person, len(rows) - 2, model, _weights(1, 1, 1)
        ).contributions
        for name, scores in parts.items():
            scores[place] = contributions[name]

    def quality(weights: RecommendSettings) -> float:
        scores = np.float32(weights.transition_weight) * parts["transitions"]
        scores += np.float32(weights.affinity_weight) * parts["affinity"]
        scores += np.float32(weights.trend_weight) * parts["trend"]
        scores[seen] = -np.inf
        return float(_gains(_ranks(scores, targets)).mean())

    arms = {
        "individual:transitions": [_weights(1, 0, 0)],
        "individual:affinity": [_weights(0, affinity, 1) for affinity in _AFFINITY_WEIGHTS],
        BLEND: [_weights(1, a, t) for a in _AFFINITY_WEIGHTS for t in _TREND_WEIGHTS],
    }
    best = {}
    for arm, candidates in arms.items():
        tried = [(quality(one), place) for place, one in enumerate(candidates)]
        top = max(tried, key=lambda one: (one[0], -one[1]))
        best[arm] = candidates[top[1]]
        progress(f"movielens: {arm} tunes to NDCG@10 {top[0]:.4f} with {_said(best[arm])}")
    return best


def _weights(transition: float, affinity: float, trend: float) -> RecommendSettings:
    return RecommendSettings(
        transition_weight=transition, affinity_weight=affinity, trend_weight=trend
    )


def _said(weights: RecommendSettings) -> str:
    return (
        f"transitions {weights.transition_weight:g}, affinity {weights.affinity_weight:g}, "
        f"trend {weights.trend_weight:g}"
    )


def _individuals(engine: _Engine, weights: dict[str, RecommendSettings]) -> dict[str, Ints]:
    """Each arm's ranks (U,) of the test items, by the ranking that serves."""
    model = engine.model()
    arms = {}
    for arm, settings in weights.items():
        started = time.perf_counter()
        ranks = []
        for person, rows in enumerate(engine.data.histories):
            scores = engine.ranking(person, len(rows) - 1, model, settings).scores
            scores[rows[:-1]] = -np.inf
            ranks.append(_ranks(scores[None, :], rows[-1:])[0])
        each_us = (time.perf_counter() - started) / len(ranks) * 1e6
        progress(f"movielens: {arm}: {each_us:.0f} µs a person, affinity and full ranking")
        arms[arm] = np.array(ranks)
    return arms


def _segments(data: Data, history: Matrix, seed: int) -> dict[str, Ints]:
    """Ranks (U,) of the test items by popularity: for all, and in each person's segment."""
    clusters = k_means(behaviour(history, seed), CLUSTERS, seed)
    groups = {
        "blanket": np.zeros(len(data.histories), dtype=np.int64),
        GENDER_AGE: data.segments,
        K_MEANS: clusters,
    }
    arms = {}
    for arm, group in groups.items():
        counts = popularity_by_segment(history, group)
        arms[arm] = _unseen_ranks(data, counts[group].astype(np.float32), history)
    return arms


def _unseen_ranks(data: Data, scores: Matrix, history: Matrix) -> Ints:
    targets = np.array([rows[-1] for rows in data.histories])
    return _ranks(np.where(history > 0, np.float32(-np.inf), scores), targets)


def _history(data: Data) -> Matrix:
    """Who engaged with what before the test: (U, N) of 0 and 1."""
    history = np.zeros((len(data.histories), len(data.catalog.item_ids)), np.float32)
    for person, rows in enumerate(data.histories):
        history[person, rows[:-1]] = 1.0
    return history


def _ranks(scores: Floats | Matrix, targets: Ints) -> Ints:
    """How many items stand above each target: (U, N), (U,) → (U,). Ties go to the lower row."""
    own = scores[np.arange(len(targets)), targets][:, None]
    lower = np.arange(scores.shape[1])[None, :] < targets[:, None]
    above: Ints = ((scores > own) | ((scores == own) & lower)).sum(axis=1)
    return above


def _gains(ranks: Ints) -> Floats:
    """NDCG@10 of one relevant item: 1 / log₂(rank + 2) in the first ten, else 0; shape (U,)."""
    return np.where(ranks < CUTOFF, 1.0 / np.log2(ranks + 2.0), 0.0)


def _figures(ranks: Ints) -> dict[str, Estimate]:
    return {"recall@10": mean(ranks < CUTOFF), "ndcg@10": mean(_gains(ranks))}


def _protocol(data: Data, weights: dict[str, RecommendSettings]) -> str:
    return (
        f"last item of {len(data.histories):,} people as test, the one before tunes the weights only; "
        f"all {len(data.catalog.item_ids):,} items ranked, history excluded, every interaction positive; "
        f"{BLEND} has {_said(weights[BLEND])}; individual:affinity is affinity beside popularity; "
        "intervals: normal over people, 95 %"
    )


def _verdict(arms: dict[str, Ints], seed: int) -> str:
    """How many times the segments' Recall@10 individuals reach, beside the marks."""
    parts, met = [], True
    found = (arms[BLEND] < CUTOFF).astype(np.float64)
    for arm, mark in MARKS.items():
        times = ratio(found, (arms[arm] < CUTOFF).astype(np.float64), seed=seed)
        met = met and times.value >= mark
        parts.append(
            f"{times.value:.2f} × {arm} [{times.low:.2f}, {times.high:.2f}] (mark {mark:g})"
        )
    outcome = "individuals reach the marks" if met else "individuals miss the marks"
    return f"{outcome}: Recall@10 of {BLEND} is {' and '.join(parts)}"
