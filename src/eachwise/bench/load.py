"""Load from a process of its own: requests built beforehand, sent over keep-alive connections, each timed.

A closed loop: a connection sends its next request when the answer to the last one is there. So there are never more
requests under way than connections, and the server is never asked for more than it can do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from eachwise.bench.processes import ONE_THREAD, Server
from eachwise.bench.wire import Plan, Result
from eachwise.contracts.errors import EachwiseError

# How long past its time a load may take to read the last answers.
GRACE_S = 60.0


def send(server: Server, plan: Plan, folder: Path, *, cpu: int | None = None) -> Result:
    """Run a plan in a process of its own. Raises ``EachwiseError`` when one failed, or none was timed."""
    file = folder / "plan.msgpack"
    file.write_bytes(msgspec.msgpack.encode(plan))
    command = [sys.executable, "-m", "eachwise.bench.sender", str(file)]
    command += [] if cpu is None else [str(cpu)]
    said = subprocess.run(
        command,
        capture_output=True,
        env=os.environ | ONE_THREAD,
        timeout=plan.seconds + GRACE_S,
        check=False,
    )
    if said.returncode != 0:
        raise EachwiseError(
            f"the load failed: {said.stderr.decode(errors='replace')[-1000:]}\n"
            f"the server said:\n{server.output()}"
        )
    result = msgspec.json.decode(said.stdout, type=Result)
    if not result.times_us:
        raise EachwiseError(f"no answer but the warm-up's within {plan.seconds:g} s")
    return result


def pooled(results: Sequence[Result]) -> Result:
    """Rounds as one."""
    return Result(
        seconds=sum(result.seconds for result in results),
        sent=sum(result.sent for result in results),
        times_us=[time_us for result in results for time_us in result.times_us],
        outcomes=sum(result.outcomes for result in results),
    )
