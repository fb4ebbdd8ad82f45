"""``prove sequences``: short histories of many people, each person's last item as the test (Amazon Beauty).

The data are those that the published models used (the S3-Rec preparation): one line a person, the person's number and
then item ids in the order of time. Training chooses by itself on each person's last item but one.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.proofs.lastout import (
    BLEND,
    CLOSED,
    Outcome,
    People,
    described,
    run_arms,
    sampled,
)
from eachwise.proofs.ranking import ablation, figures, samples
from eachwise.proofs.report import Proof, mean, progress, publish

METRICS: Final = ("recall@10", "ndcg@10")
MARKS: Final = {BLEND: 0.068, CLOSED: 0.067}
# Published with this preparation and full ranking; the last four measured for this project.
ANCHORS: Final = {
    "SASRec, sampled softmax (published)": {"recall@10": 0.0921, "ndcg@10": 0.0531},
    "eSASRec (published)": {"recall@10": 0.0928, "ndcg@10": 0.0523},
    "FuXi-α (published)": {"recall@10": 0.0809, "ndcg@10": 0.0451},
    "HSTU (published)": {"recall@10": 0.0788, "ndcg@10": 0.0439},
    "ActionPiece (published)": {"recall@10": 0.0775, "ndcg@10": 0.0424},
    "EASE (measured)": {"recall@10": 0.075, "ndcg@10": 0.041},
    "ItemKNN (measured)": {"recall@10": 0.071, "ndcg@10": 0.041},
    "ALS (measured)": {"recall@10": 0.057, "ndcg@10": 0.029},
    "popularity (measured)": {"recall@10": 0.014, "ndcg@10": 0.006},
}
# Reviews of cosmetics: each is a visit of its own.
_SPACING_S = 7 * 86_400.0
_ATTRIBUTES = "_item2attributes.json.gz"


def run(
    path: Path,
    *,
    as_json: bool = False,
    users: int | None = None,
    closed_form: bool = False,
    with_ablation: bool = False,
    seed: int = 0,
) -> Proof:
    """Run the proof on a folder such as amazon-beauty, print it, and return it.

    users: that many people at random; closed_form: leave the learned net out; with_ablation: what each model adds.
    Raises ``InvalidInput`` where the folder does not hold the data.
    """
    people = load(path, users=users, seed=seed)
    progress(f"sequences: {len(people.histories):,} people, {len(people.catalog.items):,} items")
    found = run_arms(people, spacing_s=_SPACING_S, closed_form=closed_form, seed=seed, say=progress)
    proof = Proof(
        proof="sequences",
        protocol=_protocol(people, found),
        arms={arm: figures(ranks, METRICS) for arm, ranks in found.ranks.items()},
        verdict=_verdict(found),
        anchors=ANCHORS,
        costs=found.costs,
        ablation=ablation(found.trained[BLEND]) if with_ablation else {},
    )
    publish(proof, as_json=as_json)
    return proof


def load(path: Path, *, users: int | None = None, seed: int = 0) -> People:
    """Read the one ``*.txt.gz`` of a folder and, where it is there, ``*_item2attributes.json.gz`` (item → values)."""
    files = sorted(path.glob("*.txt.gz")) if path.is_dir() else []
    if len(files) != 1:
        raise InvalidInput(
            f"{path}: has no single .txt.gz; give a folder such as amazon-beauty", field="path"
        )
    lines = gzip.decompress(files[0].read_bytes()).decode("utf-8").splitlines()
    sequences = [line.split()[1:] for line in lines if line.strip()]
    attributes = _attributes(path)
    ids = sorted({item_id for sequence in sequences for item_id in sequence})
    items = [
        Item(item_id=one, attributes={"value": attributes[one]} if attributes.get(one) else {})
        for one in ids
    ]
    catalog = build_index(items, version=1)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    return People(
        catalog=catalog,
        histories=tuple(
            np.array([catalog.row_of[item_id] for item_id in sequences[place]], dtype=np.int64)
            for place in sampled(lengths, users, seed).tolist()
        ),
    )


def _attributes(path: Path) -> dict[str, list[str]]:
    """Item → the numbers of its attributes as words: the file gives no names."""
    found = sorted(path.glob(f"*{_ATTRIBUTES}"))
    if not found:
        return {}
    table = msgspec.json.decode(gzip.decompress(found[0].read_bytes()), type=dict[str, list[int]])
    return {item_id: [str(value) for value in values] for item_id, values in table.items()}


def _protocol(people: People, found: Outcome) -> str:
    return (
        f"last item of {len(people.histories):,} people as test, training sees all before it and chooses on its own "
        f"validation data; all {len(people.catalog.items):,} items ranked, history excluded; {BLEND} holds "
        f"{described(found.trained[BLEND])}; each single model by its first feature; "
        "intervals: normal over people, 95 %"
    )


def _verdict(found: Outcome) -> str:
    """Both blends' NDCG@10 beside the marks and the best published figure."""
    parts, met = [], True
    for arm, mark in MARKS.items():
        quality = mean(samples(found.ranks[arm], "ndcg@10"))
        met = met and quality.value >= mark
        parts.append(
            f"{arm} {quality.value:.4f} [{quality.low:.4f}, {quality.high:.4f}] (mark {mark:g})"
        )
    outcome = "individuals reach the marks" if met else "individuals miss the marks"
    best = max(ANCHORS, key=lambda name: ANCHORS[name]["ndcg@10"])
    known = ANCHORS[best]["ndcg@10"]
    return f"{outcome}: NDCG@10 of {'; '.join(parts)}; the best published is {known:.4f}, {best}"
