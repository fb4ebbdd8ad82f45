"""The recurrent net as it serves: one reading, however it is cut; scores, reach, reasons."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import Floats
from eachwise.recommend.models import recurrent
from eachwise.recommend.models.base import Frame
from eachwise.recommend.registry import MODELS
from tests.unit.recommend.nets import history, random_parts

COUNT = 30
PARTS = random_parts(COUNT)


def test_it_is_registered() -> None:
    assert MODELS["recurrent"] is recurrent.MODEL


@given(st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=40), st.data())
def test_reading_in_parts_is_reading_at_once(rows: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(rows) - 1))
    whole, wanted = recurrent.read(PARTS, recurrent.begin(PARTS), np.array(rows))
    first, _ = recurrent.read(PARTS, recurrent.begin(PARTS), np.array(rows[:cut]))
    second, then = recurrent.read(PARTS, first, np.array(rows[cut:]))
    np.testing.assert_allclose(second, whole, atol=1e-5)
    np.testing.assert_allclose(then, wanted, atol=1e-5)


def test_reading_leaves_the_memory_it_was_given() -> None:
    memory, _ = recurrent.read(PARTS, recurrent.begin(PARTS), np.array([1, 2]))
    before = memory.copy()
    recurrent.read(PARTS, memory, np.array([3, 4, 5]))
    np.testing.assert_array_equal(memory, before)


def test_a_step_is_the_formula() -> None:
    """One block by hand, in double precision, after two items."""
    parts = random_parts(5, seed=3, d=4, blocks=1)
    p = {name: np.asarray(array, dtype=np.float64) for name, array in parts.items()}

    def unit(x: Floats) -> Floats:
        return np.asarray(x / np.sqrt((x**2).mean() + 1e-6))

    def silu(x: Floats) -> Floats:
        return np.asarray(x / (1.0 + np.exp(-x)))

    c, h = np.zeros(4), np.zeros(4)
    for row in (2, 4):
        h = p["items"][row] * p["scale"]
        mixed = unit(h) @ p["mix"][0]
        c = p["retain"][0] * c + p["admit"][0] * mixed[:4]
        h = h + (unit(c) * silu(mixed[4:])) @ p["out"][0]
        raised = unit(h) @ p["up"][0]
        h = h + (silu(raised[:8]) * raised[8:]) @ p["down"][0]
    memory, wanted = recurrent.read(parts, recurrent.begin(parts), np.array([2, 4]))
    np.testing.assert_allclose(memory[0], c, atol=1e-5)
    np.testing.assert_allclose(wanted, unit(h) * p["final"], atol=1e-5)


def test_scores_have_the_mean_0_and_do_not_depend_on_the_frame() -> None:
    found = recurrent.score(PARTS, history(3, 9, 1), Frame.of(COUNT, None))
    assert found.shape == (1, COUNT)
    assert abs(found.mean()) < 1e-5
    some = np.array([0, 7, 29])
    np.testing.assert_allclose(
        recurrent.score(PARTS, history(3, 9, 1), Frame.of(COUNT, some)), found[:, some], atol=1e-6
    )


def test_nothing_is_known_of_nobody() -> None:
    assert not recurrent.score(PARTS, history(), Frame.of(COUNT, None)).any()
    assert not len(recurrent.reach(PARTS, history()))
    assert recurrent.explain(PARTS, history(), 3) is None


def test_what_speaks_against_an_item_is_not_read() -> None:
    both = history(3, 9, 1)
    hidden = dataclasses.replace(both, weights=np.array([-1.0, 1.0, 1.0]))
    frame = Frame.of(COUNT, None)
    np.testing.assert_array_equal(
        recurrent.score(PARTS, hidden, frame), recurrent.score(PARTS, history(3, 9), frame)
    )


def test_what_was_carried_along_is_not_read_again() -> None:
    _, wanted = recurrent.read(PARTS, recurrent.begin(PARTS), np.array([8, 8, 2]))
    told = dataclasses.replace(history(3, 9), carried=wanted)
    frame = Frame.of(COUNT, None)
    np.testing.assert_array_equal(
        recurrent.score(PARTS, told, frame), recurrent.score(PARTS, history(8, 8, 2), frame)
    )


def test_it_reaches_what_it_scores_highest() -> None:
    scores = recurrent.score(PARTS, history(3, 9, 1), Frame.of(COUNT, None))[0]
    reached = recurrent.reach(PARTS, history(3, 9, 1))
    assert len(reached) == COUNT
    np.testing.assert_array_equal(reached[:5], np.argsort(-scores)[:5])


def test_the_reason_is_the_item_most_alike() -> None:
    parts = {**PARTS, "items": np.eye(8, dtype=np.float32)[np.arange(COUNT) % 8]}
    assert recurrent.explain(parts, history(9, 2, 5), 17) == 9
    assert recurrent.explain(parts, history(2, 5), 17) is None
    assert recurrent.explain(parts, history(17), 17) is None


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_large_numbers_do_not_overflow(size: float) -> None:
    parts = {**PARTS, "mix": PARTS["mix"] * np.float32(size), "up": PARTS["up"] * np.float32(size)}
    assert np.isfinite(recurrent.read(parts, recurrent.begin(parts), np.array([1, 2, 3]))[1]).all()
