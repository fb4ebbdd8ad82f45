"""The spectral model: its randomised decomposition beside an exact one."""

from __future__ import annotations

import numpy as np
import pytest

from eachwise.recommend.models import spectral
from eachwise.recommend.models.base import Frame
from tests.unit.recommend.test_linear import history

sparse = pytest.importorskip(
    "scipy.sparse", reason="fits need scipy: pip install 'eachwise[train]'"
)


def symmetric(size: int, rank: int) -> np.ndarray:
    """A matrix of a few strong directions, of either sign, and next to nothing else."""
    draw = np.random.default_rng(3)
    basis = np.linalg.qr(draw.standard_normal((size, rank)))[0]
    values = np.linspace(3.0, 1.0, rank) * np.where(np.arange(rank) % 3 == 1, -1.0, 1.0)
    found: np.ndarray = (basis * values) @ basis.T
    return found.astype(np.float32)


def exact(matrix: np.ndarray, dimensions: int) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix.astype(np.float64))
    order = np.argsort(-np.abs(values))[:dimensions]
    found = vectors[:, order] * np.sqrt(np.abs(values[order]))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@pytest.mark.parametrize("dimensions", [4, 12])
def test_cosines_are_those_of_the_exact_decomposition(dimensions: int) -> None:
    """Signs and turns of the axes are free; what is scored, the cosines, is not."""
    matrix = symmetric(60, 12)
    found = spectral.space(sparse.csr_array(matrix), dimensions, seed=0)
    wanted = exact(matrix, dimensions)
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=2e-2)


def test_fewer_directions_than_dimensions_leave_no_noise() -> None:
    """Of a matrix of rank 2 nothing but two dimensions remains; items beside it have no direction at all."""
    matrix = np.zeros((9, 9), np.float32)
    matrix[:2, :2] = [[2.0, 1.0], [1.0, 2.0]]
    found = spectral.space(sparse.csr_array(matrix), 6, seed=0)
    np.testing.assert_allclose(np.linalg.norm(found[:2], axis=1), 1.0, atol=1e-5)
    assert not found[2:].any()
    np.testing.assert_allclose(found @ found.T, _padded(exact(matrix[:2, :2], 2)), atol=1e-4)


def _padded(own: np.ndarray) -> np.ndarray:
    found = np.zeros((9, 9))
    found[:2, :2] = own @ own.T
    return found


def test_many_items_are_scored_block_by_block_as_at_once() -> None:
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((2 * spectral._BLOCK_ROWS + 7, 5)).astype(np.float32)
    who = history(3, 1, 2050)
    found = spectral.score({"space": vectors}, who, Frame(len(vectors)))
    tastes = [
        sum(decay**k * vectors[row] for k, row in enumerate([3, 1, 2050][:tail]))
        for tail, decay in ((20, 0.7), (1, 1.0), (50, 0.9))
    ]
    np.testing.assert_allclose(found, np.stack(tastes) @ vectors.T, rtol=1e-4, atol=1e-4)
