"""``prove calibration``: on a small folder of the same format, and on the real data where it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from eachwise.proofs import calibration
from eachwise.recommend import MODELS
from eachwise.settings import RecommendSettings

polars = pytest.importorskip(
    "polars", reason="polars is not installed: pip install 'eachwise[train]'"
)

PEOPLE, FILMS, LENGTH = 60, 400, 20
GENRES = ("Horror", "Comedy", "Drama", "War")
REAL = Path(os.environ.get("EACHWISE_DATA", "")) / "ml-1m"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everyone has a main genre for four fifths of the films, and another for the rest."""
    path = tmp_path_factory.mktemp("ml")
    generator = np.random.default_rng(4)
    genre = np.arange(FILMS) % len(GENRES)
    rows = []
    for user in range(1, PEOPLE + 1):
        main, side = generator.choice(len(GENRES), 2, replace=False)
        chances = np.where(genre == main, 0.8, np.where(genre == side, 0.2, 0.001))
        films = generator.choice(FILMS, LENGTH, replace=False, p=chances / chances.sum())
        rows += [
            {"user_id": user, "position": t, "movie_id": int(film) + 1, "rating": 3}
            for t, film in enumerate(films)
        ]
    polars.DataFrame(rows).write_parquet(path / "interactions.parquet")
    films_ = [f"{k + 1},Film {k} (1999),{GENRES[genre[k]]}" for k in range(FILMS)]
    (path / "movies.csv").write_text("\n".join(["movie_id,title,genres", *films_]), "utf-8")
    users = [f"{u},F,25,0,0" for u in range(1, PEOPLE + 1)]
    (path / "users.csv").write_text(
        "\n".join(["user_id,gender,age,occupation,zip", *users]), "utf-8"
    )
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blend of three models, fitted in seconds."""
    few = {name: MODELS[name] for name in ("transitions", "trend", "affinity")}
    monkeypatch.setattr(calibration, "MODELS", few)


def test_calibrated_slates_come_nearer_to_the_mix(
    folder: Path, capsys: pytest.CaptureFixture[str], quick: None
) -> None:
    proof = calibration.run(folder, as_json=True, users=30)
    printed = capsys.readouterr()
    line = json.loads(printed.out)
    assert line["proof"] == proof.proof == "calibration"
    assert "30 people" in proof.protocol
    assert "items ranked" in proof.protocol
    misses = [proof.arms[calibration.calibrated(one)]["kl@10"] for one in calibration.STRENGTHS]
    plain = proof.arms[calibration.PLAIN]["kl@10"]
    assert all(one.value < 0.75 * plain.value for one in misses)
    assert all(0.0 <= figures["ndcg@10"].value <= 1.0 for figures in proof.arms.values())
    assert "blanket" in proof.arms
    # Steck's constant weight moves a slate of ten less for the same strength.
    weak = calibration.STRENGTHS[0]
    assert misses[0].value < proof.arms[calibration.steck(weak)]["kl@10"].value
    assert proof.verdict.startswith("λ = ")


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="EACHWISE_DATA does not name a folder with ml-1m")
@pytest.mark.timeout(600)
def test_the_default_costs_little_on_real_people(quick: None) -> None:
    proof = calibration.run(REAL, users=1000)
    plain = proof.arms[calibration.PLAIN]
    usual = proof.arms[calibration.calibrated(RecommendSettings().calibration)]
    assert usual["kl@10"].value < 0.75 * plain["kl@10"].value
    assert usual["ndcg@10"].value > 0.96 * plain["ndcg@10"].value
