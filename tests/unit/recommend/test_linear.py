"""EASE and the next-item ridge: against brute force, in shards, by neighbours, within a budget."""

import builtins
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.catalog import build_index
from eachwise.contracts.errors import MissingExtra
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models import ease, linear, ridge
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.tables import Table

pytest.importorskip("scipy", reason="scipy is not installed: pip install 'eachwise[train]'")

ITEMS = 12
BOTH = pytest.mark.parametrize("model", [ease.MODEL, ridge.MODEL], ids=["ease", "ridge"])
SEQUENCES = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=30), min_size=2, max_size=8)


def engagements(sequences: list[list[int]], weights: list[float] | None = None) -> Interactions:
    lengths = np.array([len(one) for one in sequences], dtype=np.int64)
    rows = np.array([row for one in sequences for row in one], dtype=np.int32)
    return Interactions(
        item_ids=tuple(f"i{number:02d}" for number in range(ITEMS)),
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        rows=rows,
        at_s=np.arange(len(rows), dtype=np.float64),
        weights=np.array(weights if weights else np.ones(len(rows)), dtype=np.float32),
        bought=np.zeros(len(rows), dtype=np.bool_),
    )


def drawn(people: int = 150, seed: int = 4) -> Interactions:
    """Walks that mostly step to the next item of a cycle."""
    generator = np.random.default_rng(seed)
    sequences = []
    for _ in range(people):
        steps = np.where(
            generator.random(15) < 0.7, 1, generator.integers(2, ITEMS, 15)
        )  # never back to the same item at once
        sequences.append(((generator.integers(ITEMS) + np.cumsum(steps)) % ITEMS).tolist())
    return engagements(sequences)


def fitting(memory_bytes_max: int = 10**9, said: list[str] | None = None) -> Fitting:
    return Fitting(
        catalog=build_index([], version=1),
        memory_bytes_max=memory_bytes_max,
        seed=0,
        say=(said if said is not None else []).append,
    )


def history(*rows: int, weights: tuple[float, ...] = ()) -> History:
    return History(
        rows=np.array(rows, dtype=np.int64),
        weights=np.array(weights or (1.0,) * len(rows)),
        ages_s=np.arange(len(rows), dtype=np.float64),
        bought=np.zeros(len(rows), dtype=np.bool_),
        session=len(rows),
    )


def whole(parts: Parts, name: str) -> np.ndarray[Any, Any]:
    table = Table.of(parts, name)
    found = np.zeros((ITEMS, ITEMS))
    for row in range(ITEMS):
        span = slice(table.indptr[row], table.indptr[row + 1])
        found[row, table.indices[span]] = table.values[span]
    return found


def past(data: Interactions, targets_max: int) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Every z_t and its target, one by one."""
    rows, targets = [], []
    for person in range(data.people):
        own = data.rows[data.indptr[person] : data.indptr[person + 1]].tolist()
        for at in range(max(1, len(own) - targets_max), len(own)):
            z = np.zeros(ITEMS)
            for back in range(1, min(ridge.TAIL, at) + 1):
                z[own[at - back]] += ridge.DECAY ** (back - 1)
            rows.append(z)
            targets.append(own[at])
    return np.array(rows).reshape(-1, ITEMS), targets


def test_ease_is_each_items_ridge_on_the_others() -> None:
    """Steck 2019: min ‖X − XB‖² + λ‖B‖², diag B = 0."""
    data = drawn()
    total = ease.gram(linear.engaged(data), data.people, ITEMS, dense=True)
    exact = total.astype(np.float64)
    found = ease.solve(total.copy(), 7.0)
    for item in range(ITEMS):
        others = np.delete(np.arange(ITEMS), item)
        gram = exact[np.ix_(others, others)] + 7.0 * np.eye(ITEMS - 1)
        np.testing.assert_allclose(
            found[others, item], np.linalg.solve(gram, exact[others, item]), atol=1e-4
        )
        assert found[item, item] == 0.0


def test_the_gram_matrix_counts_people_and_not_visits() -> None:
    data = engagements([[0, 1, 0, 0], [1, 2], []])
    found = ease.gram(linear.engaged(data), data.people, ITEMS, dense=True)
    assert found[:3, :3].tolist() == [[1, 1, 0], [1, 2, 1], [0, 1, 1]]
    sparse = ease.gram(linear.engaged(data), data.people, ITEMS, dense=False)
    np.testing.assert_array_equal(sparse.toarray(), found)


@pytest.mark.parametrize("targets_max", [5, 200])
@pytest.mark.parametrize("dense", [True, False])
@settings(max_examples=20, deadline=None)
@given(sequences=SEQUENCES)
def test_the_ridges_sums_are_those_of_every_z(
    dense: bool, targets_max: int, sequences: list[list[int]]
) -> None:
    data = engagements(sequences)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge, "TARGETS_MAX", targets_max)
        found = ridge.sums(linear.engaged(data), ITEMS, dense=dense)
    seen, targets = past(data, targets_max)
    gram, cross = (one if dense else one.toarray() for one in (found.gram, found.cross))
    np.testing.assert_allclose(gram, seen.T @ seen, atol=1e-4)
    np.testing.assert_allclose(cross, seen.T @ np.eye(ITEMS)[targets], atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(sequences=SEQUENCES, cut=st.integers(1, 7))
def test_shards_of_people_add_up(sequences: list[list[int]], cut: int) -> None:
    one, other = engagements(sequences[:cut]), engagements(sequences[cut:])
    both = engagements(sequences)
    merged = ridge.merge(
        *(ridge.sums(linear.engaged(part), ITEMS, dense=False) for part in (one, other))
    )
    at_once = ridge.sums(linear.engaged(both), ITEMS, dense=False)
    np.testing.assert_allclose(merged.gram.toarray(), at_once.gram.toarray(), atol=1e-4)
    np.testing.assert_allclose(merged.cross.toarray(), at_once.cross.toarray(), atol=1e-4)
    grams = [
        ease.gram(linear.engaged(part), part.people, ITEMS, dense=True) for part in (one, other)
    ]
    np.testing.assert_array_equal(
        sum(grams), ease.gram(linear.engaged(both), both.people, ITEMS, dense=True)
    )


def test_the_ridge_is_solved_as_written() -> None:
    data = drawn()
    seen, targets = past(data, ridge.TARGETS_MAX)
    gram = seen.T @ seen + ridge.RIDGE * np.eye(ITEMS)
    expected = np.linalg.solve(gram, seen.T @ np.eye(ITEMS)[targets])
    np.testing.assert_allclose(
        whole(ridge.MODEL.fit(data, fitting()), "ridge"), expected, atol=1e-4
    )


@BOTH
def test_all_neighbours_give_the_exact_matrix(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = whole(model.fit(drawn(), fitting()), model.name)
    monkeypatch.setattr(linear, "DENSE_ITEMS_MAX", 0)
    said: list[str] = []
    near = whole(model.fit(drawn(), fitting(said=said)), model.name)
    np.testing.assert_allclose(near, exact, atol=2e-4)
    assert "each item is fitted on the 100" in said[0]


@pytest.mark.parametrize("read_max", [0, 150])
def test_systems_are_the_same_however_many_are_put_together(
    read_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = ridge.sums(linear.engaged(drawn()), ITEMS, dense=False)
    at_once = linear.by_neighbours(sums.gram, sums.cross, ridge.RIDGE).toarray()
    sizes: list[int] = []
    batches = linear._batches

    def counted(wanted: Any, read: Any) -> Any:
        for batch in batches(wanted, read):
            sizes.append(len(batch))
            yield batch

    monkeypatch.setattr(linear, "_READ_MAX", read_max)
    monkeypatch.setattr(linear, "_batches", counted)
    some = linear.by_neighbours(sums.gram, sums.cross, ridge.RIDGE).toarray()
    np.testing.assert_allclose(some, at_once, atol=1e-6)
    assert sum(sizes) == ITEMS
    assert sizes == [1] * ITEMS if read_max == 0 else 1 < len(sizes) < ITEMS


def test_every_pair_is_read_once_from_the_shorter_row() -> None:
    gram = ridge.sums(linear.engaged(drawn()), ITEMS, dense=False).gram
    gram.data[gram.data < np.quantile(gram.data, 0.4)] = 0.0
    gram = gram.minimum(gram.T).tocsr()
    gram.eliminate_zeros()
    upward = linear._upward(gram)
    dense = upward.toarray()
    whole = gram.toarray()
    np.testing.assert_array_equal(dense + dense.T, whole - np.diag(np.diag(whole)))
    degree = np.diff(gram.indptr)
    rows, columns = np.nonzero(dense)
    assert (degree[rows] <= degree[columns]).all()


def test_a_few_neighbours_come_close() -> None:
    data = drawn()
    sums = ridge.sums(linear.engaged(data), ITEMS, dense=False)
    exact = linear.by_neighbours(sums.gram, sums.cross, ridge.RIDGE).toarray()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "NEIGHBOURS", 4)
        near = linear.by_neighbours(sums.gram, sums.cross, ridge.RIDGE).toarray()
    assert ((near != 0).sum(axis=0) == 4).all()
    assert (near.argmax(axis=0) == exact.argmax(axis=0)).all()


@BOTH
def test_what_does_not_fit_is_said_with_figures(model: Model) -> None:
    said: list[str] = []
    parts = model.fit(drawn(), fitting(500, said))
    (line,) = said
    assert line.startswith(f"{model.name}: a dense fit of 12 items is 0.0")
    assert "budget 0.0005 MB" in line
    assert "from one person in " in line
    assert len(parts[f"{model.name}.values"])


def test_a_size_is_said_in_words() -> None:
    assert linear.said(2 * 4 * 100_000**2) == "80 GB"
    assert linear.said(46_700_000) == "46.7 MB"


@BOTH
@pytest.mark.parametrize("dense_max", [0, 5000])
@pytest.mark.parametrize("sequences", [[[]], [[3], [4]], [[], [], [2]]])
def test_where_nobody_engaged_with_two_items_it_does_not_apply(
    model: Model, dense_max: int, sequences: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "DENSE_ITEMS_MAX", dense_max)
    with pytest.raises(DoesNotApply, match="nobody engaged with two items"):
        model.fit(engagements(sequences), fitting())


@BOTH
def test_what_speaks_against_an_item_teaches_nothing(model: Model) -> None:
    plain = engagements([[0, 1, 2], [1, 2, 3]] * 3)
    mixed = engagements([[0, 7, 1, 2], [1, 2, 9, 3]] * 3, [1, -1, 1, 1, 1, 1, -1, 1] * 3)
    np.testing.assert_allclose(
        whole(model.fit(mixed, fitting()), model.name),
        whole(model.fit(plain, fitting()), model.name),
        atol=1e-6,
    )


@BOTH
def test_the_next_of_a_cycle_comes_first_and_names_its_origin(model: Model) -> None:
    parts = model.fit(drawn(400), fitting())
    for row in range(ITEMS):
        scores = model.score(parts, history(row), Frame(ITEMS))
        assert scores.shape == (len(model.features), ITEMS)
        if model is ridge.MODEL:
            assert scores[0].argmax() == (row + 1) % ITEMS
    assert model.explain is not None
    assert model.reach is not None
    assert model.explain(parts, history(5, 9), 6) == 5
    assert 6 in model.reach(parts, history(5))
    assert model.reach(parts, history()).tolist() == []


@BOTH
def test_a_score_is_the_decayed_sum_of_rows_with_their_weights(model: Model) -> None:
    parts = model.fit(drawn(), fitting())
    matrix = whole(parts, model.name)
    found = model.score(parts, history(3, 8, 1, weights=(1.0, -0.5, 2.0)), Frame(ITEMS))
    tails = ease.TAILS if model is ease.MODEL else ((ridge.TAIL, ridge.DECAY),)
    for scores, (_, decay) in zip(found, tails, strict=True):
        expected = matrix[3] - 0.5 * decay * matrix[8] + 2.0 * decay**2 * matrix[1]
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    rows = np.array([2, 4, 11])
    some = model.score(parts, history(3, 8, 1, weights=(1.0, -0.5, 2.0)), Frame.of(ITEMS, rows))
    np.testing.assert_allclose(some, found[:, rows], atol=1e-12)
    assert not model.score(parts, history(), Frame(ITEMS)).any()


def test_only_the_newest_of_a_tail_count() -> None:
    parts = ridge.MODEL.fit(drawn(), fitting())
    many = history(*(number % ITEMS for number in range(50)))
    few = history(*(number % ITEMS for number in range(ridge.TAIL)))
    np.testing.assert_allclose(
        ridge.score(parts, many, Frame(ITEMS)), ridge.score(parts, few, Frame(ITEMS))
    )


def test_the_largest_entries_by_size_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "ENTRIES_MAX", 2)
    matrix = np.array([[0.0, 1.0, -3.0, 2.0], [0, 0, 0, 0], [0, 5, 0, 0], [1, 2, 3, 4]], np.float32)
    parts = linear.packed("t", matrix)
    assert parts["t.indptr"].tolist() == [0, 2, 2, 3, 5]
    assert parts["t.indices"].tolist() == [2, 3, 1, 2, 3]
    assert parts["t.values"].tolist() == [-3.0, 2.0, 5.0, 3.0, 4.0]
    assert parts["t.indices"].dtype == np.int32
    assert parts["t.values"].dtype == np.float32


@BOTH
def test_without_scipy_the_line_that_installs_it_is_said(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def no_scipy(name: str, *rest: Any, **named: Any) -> Any:
        if name == "scipy":
            raise ModuleNotFoundError(name)
        return imported(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", no_scipy)
    with pytest.raises(MissingExtra, match=r"pip install 'eachwise\[train\]'"):
        model.fit(drawn(), fitting())
