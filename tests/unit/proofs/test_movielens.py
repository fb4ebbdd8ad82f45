"""``prove movielens``: on a small folder of the same format, and on the real data where it is."""

import builtins
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.proofs import movielens

polars = pytest.importorskip(
    "polars", reason="polars is not installed: pip install 'eachwise[train]'"
)

PEOPLE, MOVIES, LENGTH = 80, 60, 14
REAL = Path(os.environ.get("EACHWISE_DATA", "")) / "ml-1m"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody watches the numbered films in order from a film of their own: the next one is certain."""
    path = tmp_path_factory.mktemp("ml")
    generator = np.random.default_rng(2)
    rows = []
    for user in range(1, PEOPLE + 1):
        start = int(generator.integers(MOVIES))
        rows += [
            {"user_id": user, "position": t, "movie_id": 1 + (start + t) % MOVIES, "rating": 3}
            for t in range(LENGTH)
        ]
    rows.append({"user_id": PEOPLE + 1, "position": 0, "movie_id": 1, "rating": 1})  # too short
    table = polars.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=1)
    table.write_parquet(path / "interactions.parquet")
    films = [
        f'{k},"Film, {k} (19{50 + k % 50})",Comedy|Genre{k % 3}' for k in range(1, MOVIES + 20)
    ]
    (path / "movies.csv").write_text("\n".join(["movie_id,title,genres", *films]), "utf-8")
    users = [f"{u},{'FM'[u % 2]},{(1, 18, 25)[u % 3]},0,0" for u in range(1, PEOPLE + 2)]
    (path / "users.csv").write_text(
        "\n".join(["user_id,gender,age,occupation,zip", *users]), "utf-8"
    )
    return path


def test_the_folder_is_read(folder: Path) -> None:
    people = movielens.load(folder)
    assert len(people.histories) == PEOPLE
    assert len(people.catalog.items) == MOVIES
    assert set(people.segments["gender_age"].tolist()) == set(range(6))
    first = [int(people.catalog.item_ids[row]) for row in people.histories[0]]
    assert [(b - a) % MOVIES for a, b in pairwise(first)] == [1] * (LENGTH - 1)
    film = people.catalog.items[people.catalog.row_of["1"]]
    assert film.title == "Film, 1 (1951)"
    assert film.attributes == {"genre": ["Comedy", "Genre1"], "decade": "1950s"}


def test_some_of_the_people_are_always_the_same(folder: Path) -> None:
    some, again = (movielens.load(folder, users=10, seed=3) for _ in range(2))
    assert [one.tolist() for one in some.histories] == [one.tolist() for one in again.histories]
    assert len(some.histories) == 10


def test_individuals_win_where_the_next_item_is_certain(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = movielens.run(folder, as_json=True, closed_form=True)
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert "trained in" in printed.err
    said: dict[str, Any] = json.loads(printed.out)
    assert set(said) == {"proof", "protocol", "arms", "verdict", "anchors", "costs"}
    assert set(said["arms"]) >= {
        "blanket",
        "segment:gender_age",
        "segment:kmeans_50",
        "individual:transitions",
        "individual:affinity",
        "individual:ease",
        "individual:ridge",
        "individual:closed_form",
        "individual:blend",
        "reference:ease",
    }
    assert all(set(arm) == {"recall@10", "ndcg@10"} for arm in said["arms"].values())
    assert set(said["costs"]["individual:blend"]) == {"fit_s", "bytes_person", "score_us"}
    assert all(value > 0 for value in said["costs"]["individual:blend"].values())
    assert said["anchors"]["HSTU (published)"]["ndcg@10"] == 0.172
    for arm in ("individual:transitions", "individual:closed_form"):
        assert proof.arms[arm]["recall@10"].value == 1.0
        assert proof.arms[arm]["ndcg@10"].value > 0.95
    assert proof.arms["blanket"]["recall@10"].value < 0.6
    assert proof.verdict.startswith("individuals ")
    assert "NDCG@10 of individual:closed_form" in proof.verdict


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"has no interactions\.parquet"):
        movielens.run(tmp_path)


def test_without_polars_the_line_that_installs_it_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def no_polars(name: str, *rest: Any, **named: Any) -> Any:
        if name == "polars":
            raise ModuleNotFoundError(name)
        return imported(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", no_polars)
    with pytest.raises(MissingExtra, match=r"pip install 'eachwise\[train\]'"):
        movielens.load(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)  # minutes of work on a quiet core
@pytest.mark.skipif(not REAL.is_dir(), reason="EACHWISE_DATA names no folder that holds ml-1m")
def test_the_ratios_to_segments_are_reached_on_some_of_the_real_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    proof = movielens.run(REAL, users=1000, closed_form=True)
    capsys.readouterr()
    recall = {arm: figures["recall@10"].value for arm, figures in proof.arms.items()}
    assert recall["individual:closed_form"] >= 3 * recall["segment:gender_age"]
    assert recall["individual:closed_form"] >= 2 * recall["segment:kmeans_50"]
