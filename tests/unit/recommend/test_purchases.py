"""What is bought together, and what those buy who buy alike: from purchases that outlast the newest engagements."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import build_index
from eachwise.contracts.individual import BOUGHT_MAX, Bought, Individual, Recent
from eachwise.contracts.taste import History, Interactions, Parts, Purchases
from eachwise.maths.decay import MICROSECONDS
from eachwise.recommend import PersonTaste
from eachwise.recommend.histories import history_before, purchases_of
from eachwise.recommend.models import purchases, repeats, userknn
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame
from eachwise.recommend.models.ease import RIDGE_SCALE
from eachwise.recommend.views import read
from tests.unit.recommend.test_blend import no_affinity

pytest.importorskip("scipy", reason="fits need scipy: pip install 'eachwise[train]'")

DAY_S = 86_400.0
SIZE = 12
FRAME = Frame(SIZE)


def fitting() -> Fitting:
    return Fitting(
        catalog=build_index([], version=1),
        memory_bytes_max=1 << 30,
        seed=0,
        say=lambda line: None,
    )


def interactions(people: list[list[tuple[float, int]]], bought: bool = True) -> Interactions:
    """Everyone's (days, item), all purchases or all views."""
    flat = [each for person in people for each in sorted(person)]
    return Interactions(
        item_ids=tuple(f"i{number:02d}" for number in range(SIZE)),
        indptr=np.concatenate([[0], np.cumsum([len(person) for person in people])]),
        rows=np.array([row for _, row in flat], dtype=np.int32),
        at_s=np.array([day * DAY_S for day, _ in flat]),
        weights=np.ones(len(flat), np.float32),
        bought=np.full(len(flat), bought),
    )


def bakers_and_brewers() -> Interactions:
    """Half buy flour (0) and yeast (1), half malt (6) and hops (7), week by week; some buy another of their half's."""
    generator = np.random.default_rng(3)
    people = []
    for number in range(60):
        base = 6 * (number % 2)
        deeds = [(7.0 * week, base + row) for week in range(4) for row in (0, 1)]
        people.append([*deeds, (30.0, base + 2 + int(generator.integers(4)))])
    return interactions(people)


DATA = bakers_and_brewers()


def buyer(*had: tuple[int, float]) -> History:
    """Someone of whom nothing is known but purchases, (item, days ago), newest first."""
    return History(
        rows=np.zeros(0, dtype=np.int64),
        weights=np.zeros(0),
        ages_s=np.zeros(0),
        bought=np.zeros(0, dtype=np.bool_),
        session=0,
        purchases=Purchases(
            rows=np.array([row for row, _ in had], dtype=np.int64),
            ages_s=np.array([days * DAY_S for _, days in had]),
        ),
    )


@pytest.fixture(scope="module")
def together() -> Parts:
    return purchases.fit(DATA, fitting())


@pytest.fixture(scope="module")
def alike() -> Parts:
    return userknn.fit(DATA, fitting())


def test_the_weights_are_the_ridge_regression_without_its_diagonal(together: Parts) -> None:
    counts = np.zeros((DATA.people, SIZE))
    owner = np.repeat(np.arange(DATA.people), np.diff(DATA.indptr))
    np.add.at(counts, (owner, DATA.rows), 1.0)
    gram = np.log1p(counts).T @ np.log1p(counts)
    level = RIDGE_SCALE * math.sqrt(1.0 + np.diag(gram).mean())
    wanted = np.linalg.solve(gram + level * np.eye(SIZE), gram)
    np.fill_diagonal(wanted, 0.0)
    for row in range(SIZE):
        found = purchases.score(together, buyer((row, 3.0)), FRAME)
        np.testing.assert_allclose(found[1], math.log(2.0) * wanted[row], atol=1e-5)
        expected = np.log1p(np.maximum(found[1], 0.0) / 0.01)
        np.testing.assert_allclose(found[0], expected, rtol=1e-9)


def test_solving_by_neighbours_comes_near(together: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was never bought by the same person is left out of an item's neighbours here."""
    monkeypatch.setattr("eachwise.recommend.models.linear.DENSE_ITEMS_MAX", SIZE - 1)
    sparse = purchases.fit(DATA, fitting())
    one, other = (purchases.score(parts, buyer((0, 1.0)), FRAME) for parts in (together, sparse))
    np.testing.assert_allclose(other[1], one[1], rtol=0.02)


def test_flour_brings_yeast_and_says_so(together: Parts, alike: Parts) -> None:
    who = buyer((0, 5.0))
    for model, parts in ((purchases, together), (userknn, alike)):
        found = model.score(parts, who, FRAME)[0]
        assert found[1] > found[7]
        assert found[1:6].sum() > found[6:].sum()
        assert model.MODEL.explain is not None
        assert model.MODEL.explain(parts, who, 1) == 0
        assert model.MODEL.explain(parts, who, 7) is None
        assert model.MODEL.reach is not None
        assert 1 in model.MODEL.reach(parts, who).tolist()


def test_neighbours_are_weighed_by_how_alike_they_are() -> None:
    data = interactions([[(0.0, 0), (0.0, 1)], [(0.0, 0), (0.0, 2), (0.0, 3), (0.0, 4)]])
    parts = userknn.fit(data, fitting())
    found = userknn.score(parts, buyer((0, 1.0)), FRAME)[0]
    near = np.array([1.0 / math.sqrt(2.0), 0.5])
    shares = near / near.sum()
    assert found[1] == pytest.approx(math.log1p(shares[0] / math.sqrt(2.0) / 1e-3), rel=1e-6)
    assert found[2] == pytest.approx(math.log1p(shares[1] * 0.5 / 1e-3), rel=1e-6)


def test_what_was_bought_long_before_fades() -> None:
    data = interactions([[(0.0, 0), (120.0, 1)], [(0.0, 5), (1.0, 6)]])
    parts = userknn.fit(data, fitting())
    start, end = parts["people.indptr"][:2]
    values = dict(
        zip(parts["people.items"][start:end], parts["people.values"][start:end], strict=True)
    )
    assert values[1] / values[0] == pytest.approx(2.0, rel=1e-5)


@pytest.mark.parametrize("model", [purchases, userknn])
def test_where_nothing_is_a_purchase_they_do_not_apply(model: ModuleType) -> None:
    with pytest.raises(DoesNotApply, match=r"purchase|bought"):
        model.fit(interactions([[(0.0, 0), (1.0, 1)]], bought=False), fitting())


def test_a_habit_outlasts_the_newest_engagements() -> None:
    """Sixty views push a purchase out of the recents; it comes back all the same."""
    weeks = [[(21.0 * number, 0) for number in range(9)] for _ in range(30)]
    parts = repeats.fit(interactions(weeks), fitting())
    now_us = 400 * 86_400 * MICROSECONDS
    state = Individual(
        recents=[Recent(now_us - (60 - n) * 86_400 * 1000, n, "i05", "view") for n in range(50)],
        bought=[Bought(int(now_us / MICROSECONDS - days * DAY_S), "i00") for days in (42, 21)],
    )
    person = PersonTaste.of(state, no_affinity(0), now_us)
    row_of = {f"i{number:02d}": number for number in range(SIZE)}
    found = repeats.score(parts, read(person, {}, np.zeros(0)).history(row_of), FRAME)
    assert found[0, 0] > 1.0
    assert found[1, 0] == 1.0
    assert found[2, 0] == pytest.approx(math.log(3.0))
    # Who weighs purchases as nothing has none of it.
    without = read(person, {"purchase": 0.0}, np.zeros(0)).history(row_of)
    assert repeats.score(parts, without, FRAME)[1, 0] == 0.0


def test_training_sees_as_many_purchases_as_a_state_keeps() -> None:
    data = interactions([[(float(day), day % SIZE) for day in range(300)]])
    found = history_before(data, 290, 0)
    bought = purchases_of(found)
    assert len(bought.rows) == BOUGHT_MAX
    assert bought.rows[0] == 289 % SIZE
    assert bought.ages_s[:2].tolist() == [DAY_S, 2 * DAY_S]


def test_without_purchases_kept_apart_they_are_read_from_the_history() -> None:
    history = History(
        rows=np.array([3, 2, 1]),
        weights=np.array([1.0, 1.0, -1.0]),
        ages_s=np.array([1.0, 2.0, 3.0]),
        bought=np.array([False, True, True]),
        session=0,
    )
    assert purchases_of(history).rows.tolist() == [2]


@given(st.lists(st.tuples(st.integers(0, SIZE - 1), st.floats(0.0, 900.0)), max_size=20))
def test_scores_are_finite_and_candidates_score_as_among_all(had: list[tuple[int, float]]) -> None:
    who = buyer(*sorted(had, key=lambda one: one[1]))
    chosen = np.array([0, 2, 7, 11])
    for model, parts in MODELS:
        whole = model.score(parts, who, FRAME)
        assert np.isfinite(whole).all()
        some = model.score(parts, who, Frame.of(SIZE, chosen))
        np.testing.assert_allclose(some, whole[:, chosen], rtol=1e-6)


MODELS = [
    (purchases.MODEL, purchases.fit(DATA, fitting())),
    (userknn.MODEL, userknn.fit(DATA, fitting())),
]
