"""``prove retail``: on a small file of the same format, and on the real data where they are."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs import retail

polars = pytest.importorskip(
    "polars", reason="polars is not installed: pip install 'eachwise[train]'"
)

CUSTOMERS, DAYS = 60, 150
BEGIN = datetime(2011, 1, 1, 9, 0)  # noqa: DTZ001 — the file tells no zone
REAL = Path(os.environ.get("EACHWISE_DATA", "")) / "online-retail"


def invoice(
    number: str, customer: int | None, at: datetime, *codes: str, quantity: int = 1
) -> list[dict[str, Any]]:
    return [
        {
            "InvoiceNo": number,
            "StockCode": code,
            "Description": f"thing {code}",
            "Quantity": quantity,
            "InvoiceDate": at,
            "UnitPrice": 1.0,
            "CustomerID": customer,
            "Country": "United Kingdom",
        }
        for code in codes
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each buys an article of their own every 15 days; beside it, in order, the next number of a common collection."""
    path = tmp_path_factory.mktemp("retail")
    generator = np.random.default_rng(4)
    rows = []
    for customer in range(CUSTOMERS):
        at, step = BEGIN + timedelta(days=float(generator.uniform(0, 10))), 0
        start = int(generator.integers(20))
        while at < BEGIN + timedelta(days=DAYS):
            codes = (f"own{customer % 12:02d}", f"set{start + step:02d}")
            rows += invoice(f"{customer}{step:02d}", customer, at, *codes)
            at, step = at + timedelta(days=float(generator.normal(15, 1))), step + 1
    rows += invoice("C0", 0, BEGIN + timedelta(days=20), "returned", quantity=-1)
    rows += invoice("77", None, BEGIN + timedelta(days=DAYS), "nobody")
    rows += invoice("88", 99, BEGIN + timedelta(days=DAYS), "own00")  # the last moment, a new one
    polars.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=1).write_parquet(
        path / "lines.parquet"
    )
    return path


def test_lines_are_read_by_customer_and_time(folder: Path) -> None:
    data = retail.load(folder)
    whole = data.interactions
    assert whole.people == CUSTOMERS + 1
    assert "nobody" not in whole.item_ids
    assert whole.item_ids == data.catalog.item_ids
    for begin, end in zip(whole.indptr[:-1].tolist(), whole.indptr[1:].tolist(), strict=True):
        assert (np.diff(whole.at_s[begin:end]) >= 0).all()
    returned = whole.rows == whole.item_ids.index("returned")
    assert whole.weights[returned].tolist() == [-1.0]
    assert not whole.bought[returned].any()
    assert whole.bought[~returned].all()
    end_s = float(whole.at_s.max())
    assert data.since_s == end_s - 30 * 86400.0
    assert data.catalog.items[data.catalog.row_of["own00"]].title == "thing own00"


def test_days_can_be_left_out(folder: Path) -> None:
    whole, earlier = retail.load(folder), retail.load(folder, skip_days=30)
    assert earlier.since_s == whole.since_s - 30 * 86400.0
    assert earlier.interactions.at_s.max() <= whole.since_s


def test_the_two_questions_ask_for_all_and_for_what_is_new(folder: Path) -> None:
    data = retail.load(folder)
    asked, novel = retail.ask(data, repeats=True), retail.ask(data, repeats=False)
    assert len(asked) == CUSTOMERS + 1
    assert len(novel) == CUSTOMERS + 1  # the new customer's first item is new
    assert (asked.data.at_s[asked.places] == data.since_s).all()
    rows = data.interactions.rows
    for number in range(CUSTOMERS):
        had = set(rows[asked.begins[number] : asked.places[number]].tolist())
        wanted = set(asked.relevant[number].tolist())
        assert wanted & had
        assert set(novel.relevant[number].tolist()) == wanted - had
        assert set(novel.seen(number).tolist()) == had
        assert asked.seen(number).tolist() == []


def test_the_blend_knows_what_comes_back_and_what_comes_next(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = retail.run(folder, as_json=True, closed_form=True)
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    said: dict[str, Any] = json.loads(printed.out)
    assert {"proof", "protocol", "arms", "anchors", "costs", "verdict"} <= set(said)
    arms = {name for name in said["arms"] if not name.endswith("_novel")}
    assert arms == {
        "blanket",
        "individual:blend",
        "individual:closed_form",
        "individual:repeats",
        "reference:als",
        "reference:ease",
        "reference:ease_counts",
        "reference:personal_frequency",
        "reference:recent_popularity",
    }
    novel = {f"{arm}_novel" for arm in arms - {"blanket"}} | {"reference:popularity_novel"}
    assert set(said["arms"]) == arms | novel
    value = {arm: figures["ndcg@10"].value for arm, figures in proof.arms.items()}
    assert value["individual:closed_form"] > value["reference:personal_frequency"]
    assert value["individual:closed_form_novel"] > value["reference:recent_popularity_novel"]


def test_ease_is_that_of_the_paper() -> None:
    history = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    precision = np.linalg.inv(history.T @ history + retail._RIDGE * np.eye(3))
    plain = retail._item_weights(history, keep_self=False)
    assert np.diag(plain).tolist() == [0.0] * 3
    assert plain[0, 1] == pytest.approx(-precision[0, 1] / precision[1, 1])
    kept = retail._item_weights(history, keep_self=True)
    # The ridge regression of the history on itself.
    gram = history.T @ history
    np.testing.assert_allclose(kept, np.linalg.solve(gram + retail._RIDGE * np.eye(3), gram))


def test_als_tells_two_tastes_apart() -> None:
    counts = np.kron(np.eye(2), np.ones((20, 10))).astype(np.float64)
    counts[0, 3] = 0.0
    factors = retail._als(counts)
    scores = factors @ retail._als_side(factors, factors.T @ factors, counts[0])
    assert scores[3] > 0.5
    assert np.abs(scores[10:]).max() < 0.2


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds 0 Parquet files"):
        retail.load(tmp_path)
    polars.DataFrame({"InvoiceNo": ["1"]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(InvalidInput, match="has no column StockCode"):
        retail.load(tmp_path)
    polars.DataFrame(invoice("1", 1, BEGIN, "a")).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(InvalidInput, match="fewer than 30 days"):
        retail.load(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not REAL.is_dir(), reason="EACHWISE_DATA names no folder with online-retail")
def test_the_blend_is_ahead_on_the_real_data(capsys: pytest.CaptureFixture[str]) -> None:
    """In the month on which choices were made: repeats allowed and novel only."""
    proof = retail.run(REAL, closed_form=True, skip_days=30)
    capsys.readouterr()
    value = {arm: figures["ndcg@10"].value for arm, figures in proof.arms.items()}
    for against in ("personal_frequency", "ease", "als", "recent_popularity"):
        assert value["individual:closed_form"] > value[f"reference:{against}"]
        assert value["individual:closed_form_novel"] > value[f"reference:{against}_novel"]
