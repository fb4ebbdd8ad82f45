"""Another system's log of exposures: learnt once, resumed, rejected with reasons, no evidence for others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.cli import main
from tests.flow.shop import furnish

DIGEST = "0" * 64


def rows(count: int) -> list[bytes]:
    """Beef is taken up one time in two, the rest one in twenty."""
    generator = np.random.default_rng(5)
    found = []
    for number in range(count):
        offer = ("beef-offer", "fish-offer", "tofu-offer", "cake-offer")[number % 4]
        taken = generator.random() < (0.5 if offer == "beef-offer" else 0.05)
        row = {"experience_id": offer, "placement_id": "hero", "outcomes": ["takeup"] * taken}
        row |= {"individual_id": f"user:{number}", "at": "2026-01-01T00:00:00Z"}
        found.append(json.dumps(row).encode())
    return found


def takeups(engine: Engine) -> dict[str, float]:
    (decided,) = engine.decide("newcomer", placements=["hero"]).decisions
    record = engine.decision(decided.decision_id)
    return {each.experience_id: each.factors.p_takeup for each in record.leading}


def test_what_it_tells_is_learnt_and_decides(engine: Engine, clock: SettableClock) -> None:
    before = takeups(engine)
    assert before["beef-offer"] == pytest.approx(before["fish-offer"])
    progress = engine.import_rows(DIGEST, "log", 0, rows(400), True, "exposures")
    assert (progress.accepted, progress.rejected, progress.finished) == (400, 0, True)
    assert engine.status()["outcomes"]["learnt"] == 400
    clock.advance(seconds=1)
    after = takeups(engine)
    assert after["beef-offer"] > 1.3 * max(p for name, p in after.items() if name != "beef-offer")
    # It is no decision of ours: nothing can be asked of it.
    assert engine.estimate("softmax", reward="takeup").decisions == 0


def test_a_row_is_learnt_once_however_often_it_is_sent(
    tmp_path: Path, clock: SettableClock
) -> None:
    sent = rows(60)
    with Engine.open(tmp_path, clock=clock) as engine:
        furnish(engine)
        engine.import_rows(DIGEST, "log", 0, sent[:40], False, "exposures")
    with Engine.open(tmp_path, clock=clock) as engine:
        assert engine.status()["outcomes"]["learnt"] == 40
        assert engine.import_progress(DIGEST).next_row == 40
        for _ in range(2):
            progress = engine.import_rows(DIGEST, "log", 0, sent, True, "exposures")
            assert (progress.next_row, progress.accepted) == (60, 60)
        assert engine.status()["outcomes"]["learnt"] == 60
        clock.advance(seconds=1)
        resumed = takeups(engine)
    with Engine.open(clock=clock) as other:
        furnish(other)
        other.import_rows(DIGEST, "log", 0, sent[:40], False, "exposures")
        other.import_rows(DIGEST, "log", 40, sent[40:], True, "exposures")
        assert takeups(other) == pytest.approx(resumed)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"experience_id": "moon-offer"}, "not declared"),
        ({"experience_id": "beef-offer", "placement_id": "rail"}, "not declared for"),
        ({"experience_id": "beef-offer", "probability": 0.0}, "probability"),
        ({"experience_id": "beef-offer", "outcomes": ["fame"]}, "outcomes"),
        ({"experience_id": "beef-offer", "colour": "red"}, "colour"),
        ({"experience_id": "beef-offer", "features": {f"f{n}": 1.0 for n in range(51)}}, "at most"),
        ({"experience_id": "beef-offer", "features": {"f": 1e160}}, "scale them"),
        ({"experience_id": "silence"}, "not declared"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(
    engine: Engine, row: dict[str, object], reason: str
) -> None:
    sent = [json.dumps(row).encode(), b"", b"{", *rows(1)]
    progress = engine.import_rows(DIGEST, "log", 0, sent, True, "exposures")
    assert (progress.accepted, progress.rejected) == (1, 2)
    bad, broken = engine.rejections()
    assert (bad.index, bad.code, broken.index, broken.code) == (
        0,
        "invalid_exposure",
        2,
        "invalid_json",
    )
    assert reason in bad.reason
    assert engine.status()["outcomes"]["learnt"] == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"\n".join([*rows(130), b"{}"]))
    store = tmp_path / "store"
    with Engine.open(store) as engine:
        furnish(engine)
    arguments = ["import", "exposures", str(file), "--store", str(store), "--quiet"]
    assert main(arguments) == 1
    assert "130 exposures learnt" in capsys.readouterr().err
    assert "experience_id" in (tmp_path / "log.jsonl.rejects.jsonl").read_text()
    # It is finished: nothing of it is left to be taken, or turned away.
    assert main(arguments) == 0
    with Engine.open(store) as engine:
        assert engine.status()["outcomes"]["learnt"] == 130
