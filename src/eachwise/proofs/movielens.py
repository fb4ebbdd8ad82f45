"""``prove movielens``: individuals beside segments on MovieLens, through the models and the training that serve.

MovieLens-1M (``interactions.parquet``): each person's last remaining item is the test. Training sees all that came
before and chooses by itself, on each person's last item but one. MovieLens-100K (``u.data``): see ``movielens_100k``.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.proofs import movielens_100k
from eachwise.proofs.lastout import (
    BLEND,
    CLOSED,
    K_MEANS,
    Outcome,
    People,
    described,
    hits,
    run_arms,
    sampled,
)
from eachwise.proofs.ranking import ablation, figures, samples
from eachwise.proofs.report import Proof, mean, progress, publish, ratio

METRICS: Final = ("recall@10", "ndcg@10")
GENDER_AGE: Final = "segment:gender_age"
# Recall@10 of individuals over that of segments; NDCG@10 of the blends.
RATIO_MARKS: Final = {GENDER_AGE: 5.0, K_MEANS: 3.5}
NDCG_MARKS: Final = {BLEND: 0.19, CLOSED: 0.165}
# Published in one benchmark with this protocol, and gSASRec's own paper; the last three measured for this project.
ANCHORS: Final = {
    "FuXi-α (published)": {"recall@10": 0.316, "ndcg@10": 0.181},
    "eSASRec (published)": {"recall@10": 0.313, "ndcg@10": 0.177},
    "gSASRec (published)": {"recall@10": 0.300, "ndcg@10": 0.173},
    "HSTU (published)": {"recall@10": 0.304, "ndcg@10": 0.172},
    "SASRec, sampled softmax (published)": {"recall@10": 0.293, "ndcg@10": 0.168},
    "ALS (measured)": {"recall@10": 0.102, "ndcg@10": 0.053},
    "ItemKNN (measured)": {"recall@10": 0.079, "ndcg@10": 0.039},
    "BPR (measured)": {"recall@10": 0.068, "ndcg@10": 0.033},
}
# Ten minutes from item to item: ratings came in sittings.
_SPACING_S = 600.0
_FILES = ("interactions.parquet", "movies.csv", "users.csv")


def run(
    path: Path,
    *,
    as_json: bool = False,
    users: int | None = None,
    closed_form: bool = False,
    with_ablation: bool = False,
    seed: int = 0,
) -> Proof:
    """Run the proof on a folder such as ml-1m or ml-100k, print it, and return it.

    users: that many people at random; closed_form: leave the learned net out; with_ablation: what each model adds.
    Raises ``MissingExtra`` without polars, ``InvalidInput`` where the folder holds neither.
    """
    if (path / "u.data").is_file():
        return movielens_100k.run(
            path,
            as_json=as_json,
            users=users,
            closed_form=closed_form,
            with_ablation=with_ablation,
        )
    people = load(path, users=users, seed=seed)
    progress(f"movielens: {len(people.histories):,} people, {len(people.catalog.items):,} items")
    found = run_arms(people, spacing_s=_SPACING_S, closed_form=closed_form, seed=seed, say=progress)
    proof = Proof(
        proof="movielens",
        protocol=_protocol(people, found),
        arms={arm: figures(ranks, METRICS) for arm, ranks in found.ranks.items()},
        verdict=_verdict(found, seed),
        anchors=ANCHORS,
        costs=found.costs,
        ablation=ablation(found.trained[BLEND]) if with_ablation else {},
    )
    publish(proof, as_json=as_json)
    return proof


def load(path: Path, *, users: int | None = None, seed: int = 0) -> People:
    """Read interactions.parquet, movies.csv and users.csv; people with fewer than three items are left out."""
    try:
        import polars  # noqa: PLC0415 — an extra: only proofs read Parquet
    except ModuleNotFoundError:
        raise MissingExtra("polars is not installed: pip install 'eachwise[train]'") from None
    for name in _FILES:
        if not (path / name).is_file():
            raise InvalidInput(
                f"{path}: has no {name}; give a folder such as ml-1m, or one with u.data such as ml-100k",
                field="path",
            )
    table = polars.read_parquet(path / "interactions.parquet").sort("user_id", "position")
    catalog = build_index(_items(path / "movies.csv", set(table["movie_id"].to_list())), version=1)
    rows = np.array([catalog.row_of[str(movie)] for movie in table["movie_id"].to_list()])
    user_ids, starts, lengths = np.unique(
        table["user_id"].to_numpy(), return_index=True, return_counts=True
    )
    histories = np.split(rows, starts[1:])
    chosen = sampled(lengths, users, seed).tolist()
    with (path / "users.csv").open(encoding="utf-8", newline="") as file:
        groups = {int(row["user_id"]): (row["gender"], row["age"]) for row in csv.DictReader(file)}
    number = {group: place for place, group in enumerate(sorted(set(groups.values())))}
    segments = np.array([number[groups[int(user_ids[place])]] for place in chosen], dtype=np.int64)
    return People(
        catalog=catalog,
        histories=tuple(histories[place] for place in chosen),
        segments={"gender_age": segments},
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


def _protocol(people: People, found: Outcome) -> str:
    return (
        f"last item of {len(people.histories):,} people as test, training sees all before it and chooses on its own "
        f"validation data; all {len(people.catalog.items):,} items ranked, history excluded, every interaction "
        f"positive; {BLEND} holds {described(found.trained[BLEND])}; each single model by its first feature; "
        "intervals: normal over people, 95 %"
    )


def _verdict(found: Outcome, seed: int) -> str:
    """How many times the segments' Recall@10 individuals reach, and the blends' NDCG@10, beside the marks."""
    parts, met = [], True
    own = hits(found.ranks[BLEND], 10)
    for arm, mark in RATIO_MARKS.items():
        times = ratio(own, hits(found.ranks[arm], 10), seed=seed)
        met = met and times.value >= mark
        parts.append(
            f"{times.value:.2f} × {arm} [{times.low:.2f}, {times.high:.2f}] (mark {mark:g})"
        )
    for arm, mark in NDCG_MARKS.items():
        quality = mean(samples(found.ranks[arm], "ndcg@10"))
        met = met and quality.value >= mark
        parts.append(
            f"NDCG@10 of {arm} {quality.value:.4f} [{quality.low:.4f}, {quality.high:.4f}] (mark {mark:g})"
        )
    outcome = "individuals reach the marks" if met else "individuals miss the marks"
    return f"{outcome}: Recall@10 of {BLEND} is {'; '.join(parts)}"
