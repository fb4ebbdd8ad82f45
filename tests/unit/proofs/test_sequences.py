"""``prove sequences``: on a small folder of the same format, and on the real data where it is."""

import gzip
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs import sequences

pytest.importorskip("scipy", reason="scipy is not installed: pip install 'eachwise[train]'")

PEOPLE, ITEMS = 90, 40
REAL = Path(os.environ.get("EACHWISE_DATA", "")) / "amazon-beauty"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short walks along a circle of items; every other one has attributes."""
    path = tmp_path_factory.mktemp("beauty")
    generator = np.random.default_rng(3)
    lines = []
    for person in range(PEOPLE):
        start, length = int(generator.integers(ITEMS)), int(generator.integers(4, 8))
        walk = [1 + (start + step) % ITEMS for step in range(length)]
        lines.append(" ".join(map(str, [person + 1, *walk])))
    lines.append(f"{PEOPLE + 1} 1 2")  # too short
    (path / "Shop.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    attributes = {str(item): [item % 5, 7] for item in range(1, ITEMS + 1, 2)}
    body = json.dumps(attributes).encode()
    (path / "Shop_item2attributes.json.gz").write_bytes(gzip.compress(body))
    return path


def test_the_folder_is_read(folder: Path) -> None:
    people = sequences.load(folder)
    assert len(people.histories) == PEOPLE
    assert len(people.catalog.items) == ITEMS
    first = [int(people.catalog.item_ids[row]) for row in people.histories[0]]
    assert [(b - a) % ITEMS for a, b in pairwise(first)] == [1] * (len(first) - 1)
    items = {item.item_id: item for item in people.catalog.items}
    assert items["3"].attributes == {"value": ["3", "7"]}
    assert items["4"].attributes == {}


def test_attributes_may_be_missing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "only.txt.gz").write_bytes((folder / "Shop.txt.gz").read_bytes())
    assert not any(item.attributes for item in sequences.load(tmp_path).catalog.items)


def test_individuals_win_where_the_next_item_is_certain(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = sequences.run(folder, closed_form=True, with_ablation=True)
    text = capsys.readouterr().out
    assert text.startswith("sequences: last item of 90 people as test")
    assert "anchor: SASRec, sampled softmax (published)" in text
    assert "on validation data" in text
    whole, *without = proof.ablation
    assert whole == "the whole blend"
    assert set(proof.ablation[whole]) == {"ndcg@10", "recall@20"}
    assert [name.partition(" ")[0] for name in without] == ["without"] * len(without)
    # Several models know the one item that follows: no single feature is missed, and each has its figures.
    assert len(without) >= 2
    assert all(abs(proof.ablation[one]["ndcg@10 lost"]) <= 1.0 for one in without)
    assert any(proof.ablation[one]["weight"] > 0.0 for one in without)
    assert proof.arms["individual:closed_form"]["recall@10"].value == 1.0
    assert proof.arms["individual:closed_form"]["ndcg@10"].value > 0.9
    assert proof.arms["blanket"]["ndcg@10"].value < 0.5
    assert proof.verdict.startswith("individuals reach the marks: NDCG@10 of individual:blend")


@pytest.mark.parametrize("files", [[], ["a.txt.gz", "b.txt.gz"]])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_bytes(gzip.compress(b""))
    with pytest.raises(InvalidInput, match=r"has no single \.txt\.gz"):
        sequences.run(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)  # minutes of work on a quiet core
@pytest.mark.skipif(not REAL.is_dir(), reason="EACHWISE_DATA names no folder of amazon-beauty")
def test_short_histories_are_enough_on_some_of_the_real_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    proof = sequences.run(REAL, users=4000, closed_form=True)
    capsys.readouterr()
    quality = {arm: figures["ndcg@10"].value for arm, figures in proof.arms.items()}
    assert quality["individual:closed_form"] > 2 * quality["segment:kmeans_50"]
    assert quality["individual:closed_form"] > quality["reference:ease"]
