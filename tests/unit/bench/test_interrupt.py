"""Ctrl-C in the middle: children are ended and files removed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eachwise.bench.effort import SCALE_VARIABLE


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which processes are left")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "eachwise", "bench", "ingest", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path), SCALE_VARIABLE: "0.1"},
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "round 1" in line:
                break
        assert _mentioning(str(tmp_path)), "its server runs by now"
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert said.endswith("eachwise: stopped\n")
    assert _mentioning(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def _mentioning(path: str) -> list[str]:
    """Command lines of processes that name a path."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if path in command:
            found.append(command)
    return found
