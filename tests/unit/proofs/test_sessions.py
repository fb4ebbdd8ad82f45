"""``prove sessions``: on visits whose next item is certain, and on the real data where they are."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs import sessions
from eachwise.proofs.ranking import ranks

pytest.importorskip("scipy", reason="scipy is not installed: pip install 'eachwise[train]'")

VISITS, ITEMS, LENGTH = 300, 40, 5
REAL = Path(os.environ.get("EACHWISE_DATA", "")) / "retailrocket"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every visitor looks at the numbered items in order from one of their own, twice at each: the next is certain."""
    path = tmp_path_factory.mktemp("shop")
    generator = np.random.default_rng(3)
    lines = ["[7]"]
    for _ in range(VISITS):
        start = int(generator.integers(ITEMS))
        lines.append(json.dumps([(start + step // 2) % ITEMS for step in range(2 * LENGTH)]))
    with gzip.open(path / "visits.jsonl.gz", "wt") as file:
        file.write("\n".join(lines))
    return path


def test_visits_are_read_in_their_order_and_do_not_overlap(folder: Path) -> None:
    data = sessions.load(folder)
    assert data.interactions.people == VISITS  # a visit of one item asks nothing
    assert data.training == VISITS - round(0.07 * VISITS)
    assert len(data.catalog.items) == ITEMS
    assert (np.diff(data.interactions.at_s) > 0).all()
    first = [int(data.catalog.item_ids[row]) for row in data.interactions.rows[: 2 * LENGTH]]
    assert first == [(first[0] + step // 2) % ITEMS for step in range(2 * LENGTH)]
    assert sessions.load(folder / "visits.jsonl.gz").training == data.training


def test_every_beginning_of_every_test_visit_is_a_question(folder: Path) -> None:
    data = sessions.load(folder)
    questions, visit = sessions.ask(data, None, 0)
    tests = VISITS - data.training
    assert len(questions) == tests * (2 * LENGTH - 1)
    assert np.unique(visit).tolist() == list(range(data.training, VISITS))
    assert (questions.places - questions.begins).reshape(tests, -1).tolist() == [
        list(range(1, 2 * LENGTH))
    ] * tests
    assert [one[0] for one in questions.relevant] == data.interactions.rows[
        questions.places
    ].tolist()
    assert questions.repeats
    some, whose = sessions.ask(data, 5, 0)
    assert len(some) == 5 * (2 * LENGTH - 1)
    assert set(whose.tolist()) < set(visit.tolist())


def test_training_sees_no_visit_of_the_test(folder: Path) -> None:
    data = sessions.load(folder)
    known = sessions.first_visits(data.interactions, data.training)
    assert known.people == data.training
    assert known.indptr[-1] == len(known.rows) == data.interactions.indptr[data.training]
    questions, _ = sessions.ask(data, None, 0)
    assert questions.begins.min() >= len(known.rows)
    assert known.at_s.max() < data.interactions.at_s[questions.begins].min()


def test_popular_in_the_session_counts_then_prefers_the_newest(folder: Path) -> None:
    data = sessions.load(folder)
    questions, _ = sessions.ask(data, None, 0)
    arms = sessions.Known(questions, sessions.first_visits(data.interactions, data.training))(7)
    held = data.interactions.rows[questions.begins[7] : questions.places[7]].tolist()
    assert len(held) == 8
    newest_first = list(dict.fromkeys(reversed(held)))
    inside = arms["reference:popular_in_session"]
    order = ranks(inside, np.array(newest_first), np.zeros(0, dtype=np.int64))
    assert order.tolist() == list(range(4))  # each was looked at twice
    outside = np.setdiff1d(np.arange(ITEMS), held)
    np.testing.assert_array_equal(inside[outside], arms["blanket"][outside])


def test_the_blend_learns_what_is_certain(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof = sessions.run(folder, as_json=True, closed_form=True)
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    said: dict[str, Any] = json.loads(printed.out)
    assert {"proof", "protocol", "arms", "anchors", "costs", "verdict"} <= set(said)
    assert set(said["arms"]) == {
        "blanket",
        "reference:popular_in_session",
        "individual:transitions",
        "individual:vmis",
        "individual:closed_form",
        "individual:blend",
    }
    assert all(set(arm) == {"recall@20", "mrr@20"} for arm in said["arms"].values())
    assert set(said["costs"]["individual:closed_form"]) == {"fit_s", "bytes_person", "score_us"}
    blend = proof.arms["individual:closed_form"]
    # Of the two items that can come next, a visit's first beginning cannot tell which.
    assert blend["recall@20"].value == 1.0
    assert blend["mrr@20"].value > 0.7
    assert blend["mrr@20"].value > proof.arms["individual:vmis"]["mrr@20"].value
    assert proof.arms["blanket"]["mrr@20"].value < 0.2
    assert proof.verdict.startswith("individuals reach the mark")


@pytest.mark.parametrize(
    ("line", "words"),
    [("{}", r"line 1: Expected `array`"), ("[1, null]", "line 1"), ("[1, 2]", "too few")],
)
def test_other_files_are_refused(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "one.jsonl").write_text(line)
    with pytest.raises(InvalidInput, match=words):
        sessions.load(tmp_path)


def test_a_folder_without_or_with_several_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds 0 files"):
        sessions.load(tmp_path)
    for name in ("a.jsonl", "b.jsonl.gz"):
        (tmp_path / name).write_text("")
    with pytest.raises(InvalidInput, match="holds 2 files"):
        sessions.load(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not REAL.is_dir(), reason="EACHWISE_DATA names no folder with retailrocket")
def test_the_blend_is_ahead_of_its_neighbours_on_the_real_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    proof = sessions.run(REAL, sessions=1500, closed_form=True)
    capsys.readouterr()
    blend, neighbours = proof.arms["individual:closed_form"], proof.arms["individual:vmis"]
    # Of all 8,832 visits the blend is ahead by .06 of each; 1,500 visits tell that to a standard error of .01.
    assert blend["recall@20"].value >= neighbours["recall@20"].value + 0.04
    assert blend["mrr@20"].value >= neighbours["mrr@20"].value + 0.035
    # The mark itself is held by the whole proof; a sample can tell that it is near.
    assert blend["recall@20"].high >= sessions.MARK
