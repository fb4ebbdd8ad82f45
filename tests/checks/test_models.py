"""What every model of taste must keep. A new one is found here by itself through the registry."""

from __future__ import annotations

import dataclasses
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import eachwise.recommend.models as package
from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import Item
from eachwise.contracts.taste import History, Interactions, Parts, TrainedModel
from eachwise.recommend import MODELS, decode_trained, encode_trained
from eachwise.recommend.histories import history_of
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model

pytest.importorskip("scipy", reason="fits need scipy: pip install 'eachwise[train]'")

SIZE = 24
NOW_S = 1_000 * 86_400.0
# Minutes on a laptop, however small the data: it has tests of its own.
SLOW = {"recurrent"}
NAMES = sorted(set(MODELS) - SLOW)


def checkerboard(people: int = 120) -> Interactions:
    """Half of the people walk the even items, half the odd ones, again and again, in visits of six; every second is
    a purchase.
    """
    generator = np.random.default_rng(1)
    rows, at_s, lengths = [], [], []
    for person in range(people):
        walk = 2 * ((np.arange(18) + generator.integers(SIZE // 2)) % (SIZE // 2)) + person % 2
        walk[generator.integers(1, 5)] = walk[0]  # some come back within the visit
        visit = np.repeat(np.arange(3), 6)
        rows.append(walk)
        at_s.append(NOW_S - 30 * 86_400.0 + visit * 86_400.0 + np.arange(18) * 60.0)
        lengths.append(18)
    count = sum(lengths)
    return Interactions(
        item_ids=tuple(f"i{number:02d}" for number in range(SIZE)),
        indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=np.concatenate(rows).astype(np.int32),
        at_s=np.concatenate(at_s),
        weights=np.ones(count, np.float32),
        bought=np.arange(count) % 2 == 0,
    )


def shelves() -> CatalogIndex:
    """The items with their parity as attribute and word; one of them is missing, another one was never met."""
    return build_index(
        [
            Item(
                item_id=f"i{number:02d}",
                title=f"{'odd' if number % 2 else 'even'} thing {number // 2}",
                attributes={"parity": "odd" if number % 2 else "even", "third": str(number % 3)},
            )
            for number in range(1, SIZE + 1)
        ],
        version=1,
    )


DATA, CATALOG = checkerboard(), shelves()


def fitting() -> Fitting:
    return Fitting(catalog=CATALOG, memory_bytes_max=1 << 30, seed=0, say=lambda line: None)


@cache
def fitted(name: str) -> Parts:
    return MODELS[name].fit(DATA, fitting())


def history(*rows: int, weights: tuple[float, ...] = (), ages_s: float = 60.0) -> History:
    """These rows, newest first, so long apart."""
    count = len(rows)
    return history_of(
        np.array(rows[::-1], dtype=np.int64),
        np.array(weights[::-1] if weights else [1.0] * count),
        NOW_S - ages_s * np.arange(count, 0, -1.0),
        np.arange(count) % 2 == 0,
        NOW_S,
    )


HISTORIES = {
    "nobody": history(),
    "someone": history(3, 1, 5),
    "one who came back": history(4, 2, 4, 4),
    "one who turned away": history(6, 8, 3, weights=(-1.0, 1.0, -0.5)),
    "a heavy user": history(*(number % SIZE for number in range(50))),
    "one of long ago": history(7, 9, ages_s=40 * 86_400.0),
}


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> Model:
    found: Model = MODELS[request.param]
    try:
        fitted(found.name)
    except DoesNotApply as reason:
        pytest.fail(f"{found.name} has nothing to learn from a world made for all: {reason}")
    return found


def test_the_registry_knows_every_model() -> None:
    """A file is a model where it makes one; what several share, or only fitting reads, makes none."""
    found = set()
    for path in Path(package.__path__[0]).glob("*.py"):
        spec = importlib.util.find_spec(f"{package.__name__}.{path.stem}")
        assert spec is not None
        if "\nMODEL" in path.read_text(encoding="utf-8"):
            found.add(path.stem)
    assert found == set(MODELS)


def test_names_say_whose_a_feature_is(model: Model) -> None:
    assert MODELS[model.name] is model
    assert len(set(model.features)) == len(model.features) > 0
    assert all(feature.startswith(f"{model.name}.") for feature in model.features)
    assert model.tell is None or model.renew is not None


@pytest.mark.parametrize("who", HISTORIES.values(), ids=HISTORIES)
def test_scores_are_finite_one_for_each_feature_and_item_and_repeatable(
    model: Model, who: History
) -> None:
    found = model.score(fitted(model.name), who, Frame(SIZE))
    assert found.shape == (len(model.features), SIZE)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    again = model.score(fitted(model.name), who, Frame(SIZE))
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("who", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("rows", [[], [0], [2, 3, 11, 23], list(range(SIZE))])
def test_candidates_score_as_among_all(model: Model, who: History, rows: list[int]) -> None:
    chosen = np.array(rows, dtype=np.int64)
    whole = model.score(fitted(model.name), who, Frame(SIZE))
    some = model.score(fitted(model.name), who, Frame.of(SIZE, chosen))
    assert some.shape == (len(model.features), len(rows))
    np.testing.assert_allclose(some, whole[:, chosen], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("who", HISTORIES.values(), ids=HISTORIES)
def test_reach_and_reasons_name_rows_that_there_are(model: Model, who: History) -> None:
    parts = fitted(model.name)
    if model.reach is not None:
        reached = model.reach(parts, who)
        assert len(reached) == 0 or 0 <= reached.min() <= reached.max() < SIZE
    if model.explain is not None:
        for row in range(SIZE):
            found = model.explain(parts, who, row)
            assert found is None or found in who.rows.tolist()


def test_inputs_are_left_as_they_were(model: Model) -> None:
    who = HISTORIES["someone"]
    parts = fitted(model.name)
    before = {name: array.copy() for name, array in parts.items()}
    model.score(parts, who, Frame(SIZE))
    for name, array in before.items():
        np.testing.assert_array_equal(parts[name], array)
    assert who.rows.tolist() == [3, 1, 5]


def test_the_same_data_give_the_same_parts(model: Model) -> None:
    once, again = fitted(model.name), model.fit(checkerboard(), fitting())
    assert once.keys() == again.keys()
    for name, array in once.items():
        np.testing.assert_array_equal(array, again[name])


def test_parts_survive_the_store(model: Model) -> None:
    parts = fitted(model.name)
    trained = TrainedModel(
        version=3,
        item_ids=DATA.item_ids,
        row_of={item_id: row for row, item_id in enumerate(DATA.item_ids)},
        parts={model.name: parts},
        blend=dict.fromkeys(model.features, 0.5),
        report={"repeats": True},
    )
    found = decode_trained(encode_trained(trained))
    assert (found.version, found.item_ids, found.blend, found.report) == (
        (3, DATA.item_ids, trained.blend, trained.report)
    )
    for name, array in parts.items():
        assert found.parts[model.name][name].dtype == array.dtype
        np.testing.assert_array_equal(found.parts[model.name][name], array)
    who = HISTORIES["someone"]
    np.testing.assert_array_equal(
        model.score(found.parts[model.name], who, Frame(SIZE)),
        model.score(parts, who, Frame(SIZE)),
    )


def cut(data: Interactions, people: int, length: int) -> Interactions:
    """The first engagements of the first people."""
    kept = np.concatenate(
        [np.zeros(0, np.int64)]
        + [np.arange(data.indptr[who], data.indptr[who] + length) for who in range(people)]
    )
    return dataclasses.replace(
        data,
        indptr=np.arange(people + 1, dtype=np.int64) * length,
        rows=data.rows[kept],
        at_s=data.at_s[kept],
        weights=data.weights[kept],
        bought=data.bought[kept],
    )


@pytest.mark.parametrize(("people", "length"), [(0, 0), (1, 1), (1, 2), (3, 2), (2, 18)])
def test_tiny_data_fit_or_do_not_apply(model: Model, people: int, length: int) -> None:
    data = cut(DATA, people, length)
    try:
        parts = model.fit(data, fitting())
    except DoesNotApply:
        return
    assert np.isfinite(model.score(parts, HISTORIES["someone"], Frame(SIZE))).all()


def test_what_only_speaks_against_items_teaches_nothing_that_breaks(model: Model) -> None:
    against = dataclasses.replace(DATA, weights=-np.ones(len(DATA.rows), np.float32))
    try:
        parts = model.fit(against, fitting())
    except DoesNotApply:
        return
    assert np.isfinite(model.score(parts, HISTORIES["someone"], Frame(SIZE))).all()


# Models that look at the person: someone on the odd items must see odd ones, and the other way round.
PERSONAL = sorted(set(NAMES) - {"trend", "late"})


@pytest.mark.parametrize("name", PERSONAL)
@pytest.mark.parametrize("parity", [0, 1])
def test_the_checkerboard_is_seen(name: str, parity: int) -> None:
    """No person ever crossed over: every model's mean over the own colour is above that over the other."""
    own = np.arange(parity, SIZE, 2)
    other = np.arange(1 - parity, SIZE, 2)
    visit = own[[5, 3, 4, 5]]
    who = history_of(
        np.concatenate([visit, visit]),
        np.ones(8),
        NOW_S - np.concatenate([86_400.0 + np.arange(240.0, 0.0, -60.0), np.arange(240, 0, -60)]),
        np.arange(8) % 2 == 0,
        NOW_S,
    )
    found = MODELS[name].score(fitted(name), who, Frame(SIZE))
    assert gap(found, own, other) > 0.0


def gap(found: Floats, own: Ints, other: Ints) -> float:
    """By how much the best feature prefers the own colour."""
    return float((found[:, own].mean(axis=1) - found[:, other].mean(axis=1)).max())
