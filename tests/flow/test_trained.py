"""Trained models in use: published whole, seen at once, replayed with their decision's version, rolled back."""

from __future__ import annotations

import dataclasses
import hashlib
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import Busy, CannotReplay, InvalidInput, NotFound, StoreError
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Commit, Committed
from eachwise.contracts.taste import TrainedModel
from eachwise.contracts.training import Upload
from eachwise.flow.drive import run
from eachwise.flow.trained import NEWEST_KEPT
from eachwise.recommend import encode_trained
from eachwise.settings import parse_settings
from tests.flow.shop import ITEMS, START_US, furnish, view

IDS = tuple(sorted(str(item["item_id"]) for item in ITEMS))


def a_model(favourite: str, note: str = "", **report: Any) -> TrainedModel:
    """A model that finds one item far more popular than all others."""
    trend = np.zeros((2, len(IDS)), dtype=np.float32)
    trend[0, IDS.index(favourite)] = 9.0
    return TrainedModel(
        version=77,
        item_ids=IDS,
        row_of={item_id: row for row, item_id in enumerate(IDS)},
        parts={"late": {"trend": trend}},
        blend={"late.last": 1.0},
        report={"summary": [f"likes {favourite}"], "note": note} | report,
    )


def body(favourite: str, note: str = "", **report: Any) -> bytes:
    """The same as bytes."""
    return encode_trained(a_model(favourite, note, **report))


def first_item(engine: Engine) -> tuple[str, str]:
    """The id of a decision for the list, and its first item."""
    (decided,) = engine.decide("u", placements=["rail"]).decisions
    return decided.decision_id, decided.items[0].item_id


def test_a_published_model_decides_at_once_and_old_decisions_replay(engine: Engine) -> None:
    view(engine, "u", "cake-1")
    made = [first_item(engine)]
    assert engine.status()["models"]["trained"] == 0
    for version, favourite in ((1, "tofu-3"), (2, "beef-4")):
        assert engine.publish_trained(body(favourite)) == version
        assert engine.status()["models"]["trained"] == version
        made.append(first_item(engine))
    assert [item for _, item in made[1:]] == ["tofu-3", "beef-4"]
    for version, (decision_id, _) in enumerate(made):
        assert engine.decision(decision_id).inputs.models["trained"] == version
        assert engine.replay(decision_id).exact, version


def test_decisions_from_before_there_were_trained_models_replay(engine: Engine) -> None:
    view(engine, "u", "cake-1")
    decision_id, _ = first_item(engine)
    record = engine.decision(decision_id)
    models = {name: at for name, at in record.inputs.models.items() if name != "trained"}
    old: DecisionRecord = msgspec.structs.replace(
        record,
        decision_id="from-before",
        inputs=msgspec.structs.replace(record.inputs, models=models),
    )
    engine.core._store.commit(Commit(decisions=[old])).result()
    engine.publish_trained(body("tofu-3"))
    assert engine.replay("from-before").exact


def parts_of(sent: bytes, size: int) -> list[tuple[int, bytes]]:
    """A body in parts, each with its offset."""
    return [(start, sent[start : start + size]) for start in range(0, len(sent), size)]


def upload(
    engine: Engine, sent: bytes, offset: int, part: bytes, total: int | None = None
) -> Upload:
    """Send one part."""
    digest = hashlib.sha256(sent).hexdigest()
    size = len(sent) if total is None else total
    return run(engine.core.trained.upload(digest, size, offset, part))


def test_a_model_comes_in_parts_and_is_seen_when_it_is_whole(engine: Engine) -> None:
    sent = body("tofu-3", note="x" * 500)
    parts = parts_of(sent, 100)
    for offset, part in parts[:-1]:
        assert upload(engine, sent, offset, part).received == offset + len(part)
        # Once more, or beyond a gap: nothing is taken, and the answer says where to go on.
        assert upload(engine, sent, offset, part).received == offset + len(part)
        assert upload(engine, sent, len(sent) - 1, b"x").received == offset + len(part)
        assert engine.status()["models"]["trained"] == 0
    done = upload(engine, sent, *parts[-1])
    assert (done.version, done.received) == (1, len(sent))
    # The answer was lost and the last part comes again: still one version.
    assert upload(engine, sent, *parts[-1]).version == 1
    assert engine.trained_body(1) == sent


def test_another_body_takes_the_place_of_one_that_was_left(engine: Engine) -> None:
    left, sent = body("tofu-3"), body("beef-4")
    upload(engine, left, 0, left[:50])
    assert upload(engine, sent, 0, sent).version == 1
    assert first_item(engine)[1] == "beef-4"
    assert upload(engine, left, 50, left[50:]).received == 0


def test_what_is_damaged_is_refused_and_the_model_in_use_stays(engine: Engine) -> None:
    engine.publish_trained(body("tofu-3"))
    good = body("beef-4")
    with pytest.raises(InvalidInput, match="digest"):
        upload(engine, good, 0, good[:-1] + b"\x00")
    with pytest.raises(InvalidInput, match="total"):
        upload(engine, good, 0, good + b"more")
    with pytest.raises(InvalidInput, match="total"):
        upload(engine, good, 0, good, total=0)
    with pytest.raises(InvalidInput, match="trained model"):
        engine.publish_trained(good[:-9])
    with pytest.raises(InvalidInput, match="empty"):
        engine.publish_trained(b"")
    assert engine.status()["models"]["trained"] == 1
    assert first_item(engine)[1] == "tofu-3"
    assert [view.version for view in engine.models() if view.name == "trained"] == [1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": {"late": {"other": np.zeros(3)}}}, "cannot rank"),
        ({"parts": {"late": {"trend": np.zeros((2, 3))}}}, "cannot rank"),
        ({"parts": {"late": {"trend": np.full((2, len(IDS)), np.nan)}}}, "not finite"),
        ({"blend": {"oracle.truth": 1.0}}, "no model 'oracle'"),
    ],
)
def test_a_model_that_cannot_rank_is_refused(
    engine: Engine, change: dict[str, Any], words: str
) -> None:
    bad = encode_trained(dataclasses.replace(a_model("tofu-3"), **change))
    with pytest.raises(InvalidInput, match=words):
        engine.publish_trained(bad)
    first_item(engine)


def test_a_model_is_seen_only_once_it_is_durable(engine: Engine) -> None:
    engine.publish_trained(body("tofu-3"))
    store = engine.core._store
    kept = store.commit

    def full(commit: Commit) -> Future[Committed]:
        if not commit.models:
            return kept(commit)
        refused: Future[Committed] = Future()
        refused.set_exception(StoreError("disk full"))
        return refused

    store.commit = full  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="disk full"):
        engine.publish_trained(body("beef-4"))
    assert first_item(engine)[1] == "tofu-3"
    store.commit = kept  # type: ignore[method-assign]
    assert engine.publish_trained(body("beef-4")) == 2


def test_only_one_is_published_at_a_time(engine: Engine) -> None:
    first = engine.core.trained.publish(body("tofu-3"))
    next(first).result()
    first.send(hashlib.sha256(body("tofu-3")).hexdigest())
    with pytest.raises(Busy):
        engine.publish_trained(body("beef-4"))
    first.close()
    assert engine.publish_trained(body("beef-4")) == 1


def test_versions_roll_back_forward_only(engine: Engine) -> None:
    plain = first_item(engine)
    for favourite in ("tofu-3", "beef-4"):
        engine.publish_trained(body(favourite))
    back = engine.rollback("trained", 1)
    assert (back.version, back.in_use) == (3, True)
    assert back.summary == ["version 1 once more", "likes tofu-3"]
    assert back.report["note"] == ""
    assert first_item(engine)[1] == "tofu-3"
    none = engine.rollback("trained", 0)
    assert (none.version, none.summary) == (4, ["nothing trained"])
    untrained = first_item(engine)
    assert untrained[1] == plain[1]
    assert engine.replay(untrained[0]).exact
    assert engine.decision(untrained[0]).inputs.models["trained"] == 4
    assert engine.rollback("trained", 4).version == 5
    with pytest.raises(NotFound, match="kept: 5, 4, 3, 2, 1"):
        engine.rollback("trained", 9)
    with pytest.raises(InvalidInput, match="to:"):
        engine.rollback("trained", -1)
    with pytest.raises(InvalidInput, match="only 'trained'"):
        engine.rollback("taste", 1)


def test_versions_are_listed_with_what_was_said_of_them(engine: Engine) -> None:
    view(engine, "u", "cake-1")
    engine.tick()
    engine.publish_trained(body("tofu-3", note="first"))
    engine.publish_trained(body("beef-4", note="second"))
    listed = engine.models(limit=1)
    assert [one.name for one in listed] == ["trained", "taste", "settings"]
    assert all(one.in_use for one in listed)
    newest = listed[0]
    assert (newest.version, newest.size_bytes) == (2, len(body("beef-4", note="second")))
    assert (newest.summary, newest.report) == (["likes beef-4"], {})
    first = engine.model("trained", 1)
    assert (first.in_use, first.report["note"]) == (False, "first")
    assert engine.model("settings", 1).report == {}
    for name, version in (("trained", 3), ("oracle", 1)):
        with pytest.raises(NotFound, match="models are trained, taste"):
            engine.model(name, version)
    with pytest.raises(NotFound):
        engine.trained_body(3)


def test_a_restart_uses_the_newest_that_works(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    with Engine.open(tmp_path, clock=clock) as engine:
        furnish(engine)
        engine.publish_trained(body("tofu-3"))
        broken = ModelVersion(model="trained", version=2, base=0, created_at_us=1, body=b"broken")
        engine.core._store.commit(Commit(models=[broken])).result()
    with Engine.open(tmp_path, clock=clock) as engine:
        assert engine.status()["models"]["trained"] == 1
        assert engine.status()["damaged_models"] == {"trained": [2]}
        assert first_item(engine)[1] == "tofu-3"
        assert not engine.models(limit=1)[0].in_use
        with pytest.raises(CannotReplay, match="version 2"):
            engine.core.trained.at(2)
        assert engine.publish_trained(body("beef-4")) == 3


def test_old_versions_go_but_the_newest_and_the_used(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    settings = parse_settings({"store": {"retain_decisions_days": 30}})
    with Engine.open(tmp_path, clock=clock, settings=settings) as engine:
        furnish(engine)
        view(engine, "u", "cake-1")
        engine.publish_trained(body("tofu-3"))
        engine.publish_trained(body("beef-4"))
        used, _ = first_item(engine)
        for number in range(NEWEST_KEPT + 2):
            engine.publish_trained(body("fish-2", note=str(number)))
        clock.advance(seconds=2 * 86_400)
        engine.tick()
        kept = [one.version for one in engine.models() if one.name == "trained"]
        assert kept == [9, 8, 7, 6, 5, 2]
        assert engine.replay(used).exact
        engine.publish_trained(body("cake-2"))
        store = engine.core._store
        told = [version for version in range(1, 12) if store.statistic(f"trained/{version}")]
        assert told == [2, 5, 6, 7, 8, 9, 10]
        clock.advance(seconds=40 * 86_400)
        engine.tick()
        # A clock that jumps so far may be wrong: what it says is over goes at the next tick, if it still says so.
        assert len([one for one in engine.models() if one.name == "trained"]) == 7
        engine.tick()
        assert [one.version for one in engine.models() if one.name == "trained"] == [10, 9, 8, 7, 6]
