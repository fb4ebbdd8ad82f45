"""Training the recurrent net: what it learns, that it serves as it was trained, that it stops and goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax", reason="training needs JAX: pip install 'eachwise[train]'")

import jax
import jax.numpy as jnp

from eachwise.contracts.taste import Interactions, Parts
from eachwise.recommend.models import recurrent, recurrent_net, recurrent_progress
from eachwise.recommend.models import recurrent_fit as training
from eachwise.recommend.models.base import DoesNotApply, Frame
from tests.unit.recommend.nets import circle, fitting, history, interactions

# Compiling takes longer than training these few sequences: less is made of the code here.
jax.config.update("jax_disable_most_optimizations", True)  # type: ignore[no-untyped-call]

COUNT = 24
CIRCLE = circle(people=120, length=20, count=COUNT)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A net and a training that fit these few sequences."""
    small = {
        "ENGAGEMENTS_MIN": 100,
        "DIMENSIONS": 16,
        "ROWS": 4,
        "COLUMNS": 16,
        "SAMPLED": 12,
        "EPOCHS_MAX": 4,
        "WARM_UP_STEPS": 10,
        "RATE": 0.01,
        "KEEPING": 0.9,
        "PATIENCE": 2,
    }
    for name, value in small.items():
        monkeypatch.setattr(training, name, value)


def foretells(parts: Parts) -> float:
    """How often the certain next item ranks first among what was not yet met."""
    hits = []
    for start in range(COUNT):
        met = [(start + step) % COUNT for step in range(10)]
        scores = recurrent.score(parts, history(*met), Frame.of(COUNT, None))[0]
        scores[met] = -np.inf
        hits.append(int(scores.argmax()) == (start + 10) % COUNT)
    return float(np.mean(hits))


def test_it_learns_what_is_certain_and_says_how_far_it_is() -> None:
    said: list[str] = []
    parts = recurrent.fit(CIRCLE, fitting(said))
    assert foretells(parts) >= 0.9
    assert all(array.dtype == np.float32 for array in parts.values())
    assert sum("NDCG@10" in line for line in said) == 4


def test_the_same_seed_gives_the_same_net() -> None:
    first, second = (recurrent.fit(CIRCLE, fitting()) for _ in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_it_serves_as_it_was_trained() -> None:
    """JAX over a batch, numpy at once, and numpy item by item: the same to 1e-5."""
    draw = np.random.default_rng(5)
    items = draw.standard_normal((COUNT, 16)).astype(np.float32) * 0.1
    weights = recurrent_net.new_weights(items, np.zeros(COUNT, np.float32), 2, draw)
    parts = recurrent_net.to_parts(weights, 10.0)
    rows = draw.integers(0, COUNT, (30, 3))
    going_on = np.ones((30, 3), np.float32)
    going_on[0] = going_on[11, 1] = 0.0
    wanted, memory = jax.jit(recurrent_net.forward)(
        {name: jnp.asarray(array) for name, array in weights.items()},
        jnp.asarray(rows),
        jnp.asarray(going_on),
        jnp.zeros((2, 3, 16)),
        10.0,
    )
    told = np.asarray(wanted).reshape(30, 3, 16)
    for column, begins in enumerate((0, 11, 0)):
        whole, at_once = recurrent.read(parts, recurrent.begin(parts), rows[begins:, column])
        np.testing.assert_allclose(at_once, told[-1, column], atol=1e-5)
        np.testing.assert_allclose(whole, np.asarray(memory)[:, column], atol=1e-5)
        step, one_by_one = recurrent.begin(parts), at_once
        for place in range(begins, 30):
            step, one_by_one = recurrent.read(parts, step, rows[place : place + 1, column])
            np.testing.assert_allclose(one_by_one, told[place, column], atol=1e-5)
        np.testing.assert_allclose(step, whole, atol=1e-5)


def test_the_recurrence_has_the_slopes_of_its_formula() -> None:
    """The derivative by hand beside the one that JAX finds for a loop in the open."""
    draw = np.random.default_rng(7)
    retain = jnp.asarray(draw.uniform(0.2, 0.9, 4), dtype=jnp.float32)
    values = jnp.asarray(draw.standard_normal((4, 2, 4)), dtype=jnp.float32)
    pull = jnp.asarray(draw.standard_normal((4, 2, 4)), dtype=jnp.float32)
    before = jnp.asarray(draw.standard_normal((2, 4)), dtype=jnp.float32)
    going_on = jnp.ones((4, 2)).at[2, 0].set(0.0)

    def in_the_open(retain: jax.Array, values: jax.Array) -> jax.Array:
        c, held = before, []
        for place in range(4):
            c = retain * going_on[place][:, None] * c + values[place]
            held.append(c)
        return jnp.sum(jnp.stack(held) * pull)

    def in_a_scan(retain: jax.Array, values: jax.Array) -> jax.Array:
        return jnp.sum(recurrent_net.recur(retain, values, going_on, before) * pull)

    expected = jax.jit(jax.grad(in_the_open, (0, 1)))(retain, values)
    found = jax.jit(jax.grad(in_a_scan, (0, 1)))(retain, values)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_weights_survive_being_parts() -> None:
    draw = np.random.default_rng(2)
    weights = recurrent_net.new_weights(
        np.ones((6, 8), np.float32), np.arange(6, dtype=np.float32) - 2.5, 2, draw
    )
    again = recurrent_net.from_parts(recurrent_net.to_parts(weights, 10.0))
    assert again.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_allclose(again[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


class _Cut(Exception):
    """The power fails."""


def test_an_interrupted_training_goes_on_and_ends_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recurrent.fit(CIRCLE, fitting())
    save = recurrent_progress.save

    def cut(work: Path | None, mark: int, progress: recurrent_progress.Progress) -> None:
        save(work, mark, progress)
        if progress.epoch == 2:
            raise _Cut

    monkeypatch.setattr(training, "save", cut)
    with pytest.raises(_Cut):
        recurrent.fit(CIRCLE, fitting(work=tmp_path))
    monkeypatch.setattr(training, "save", save)
    said: list[str] = []
    resumed = recurrent.fit(CIRCLE, fitting(said, work=tmp_path))
    assert said[0] == "recurrent: goes on after epoch 2"
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)


def test_another_trainings_progress_and_a_torn_file_are_not_taken_up(tmp_path: Path) -> None:
    other = circle(people=120, length=20, count=COUNT, seed=9)
    recurrent.fit(other, fitting(work=tmp_path))
    said: list[str] = []
    recurrent.fit(CIRCLE, fitting(said, work=tmp_path))
    (tmp_path / "recurrent.npz").write_bytes(b"PK torn")
    recurrent.fit(CIRCLE, fitting(said, work=tmp_path))
    assert not any("goes on" in line for line in said)


def test_it_ends_when_its_time_is_over() -> None:
    said: list[str] = []
    recurrent.fit(CIRCLE, fitting(said, minutes_max=0.0))
    assert len(said) == 2  # the first epoch, and one in which the rate falls


def test_it_ends_when_it_gets_no_better(monkeypatch: pytest.MonkeyPatch) -> None:
    qualities = iter([0.2, 0.3, 0.3, 0.3, 0.1, 0.1])
    monkeypatch.setattr(training, "EPOCHS_MAX", 20)
    monkeypatch.setattr(training, "foretold", lambda parts, check: next(qualities))
    said: list[str] = []
    recurrent.fit(CIRCLE, fitting(said))
    assert len(said) == 5


def test_going_on_from_earlier_weights_does_no_harm() -> None:
    earlier = recurrent.fit(CIRCLE, fitting())
    said: list[str] = []
    again = recurrent.fit(CIRCLE, fitting(said, earlier=earlier))
    assert len(said) == training.EPOCHS_AGAIN
    assert foretells(again) >= foretells(earlier)


def in_baskets(data: Interactions, size: int) -> Interactions:
    """The same engagements, so many at a time: an order's lines."""
    place = np.arange(len(data.rows)) - np.repeat(data.indptr[:-1], np.diff(data.indptr))
    at_s = (1_000_000_000 + 86_400 * (place // size)).astype(np.float64)
    return replace(data, at_s=at_s)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (interactions([0, 1], count=COUNT), "2 engagements in sequences"),
        (circle(people=100, length=5, count=COUNT), "half of the people engaged at 5"),
        (in_baskets(circle(people=700, length=40, count=COUNT), 5), "at 8 different times"),
    ],
)
def test_short_and_few_sequences_are_left_to_other_models(data: object, words: str) -> None:
    with pytest.raises(DoesNotApply, match=words):
        recurrent.fit(data, fitting())  # type: ignore[arg-type]


def test_weights_that_do_not_fit_into_memory_are_refused() -> None:
    tight = fitting()
    object.__setattr__(tight, "memory_bytes_max", 1000)
    with pytest.raises(DoesNotApply, match="would take"):
        recurrent.fit(CIRCLE, tight)
