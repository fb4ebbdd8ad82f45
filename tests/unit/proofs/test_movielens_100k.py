"""``prove movielens`` on MovieLens-100K's format: a split by time, a trend that moves."""

from pathlib import Path

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs import movielens, movielens_100k

pytest.importorskip("scipy", reason="scipy is not installed: pip install 'eachwise[train]'")

PEOPLE, MOVIES, DAYS = 60, 80, 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is popular moves along the catalogue: on day d people watch films near d · 80 / 100."""
    path = tmp_path_factory.mktemp("ml-100k")
    generator = np.random.default_rng(8)
    rows = []
    for user in range(1, PEOPLE + 1):
        met: set[int] = set()
        for day in np.sort(generator.choice(DAYS, 30, replace=False)).tolist():
            film = int(day * MOVIES / DAYS + generator.integers(-6, 7)) % MOVIES + 1
            if film not in met:
                met.add(film)
                rows.append(f"{user}\t{film}\t3\t{1_000_000 + day * 86_400 + user}")
    late = 1_000_000 + 99 * 86_400
    rows.append(f"{PEOPLE + 1}\t80\t5\t{late}")  # new in the test
    generator.shuffle(rows)
    (path / "u.data").write_text("\n".join(rows), "ascii")
    flags = [
        "|".join("1" if place == film % 19 else "0" for place in range(19))
        for film in range(MOVIES)
    ]
    films = [
        f"{film + 1}|Fílm {film}|01-Jan-1994||http://example|{flags[film]}"
        for film in range(MOVIES)
    ]
    films.append(f"{MOVIES + 1}|unknown||||{'|'.join('0' * 19)}")
    (path / "u.item").write_text("\n".join(films), "latin-1")
    genres = [f"Genre{place}|{place}" for place in range(19)]
    (path / "u.genre").write_text("\n".join([*genres, ""]), "ascii")
    return path


def test_the_folder_is_read(folder: Path) -> None:
    data = movielens_100k.load(folder)
    assert len(data.catalog.items) == MOVIES + 1
    films = {item.item_id: item for item in data.catalog.items}
    assert films["3"].attributes == {"genre": ["Genre2"], "decade": "1990s"}
    assert films["3"].title == "Fílm 2"
    assert films["81"].attributes == {}
    at_s = data.interactions.at_s
    assert (at_s < data.choose_s).mean() == pytest.approx(0.8, abs=0.02)
    assert (at_s < data.test_s).mean() == pytest.approx(0.9, abs=0.02)
    for person in range(data.interactions.people):
        span = slice(data.interactions.indptr[person], data.interactions.indptr[person + 1])
        assert (np.diff(at_s[span]) >= 0).all()


def test_a_question_is_asked_where_the_test_begins(folder: Path) -> None:
    data = movielens_100k.load(folder)
    asked = movielens_100k.ask(data.interactions, data.test_s)
    for number in range(len(asked)):
        place, begin = int(asked.places[number]), int(asked.begins[number])
        assert data.interactions.at_s[place] >= data.test_s
        assert place == begin or data.interactions.at_s[place - 1] < data.test_s
        assert not set(asked.relevant[number].tolist()) & set(asked.seen(number).tolist())
    assert sum(len(one) for one in asked.relevant) == (
        (data.interactions.at_s >= data.test_s).sum()
    )
    assert len(movielens_100k.ask(data.interactions, data.test_s, 5)) == 5


def test_who_follows_the_trend_wins(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof = movielens.run(folder, closed_form=True)
    assert capsys.readouterr().out.startswith("movielens: MovieLens-100K by time, 80/10/10: the ")
    assert "reference:recent_popularity of " in proof.protocol
    quality = {arm: figures["ndcg@10"].value for arm, figures in proof.arms.items()}
    assert quality["individual:blend"] > 1.5 * quality["blanket"]
    assert quality["reference:recent_popularity"] > 1.5 * quality["blanket"]
    best = max(quality, key=lambda arm: quality[arm])
    assert proof.verdict.startswith(f"{best} wins with NDCG@10 {quality[best]:.4f}")
    assert "people who were new" in proof.verdict


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("1\t1\t1\t1", "ascii")
    with pytest.raises(InvalidInput, match=r"has no u\.item"):
        movielens.run(tmp_path)
