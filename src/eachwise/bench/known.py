"""Public data that the training is timed on, where ``EACHWISE_DATA`` names a folder that holds them."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.catalog import Item
from eachwise.contracts.taste import Interactions

VARIABLE = "EACHWISE_DATA"
# The data have an order and no times: ten minutes from one engagement to the next, everyone's last at one moment.
_END_S, _SPACING_S = 1_000_000_000.0, 600.0

Known = tuple[Interactions, CatalogIndex]


def known(name: str, people_max: int, say: Callable[[str], None]) -> Known | None:
    """The engagements and items of ``ml-1m`` or ``amazon-beauty``, of the first so many people; None, said, without."""
    folder = Path(os.environ.get(VARIABLE, "")) / name
    if not os.environ.get(VARIABLE) or not folder.is_dir():
        say(f"  {name} is left out: {VARIABLE} names no folder that holds it")
        return None
    return _READERS[name](folder, people_max)


def _movielens(folder: Path, people_max: int) -> Known:
    import polars  # noqa: PLC0415 — an extra: only this reads Parquet

    table = polars.read_parquet(folder / "interactions.parquet").sort("user_id", "position")
    people = table["user_id"].unique(maintain_order=True)[:people_max]
    table = table.filter(polars.col("user_id").is_in(people.implode()))
    lengths = table.group_by("user_id", maintain_order=True).len()["len"].to_list()
    with (folder / "movies.csv").open(encoding="utf-8", newline="") as file:
        items = [
            Item(
                item_id=row["movie_id"],
                title=row["title"],
                attributes={"genre": row["genres"].split("|")},
            )
            for row in csv.DictReader(file)
        ]
    return _known([str(one) for one in table["movie_id"].to_list()], lengths, items)


def _beauty(folder: Path, people_max: int) -> Known:
    (path,) = folder.glob("*.txt.gz")
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()[:people_max]
    sequences = [line.split()[1:] for line in lines]
    values: dict[str, list[int]] = {}
    for described in folder.glob("*_item2attributes.json.gz"):
        values = msgspec.json.decode(gzip.decompress(described.read_bytes()))
    ids = [item_id for sequence in sequences for item_id in sequence]
    items = [
        Item(item_id=one, attributes={"value": [str(value) for value in values.get(one, [])]})
        for one in sorted(set(ids))
    ]
    return _known(ids, [len(sequence) for sequence in sequences], items)


_READERS: dict[str, Callable[[Path, int], Known]] = {
    "ml-1m": _movielens,
    "amazon-beauty": _beauty,
}


def _known(item_ids: Sequence[str], lengths: Sequence[int], items: Sequence[Item]) -> Known:
    """Engagements in order, person after person, with so many each."""
    met = set(item_ids)
    catalog = build_index([item for item in items if item.item_id in met], version=1)
    ends = np.cumsum(lengths)
    from_end = np.repeat(ends, lengths) - np.arange(len(item_ids)) - 1
    data = Interactions(
        item_ids=catalog.item_ids,
        indptr=np.concatenate([[0], ends]).astype(np.int64),
        rows=np.array([catalog.row_of[one] for one in item_ids], dtype=np.int32),
        at_s=np.asarray(_END_S - from_end * _SPACING_S, dtype=np.float64),
        weights=np.ones(len(item_ids), np.float32),
        bought=np.zeros(len(item_ids), np.bool_),
    )
    return data, catalog
