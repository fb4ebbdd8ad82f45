"""A new blend beside the one in use: on the same engagements, and refused only where it is surely worse."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from eachwise.contracts.taste import Interactions, TrainedModel
from eachwise.recommend import MODELS
from eachwise.recommend.models.base import Fitting
from eachwise.recommend.training import TrainingOptions, worse_than_in_use
from eachwise.recommend.training.features import Fitted
from eachwise.recommend.training.rivals import IN_USE, NEW, POPULAR, UNTRAINED, compare
from eachwise.recommend.training.summary import compared_lines
from eachwise.recommend.training.targets import Targets, choose
from tests.unit.recommend.shelf import catalog_of

ITEMS = tuple(f"i{number:02}" for number in range(12))
OPTIONS = TrainingOptions(check_share=0.5)


def walks(people: int = 900, follows: float = 0.8) -> Interactions:
    """People who go from an item to its successor, mostly."""
    draw = np.random.default_rng(1)
    rows = np.zeros((people, 8), dtype=np.int32)
    rows[:, 0] = draw.integers(0, len(ITEMS), people)
    for step in range(1, 8):
        stray = draw.integers(0, len(ITEMS), people)
        rows[:, step] = np.where(
            draw.random(people) < follows, (rows[:, step - 1] + 1) % len(ITEMS), stray
        )
    at_s = 1e9 + np.arange(people)[:, None] * 3600.0 + np.arange(8) * 60.0
    return Interactions(
        item_ids=ITEMS,
        indptr=np.arange(0, people * 8 + 1, 8),
        rows=rows.ravel(),
        at_s=at_s.ravel(),
        weights=np.ones(people * 8, dtype=np.float32),
        bought=np.zeros(people * 8, dtype=np.bool_),
    )


@pytest.fixture(scope="module")
def data() -> Interactions:
    return walks()


@pytest.fixture(scope="module")
def targets(data: Interactions) -> Targets:
    return choose(data, OPTIONS)


@pytest.fixture(scope="module")
def fitted(data: Interactions, targets: Targets) -> Fitted:
    """Transitions and popularity, of what came before the targets."""

    fitting = Fitting(catalog=catalog_of(), memory_bytes_max=1 << 28, seed=0, say=lambda _: None)
    past = data.before(targets.since_s)
    return Fitted(
        parts={name: MODELS[name].fit(past, fitting) for name in ("transitions", "trend")}
    )


GOOD = {"transitions.near": 1.0, "transitions.last": 1.0}
BAD = {"trend.popular": 1.0}


def model(blend: dict[str, float], fitted: Fitted, **changes: Any) -> TrainedModel:
    """A model in use."""
    found = TrainedModel(
        version=4,
        item_ids=ITEMS,
        row_of={item_id: row for row, item_id in enumerate(ITEMS)},
        parts=dict(fitted.parts),
        blend=blend,
        report={"until_s": 0.0},
    )
    return dataclasses.replace(found, **changes)


def report(
    fitted: Fitted,
    blend: dict[str, float],
    data: Interactions,
    targets: Targets,
    rival: TrainedModel | None,
) -> dict[str, Any]:
    """The part of a report that is compared."""
    return {"compared": compare(fitted, blend, data, targets, rival, lambda _: None)}


def test_every_blend_is_ranked_on_the_same(
    data: Interactions, targets: Targets, fitted: Fitted
) -> None:
    compared = report(fitted, GOOD, data, targets, None)["compared"]
    found = compared["ndcg@10"]
    assert compared["targets"] == targets.checks.sum() > 60
    assert found.keys() == {NEW, UNTRAINED, POPULAR}
    assert found[NEW] > 0.7 > found[POPULAR] > 0.0
    # Without training transitions rank too, beside what is popular.
    assert found[UNTRAINED] > found[POPULAR]
    assert "difference" not in compared


def test_the_one_in_use_is_ranked_by_the_same_fits(
    data: Interactions, targets: Targets, fitted: Fitted
) -> None:
    # Its own fits are not asked: however stale they are.
    rival = model(GOOD, fitted, parts={})
    better = report(fitted, BAD, data, targets, rival)
    assert worse_than_in_use(better) == "worse than version 4, which is in use"
    same = report(fitted, GOOD, data, targets, rival)["compared"]
    assert same["difference"]["interval"] == [0.0, 0.0]
    assert same["ndcg@10"][IN_USE] == same["ndcg@10"][NEW]
    assert not worse_than_in_use(report(fitted, GOOD, data, targets, model(BAD, fitted)))
    lines = compared_lines(better["compared"])
    assert lines[-1].startswith("this blend less the one in use (version 4): -0.")


def test_one_with_more_models_is_ranked_itself_on_what_it_has_not_seen(
    data: Interactions, targets: Targets, fitted: Fitted
) -> None:
    fewer = Fitted(parts={"trend": fitted.parts["trend"]})
    middle = float(np.median(data.at_s[targets.places]))
    rival = model(GOOD, fitted, report={"until_s": middle})
    found = report(fewer, BAD, data, targets, rival)
    compared = found["compared"]
    assert compared["in_use"] == {"version": 4, "lacking": ["transitions"]}
    assert 50 <= compared["difference"]["targets"] < compared["targets"]
    assert worse_than_in_use(found) == "worse than version 4, which is in use"
    # What it knows under other rows, and what it does not know at all, is read all the same.
    order = ITEMS[::-1]
    turned = model(
        GOOD,
        fitted,
        item_ids=order,
        row_of={item_id: row for row, item_id in enumerate(order)},
        parts={"transitions": _turned(fitted.parts["transitions"])},
        report={"until_s": middle},
    )
    again = report(fewer, BAD, data, targets, turned)["compared"]
    assert again["difference"]["mean"] == pytest.approx(compared["difference"]["mean"], abs=0.02)
    unseen = report(fewer, BAD, data, targets, model(GOOD, fitted, report={"until_s": 1e12}))
    assert worse_than_in_use(unseen) == (
        "cannot be compared with version 4, which is in use and has transitions"
    )


def _turned(parts: Any) -> dict[str, Any]:
    """Transitions over the items in the opposite order."""
    count = len(parts["shares"])
    dense = np.zeros((count, count), dtype=np.float32)
    rows = np.repeat(np.arange(count), np.diff(parts["near.indptr"]))
    dense[rows, parts["near.indices"]] = parts["near.values"]
    dense = dense[::-1, ::-1]
    found = {
        "near.indptr": np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))]),
        "near.indices": np.nonzero(dense)[1].astype(np.int32),
        "near.values": dense[dense > 0],
    }
    for name in ("near.totals", "shares"):
        found[name] = parts[name][::-1]
    return found


def test_too_few_engagements_tell_nothing(fitted: Fitted, data: Interactions) -> None:
    few = choose(data, TrainingOptions(check_share=0.5, targets_max=40))
    found = report(fitted, BAD, data, few, model(GOOD, fitted))
    assert "interval" not in found["compared"]["difference"]
    assert worse_than_in_use(found) == ""
    assert "too little to tell" in compared_lines(found["compared"])[-1]
    assert worse_than_in_use({}) == ""
