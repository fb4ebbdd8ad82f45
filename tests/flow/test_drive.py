"""How flows are run: a request that is given up lets go of what it held."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from eachwise.flow.drive import Flow, arun


def test_a_cancelled_flow_ends_before_anything_else_runs() -> None:
    ended = []

    def held() -> Flow[None]:
        waits: Future[None] = Future()
        waits.set_running_or_notify_cancel()
        try:
            yield waits
        finally:
            ended.append(True)

    async def given_up() -> None:
        flow = held()  # referred to here too: it does not end by being collected
        task = asyncio.create_task(arun(flow))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [True]

    asyncio.run(given_up())
