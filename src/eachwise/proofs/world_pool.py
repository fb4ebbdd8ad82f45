"""Worlds side by side: processes that compute linear algebra on one thread each."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Final

# One thread for linear algebra on 100 × 100 matrices: more of them only wait for one another.
_ONE_THREAD: Final = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# Allocations between two looks for garbage in circles: a world makes none to speak of, and holds a gigabyte that each
# look walks through.
_COLLECTED_EVERY: Final = 100_000


def rarely_collected() -> None:
    """Look for garbage in circles rarely in this process."""
    gc.set_threshold(_COLLECTED_EVERY, 20, 20)


@contextmanager
def pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes, each with fresh memory for every task: a world takes a gigabyte."""
    context = multiprocessing.get_context("spawn")
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        with ProcessPoolExecutor(
            processes, mp_context=context, max_tasks_per_child=1, initializer=rarely_collected
        ) as found:
            yield found
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
