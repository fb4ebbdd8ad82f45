"""What training is timed beside, and what it is timed on."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from eachwise.bench.als import FACTORS, PEER_VARIABLE, in_numpy, peer_python, timed
from eachwise.bench.crowd import Shop
from eachwise.bench.known import VARIABLE, known
from eachwise.bench.taught import taught
from eachwise.contracts.individual import ANY_VALUE
from eachwise.contracts.taste import Interactions
from eachwise.recommend import apply, nothing

SHOP = Shop(items=150)


@pytest.fixture(scope="module")
def data() -> Interactions:
    return SHOP.lives(60, time.time())


def test_als_puts_what_a_person_engaged_with_above_the_rest(data: Interactions) -> None:
    people, items = in_numpy(data)
    assert people.shape == (60, FACTORS)
    assert items.shape == (150, FACTORS)
    scores = people @ items.T
    own = np.zeros(scores.shape, dtype=np.bool_)
    own[np.repeat(np.arange(60), np.diff(data.indptr)), data.rows] = True
    assert scores[own].mean() > 5.0 * abs(scores[~own].mean())


def test_without_a_python_that_has_implicit_the_yardstick_says_so(
    data: Interactions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(PEER_VARIABLE, raising=False)
    if find_spec("implicit"):
        pytest.skip("implicit is installed beside the tests")
    assert peer_python() is None
    wall_s, cpu_s, whose = timed(data, tmp_path)
    assert wall_s > 0.0
    assert cpu_s > 0.0
    assert "no Python with implicit" in whose


@pytest.mark.skipif(bool(find_spec("implicit")), reason="this Python has implicit")
def test_a_python_without_implicit_is_refused_and_nothing_is_left(
    data: Interactions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(PEER_VARIABLE, sys.executable)
    with pytest.raises(subprocess.CalledProcessError):
        timed(data, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_named_python_is_asked_for_a_fit_of_these_engagements(
    data: Interactions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in that reads the file and answers as the script does."""
    stand_in = tmp_path / "python"
    stand_in.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, numpy\n"
        "held = numpy.load(sys.argv[2])\n"
        "print(json.dumps({'wall_s': float(len(held['rows'])), 'cpu_s': 2.0, 'version': '9'}))\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv(PEER_VARIABLE, str(stand_in))
    assert timed(data, tmp_path) == (float(len(data.rows)), 2.0, "ALS of implicit 9")


def test_public_data_are_read_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "amazon-beauty"
    folder.mkdir()
    text = "1 30 10 20\n2 10 30\n3 40 10 20\n"
    (folder / "Some.txt.gz").write_bytes(gzip.compress(text.encode()))
    described = gzip.compress(json.dumps({"10": [7], "30": [7, 8]}).encode())
    (folder / "Some_item2attributes.json.gz").write_bytes(described)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    found = known("amazon-beauty", 2, print)
    assert found is not None
    data, catalog = found
    assert data.item_ids == catalog.item_ids == ("10", "20", "30")
    assert data.indptr.tolist() == [0, 3, 5]
    assert data.rows.tolist() == [2, 0, 1, 0, 2]
    for begin, end in ((0, 3), (3, 5)):
        assert (np.diff(data.at_s[begin:end]) > 0).all()
    assert data.at_s[2] == data.at_s[4]
    assert catalog.values == ("value=7", "value=8")


def test_public_data_that_are_not_there_are_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    for folder in (None, str(tmp_path)):
        monkeypatch.delenv(VARIABLE, raising=False)
        if folder:
            monkeypatch.setenv(VARIABLE, folder)
        assert known("ml-1m", 10, said.append) is None
    assert len(said) == 2
    assert all(VARIABLE in line for line in said)


def test_the_live_counts_of_a_drawn_shop_can_be_read(data: Interactions) -> None:
    """A version that nobody could read would be ignored, and a benchmark would measure an empty shop."""
    version = taught(data, SHOP, 40, None)
    live = apply(nothing(), [version.body])
    assert live.version == version.version == 1
    assert live.model.item_ids == data.item_ids
    assert live.model.totals.sum() > 100.0
    values = SHOP.masses(data.rows[: data.indptr[40]])
    assert values[ANY_VALUE] == data.indptr[40]
    assert live.model.expected["category=c0"] == values["category=c0"] / values[ANY_VALUE]
