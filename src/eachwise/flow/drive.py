"""How a flow runs: a generator that yields futures, driven either by a thread or by an event loop.

A flow is written once, synchronously; at every wait it yields a ``concurrent.futures.Future`` and is sent its
result. ``run`` blocks on each future (the in-process ``Engine``); ``arun`` awaits it (the HTTP service).
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

R = TypeVar("R")
Flow = Generator[Future[Any], Any, R]


def breath(executor: Executor) -> Flow[None]:
    """Let others have a turn in the middle of something long."""
    yield executor.submit(_nothing)


def idle() -> Flow[None]:
    """Nothing to do."""
    yield from ()


def run(flow: Flow[R]) -> R:
    """Drive a flow to its end in this thread and return its result; errors of futures are raised inside the flow."""
    try:
        future = next(flow)
        while True:
            try:
                value = future.result()
            except Exception as error:
                future = flow.throw(error)
            else:
                future = flow.send(value)
    except StopIteration as stop:
        result: R = stop.value
        return result


async def arun(flow: Flow[R]) -> R:
    """Drive a flow to its end on the running event loop. A cancelled request stops at the next wait, at once: what the
    flow held is free again before anything else runs."""
    try:
        future = next(flow)
        while True:
            try:
                value = await asyncio.wrap_future(future)
            except Exception as error:
                future = flow.throw(error)
            else:
                future = flow.send(value)
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        flow.close()


def _nothing() -> None:
    """What a turn takes."""
