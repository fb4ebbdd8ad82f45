"""ALS, the yardstick of training: one fit on the same engagements and processors, in a process of its own.

``implicit``'s (0.7, its defaults: 64 factors, 15 iterations) by the Python that ``EACHWISE_BENCH_PEER_PYTHON`` names,
or by this one where it has it; else the same algorithm in numpy. ``implicit`` is never a dependency of Eachwise: it
belongs in an environment of its own. Run as a script, ``als.py FILE``, this needs numpy, scipy and implicit alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from eachwise.contracts.taste import Interactions

PEER_VARIABLE = "EACHWISE_BENCH_PEER_PYTHON"
FACTORS, ITERATIONS = 64, 15
REGULARISATION, CONFIDENCE = 0.01, 1.0
LIMIT_S = 1800.0
# Rows that are solved at a time: bounds what their normal matrices take to some 130 MB.
_BLOCK = 8_000

Table = NDArray[np.float64]
Numbers = NDArray[np.int64]


def peer_python() -> str | None:
    """The Python that has ``implicit``, or None. A path that does not lead to one is refused by ``timed``."""
    named = os.environ.get(PEER_VARIABLE)
    if named:
        return named
    return sys.executable if importlib.util.find_spec("implicit") else None


def timed(data: Interactions, folder: Path) -> tuple[float, float, str]:
    """Seconds that one fit took, seconds of processor time, and whose ALS it was.

    Raises ``OSError`` where the named Python does not run, ``subprocess.CalledProcessError`` where it has no implicit.
    """
    python = peer_python()
    if python is None:
        return (*_measured(lambda: in_numpy(data)), "ALS in numpy (no Python with implicit)")
    path = folder / "engagements.npz"
    np.savez(
        path,
        weights=data.weights,
        rows=data.rows,
        indptr=data.indptr,
        items=np.array(len(data.item_ids)),
    )
    try:
        answer = subprocess.run(
            [python, str(Path(__file__).resolve()), str(path)],
            check=True,
            stdout=subprocess.PIPE,
            timeout=LIMIT_S,
            cwd=folder,
        )
    finally:
        path.unlink()
    found = json.loads(answer.stdout)
    return found["wall_s"], found["cpu_s"], f"ALS of implicit {found['version']}"


def _measured(fit: Any) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    fit()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(path: str) -> None:
    """Fit on a file's engagements and print how long that took, as JSON."""
    sparse: Any = importlib.import_module("scipy.sparse")
    implicit: Any = importlib.import_module("implicit")
    als: Any = importlib.import_module("implicit.als")
    with np.load(path) as held:
        shape = (len(held["indptr"]) - 1, int(held["items"]))
        counts = sparse.csr_matrix((held["weights"], held["rows"], held["indptr"]), shape=shape)
    counts.sum_duplicates()
    model = als.AlternatingLeastSquares(factors=FACTORS, iterations=ITERATIONS, random_state=0)
    wall_s, cpu_s = _measured(lambda: model.fit(counts, show_progress=False))
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "version": implicit.__version__}))


def in_numpy(data: Interactions) -> tuple[Table, Table]:
    """Weighted ALS for implicit feedback (Hu, Koren & Volinsky 2008): x_u = (YᵀY + Yᵀ(C_u − I)Y + λI)⁻¹ YᵀC_u p_u.

    Returns the people's factors (U, f) and the items' (N, f).
    """
    draw = np.random.default_rng(0)
    owner = np.repeat(np.arange(data.people), np.diff(data.indptr))
    items = data.rows.astype(np.int64)
    people_factors = 0.01 * draw.standard_normal((data.people, FACTORS))
    item_factors = 0.01 * draw.standard_normal((len(data.item_ids), FACTORS))
    by_item = np.argsort(items, kind="stable")
    for _ in range(ITERATIONS):
        people_factors = _half(owner, items, data.people, item_factors)
        item_factors = _half(items[by_item], owner[by_item], len(data.item_ids), people_factors)
    return people_factors, item_factors


def _half(rows: Numbers, columns: Numbers, count: int, fixed: Table) -> Table:
    """Solve every row given the other side's factors; ``rows`` ascend."""
    gram = fixed.T @ fixed + REGULARISATION * np.eye(FACTORS)
    starts = np.searchsorted(rows, np.arange(count + 1))
    found = np.zeros((count, FACTORS))
    for begin in range(0, count, _BLOCK):
        end = min(count, begin + _BLOCK)
        normal = np.repeat(gram[None], end - begin, axis=0)
        wanted = np.zeros((end - begin, FACTORS))
        for row in range(begin, end):
            met = fixed[columns[starts[row] : starts[row + 1]]]
            normal[row - begin] += CONFIDENCE * (met.T @ met)
            wanted[row - begin] = (1.0 + CONFIDENCE) * met.sum(axis=0)
        found[begin:end] = np.linalg.solve(normal, wanted[..., None])[..., 0]
    return found


if __name__ == "__main__":
    main(sys.argv[1])
