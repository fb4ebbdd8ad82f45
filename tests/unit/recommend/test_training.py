"""Training: what is learnt of a small shop whose habits are known, what is refused, and how it goes on after a stop."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Interactions, TrainedModel
from eachwise.recommend import encode_trained
from eachwise.recommend.training import TrainingOptions, train
from eachwise.recommend.training.targets import choose

pytest.importorskip("scipy", reason="training needs scipy: pip install 'eachwise[train]'")

SIZE, STEP_S, END_S = 40, 600.0, 1_000 * 86_400.0
MODELS = ("transitions", "trend", "content", "presence")
OPTIONS = TrainingOptions(models=MODELS, targets_max=300, regressed_max=200)
CATALOG: CatalogIndex = build_index(
    [Item(item_id=f"i{row:02d}", attributes={"shelf": str(row // 10)}) for row in range(SIZE)], 1
)


def shop(people: int = 150, again: float = 0.0) -> Interactions:
    """Everyone goes from item i to i + 1 nearly always; ``again``: how often to the same one instead."""
    draw = np.random.default_rng(7)
    rows, at_s, lengths = [], [], []
    for _ in range(people):
        walk = [int(draw.integers(SIZE))]
        for _ in range(int(draw.integers(4, 12))):
            luck = draw.random()
            one = walk[-1] if luck < again else walk[-1] + 1
            walk.append((one if luck < 0.9 else int(draw.integers(SIZE))) % SIZE)
        rows.append(np.array(walk))
        at_s.append(END_S - STEP_S * np.arange(len(walk) - 1, -1, -1))
        lengths.append(len(walk))
    count = sum(lengths)
    return Interactions(
        item_ids=tuple(f"i{row:02d}" for row in range(SIZE)),
        indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=np.concatenate(rows).astype(np.int32),
        at_s=np.concatenate(at_s),
        weights=np.ones(count, np.float32),
        bought=np.zeros(count, np.bool_),
    )


def trained(
    data: Interactions, options: TrainingOptions = OPTIONS, work: Path | None = None
) -> tuple[TrainedModel, list[str]]:
    said: list[str] = []
    return train(data, CATALOG, options, version=3, work=work, say=said.append), said


def plain(model: TrainedModel) -> bytes:
    """The model without what a clock says of it."""
    report = {
        name: found for name, found in model.report.items() if name not in ("fit_s", "summary")
    }
    return encode_trained(dataclasses.replace(model, report=report))


def test_a_habit_is_learnt_and_what_explains_nothing_goes() -> None:
    model, _ = trained(shop())
    assert model.version == 3
    assert model.report["check"]["ndcg@10"] > 0.7
    # What went adds nothing: the whole is as good without it.
    assert model.report["check"]["ndcg@10"] > 0.98 * model.report["check_all"]["ndcg@10"]
    assert model.blend["transitions.near"] + model.blend["transitions.last"] > 0.0
    assert set(model.parts) == set(model.report["kept"])
    assert {name.partition(".")[0] for name in model.blend} == set(model.parts)
    assert set(model.report["kept"]) | set(model.report["dropped"]) == {*MODELS} - set(
        model.report["left_out"]
    )
    assert set(model.report["features"]) == set(model.blend)
    lost = model.report["features"]
    assert max(lost, key=lambda name: lost[name]["ndcg@10 lost"]).startswith("transitions")


def test_the_same_data_give_the_same_model() -> None:
    assert plain(trained(shop())[0]) == plain(trained(shop())[0])


def test_whether_people_come_back_is_learnt() -> None:
    never = dataclasses.replace(shop(), rows=np.concatenate([_distinct(shop())]).astype(np.int32))
    assert not trained(never)[0].report["repeats"]
    model, _ = trained(shop(again=0.5))
    assert model.report["repeats"]
    assert model.report["repeated_share"] > 0.3


def _distinct(data: Interactions) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The same lengths, everyone walking without ever coming back."""
    starts = data.rows[data.indptr[:-1]].astype(np.int64)
    owner = np.repeat(np.arange(data.people), np.diff(data.indptr))
    return np.asarray((starts[owner] + np.arange(len(owner)) - data.indptr[owner]) % SIZE)


def test_people_who_check_choose_no_weights() -> None:
    targets = choose(shop(), OPTIONS)
    checking = set(targets.begins[targets.checks].tolist())
    assert checking
    assert not checking & set(targets.begins[~targets.checks].tolist())


def test_fits_see_nothing_of_what_they_are_tried_on() -> None:
    data = shop()
    targets = choose(data, OPTIONS)
    assert (data.at_s[targets.places] >= targets.since_s).all()
    assert (data.before(targets.since_s).at_s < targets.since_s).all()
    assert (targets.places > targets.begins).all()


def test_a_training_that_was_stopped_goes_on(tmp_path: Path) -> None:
    whole, _ = trained(shop(), work=tmp_path)
    files = sorted(tmp_path.iterdir())
    assert files
    again, said = trained(shop(), work=tmp_path)
    assert plain(again) == plain(whole)
    assert sum("fitted before" in line for line in said) == len(files)
    files[0].write_bytes(files[0].read_bytes()[:40])  # cut short by a crash
    mended, said = trained(shop(), work=tmp_path)
    assert plain(mended) == plain(whole)
    assert sum("fitted before" in line for line in said) == len(files) - 1


def test_other_data_are_fitted_anew(tmp_path: Path) -> None:
    trained(shop(), work=tmp_path)
    _, said = trained(shop(people=140), work=tmp_path)
    assert not any("fitted before" in line for line in said)


def test_what_does_not_apply_is_left_out_with_its_reason() -> None:
    model, said = trained(shop(again=0.0), dataclasses.replace(OPTIONS, memory_bytes_max=1000))
    assert "transitions" in model.report["left_out"]
    assert model.report["left_out"]["transitions"]
    assert any(line.startswith("transitions: left out") for line in said)


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"no 'horoscope'; known: transitions"):
        trained(shop(), TrainingOptions(models=("horoscope",)))


def test_too_little_is_refused_with_what_is_missing() -> None:
    with pytest.raises(InvalidInput, match="20 engagements to predict"):
        trained(shop(people=3))
