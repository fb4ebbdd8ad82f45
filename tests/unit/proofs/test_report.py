"""A proof's figures, its table and its one line of JSON."""

import json
import math

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs.report import (
    Estimate,
    Proof,
    as_line,
    as_table,
    clustered,
    mean,
    progress,
    publish,
    ratio,
)

PROOF = Proof(
    proof="world",
    protocol="five seeds",
    arms={
        "blanket": {"click_rate": Estimate(0.02, 0.01, 0.03), "value": Estimate(0.1, 0.1, 0.1)},
        "segment:gender_age": {"click_rate": Estimate(0.03, 0.02, 0.04)},
        "oracle": {"value": Estimate(0.4, 0.3, 0.5)},
    },
    verdict="individuals win",
)


def test_the_mean_has_its_normal_interval() -> None:
    found = mean(np.array([0.0, 1.0, 1.0, 0.0]))
    half = 1.96 * math.sqrt(1 / 3) / 2
    assert (found.value, found.low, found.high) == pytest.approx(
        (0.5, 0.5 - half, 0.5 + half), abs=1e-4
    )


def test_one_sample_has_no_interval() -> None:
    with pytest.raises(InvalidInput, match="two samples"):
        mean([1.0])


def test_samples_that_are_alike_in_a_cluster_count_as_one() -> None:
    generator = np.random.default_rng(7)
    visits = generator.random(400)
    once, fourfold = mean(visits), clustered(np.repeat(visits, 4), np.repeat(np.arange(400), 4))
    assert (fourfold.value, fourfold.low, fourfold.high) == pytest.approx(
        (once.value, once.low, once.high)
    )
    alone = clustered(visits, np.arange(400))
    assert (alone.low, alone.high) == pytest.approx((once.low, once.high))


def test_one_cluster_has_no_interval() -> None:
    with pytest.raises(InvalidInput, match="two clusters"):
        clustered(np.ones(5), np.zeros(5, dtype=np.int64))


def test_a_ratio_is_bootstrapped_over_people_and_repeatable() -> None:
    generator = np.random.default_rng(3)
    above, below = generator.random(2000) + 1.0, generator.random(2000)
    found = ratio(above, below, seed=1)
    assert found == ratio(above, below, seed=1)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(3.0, rel=0.05)
    assert found.high - found.low < 0.2


def test_a_ratio_to_nothing_is_infinite() -> None:
    assert ratio(np.ones(5), np.zeros(5), seed=0) == Estimate(math.inf, math.inf, math.inf)


def test_json_is_exactly_one_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    progress("working")
    publish(PROOF, as_json=True)
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.err == "working\n"
    assert json.loads(printed.out) == {
        "proof": "world",
        "protocol": "five seeds",
        "arms": {
            "blanket": {
                "click_rate": {"value": 0.02, "low": 0.01, "high": 0.03},
                "value": {"value": 0.1, "low": 0.1, "high": 0.1},
            },
            "segment:gender_age": {"click_rate": {"value": 0.03, "low": 0.02, "high": 0.04}},
            "oracle": {"value": {"value": 0.4, "low": 0.3, "high": 0.5}},
        },
        "verdict": "individuals win",
    }
    assert as_line(PROOF) == printed.out.strip()


def test_the_table_shows_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    publish(PROOF, as_json=False)
    text = capsys.readouterr().out
    assert text == as_table(PROOF) + "\n"
    lines = text.splitlines()
    assert lines[0] == "world: five seeds"
    assert lines[2].split() == ["arm", "click_rate", "value"]
    assert "0.0200 [0.0100, 0.0300]" in lines[4]
    assert lines[-1] == "individuals win"


@pytest.mark.parametrize(
    "arms", [{"segments": {}}, {"segment:Gender": {}}, {"blanket": {"recall": Estimate(0, 0, 0)}}]
)
def test_a_name_that_no_reader_knows_is_refused(arms: dict[str, dict[str, Estimate]]) -> None:
    with pytest.raises(InvalidInput):
        Proof(proof="x", protocol="", arms=arms, verdict="")
