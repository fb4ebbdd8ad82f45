"""An engine that nobody closed gives its store back when it is collected, whatever the collector interrupted."""

from __future__ import annotations

import gc
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.adapters.releasing import release_aside
from eachwise.contracts.errors import StoreLocked


def test_a_forgotten_engine_gives_its_store_back(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path)
    assert engine.track("u", "Product Viewed", {"product_id": "a"}).accepted == 1
    del engine
    gc.collect()
    with Engine.open(tmp_path) as again:
        assert again.individual("u").events == 1


def reopened(path: Path) -> Engine:
    """The store once more: it is free as soon as the thread that releases it got its locks."""
    for _ in range(1000):
        try:
            return Engine.open(path)
        except StoreLocked:
            threading.Event().wait(0.01)
    raise AssertionError("the store was never released")


def test_a_forgotten_engine_is_collected_while_a_thread_starts(tmp_path: Path) -> None:
    """A thread starts, and ends, under this lock: whoever joined one from under it hung."""
    forgotten = [Engine.open(tmp_path)]
    forgotten[0].track("u", "Product Viewed", {"product_id": "a"})
    forgotten[0].put_items([{"item_id": "a"}])
    names = {thread.name for thread in threading.enumerate()}
    assert any(name.startswith("eachwise-solve") for name in names)

    def interrupted() -> None:
        with threading._active_limbo_lock:  # type: ignore[attr-defined]
            forgotten.clear()
            gc.collect()

    collecting = threading.Thread(target=interrupted, daemon=True)
    collecting.start()
    collecting.join(20.0)
    assert not collecting.is_alive()
    with reopened(tmp_path) as again:
        assert again.individual("u").events == 1


def test_the_stack_is_closed_and_what_fails_in_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []
    closed: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda failure: told.append(failure.exc_value))

    def fail() -> None:
        raise OSError("disk")

    stack = ExitStack()
    stack.callback(closed.append, "first entered, last closed")
    stack.callback(fail)
    release_aside(stack)
    assert closed == ["first entered, last closed"]
    while not told:  # the hook runs after the thread has given the lock back
        threading.Event().wait(0.01)
    assert str(told[0]) == "disk"
