"""One process owns a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eachwise.adapters.lock import StoreLock
from eachwise.contracts.errors import StoreError, StoreLocked

HOLD = """
import sys
from pathlib import Path
from eachwise.adapters.lock import StoreLock
lock = StoreLock(Path(sys.argv[1]), command="eachwise serve")
if len(sys.argv) > 2:
    lock.set_url(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def holder(path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Wait for the end, with its pipes closed."""
    process.communicate()


def test_a_second_process_learns_who_serves(tmp_path: Path) -> None:
    process = holder(tmp_path, "http://127.0.0.1:8123")
    with pytest.raises(StoreLocked) as refused:
        StoreLock(tmp_path)
    for part in (str(process.pid), "eachwise serve", "since 20", "use --url http://127.0.0.1:8123"):
        assert part in refused.value.message
    assert refused.value.code == "store_locked"
    end(process)
    StoreLock(tmp_path).release()


def test_a_second_process_learns_who_works(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with pytest.raises(StoreLocked, match=f"process {process.pid} .*stop it"):
        StoreLock(tmp_path)
    end(process)


def test_a_kill_leaves_no_lock(tmp_path: Path) -> None:
    process = holder(tmp_path, "http://127.0.0.1:8123")
    process.kill()
    end(process)
    assert json.loads((tmp_path / "lock").read_text())["pid"] == process.pid
    with StoreLock(tmp_path, command="next"):
        told = json.loads((tmp_path / "lock").read_text())
        assert (told["pid"], told["command"], told["url"]) == (os.getpid(), "next", None)
        assert set(told) == {"pid", "host", "command", "url", "since"}


def test_one_process_cannot_open_twice(tmp_path: Path) -> None:
    with StoreLock(tmp_path), pytest.raises(StoreLocked, match=f"process {os.getpid()} "):
        StoreLock(tmp_path)
    with StoreLock(tmp_path):
        pass


def test_released_is_released(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path / "new" / "place", url="http://127.0.0.1:1")
    lock.release()
    lock.release()
    assert (tmp_path / "new" / "place" / "lock").read_text() == ""
    with pytest.raises(StoreError, match="released"):
        lock.set_url("http://127.0.0.1:2")


def test_a_shorter_url_leaves_no_rest(tmp_path: Path) -> None:
    with StoreLock(tmp_path, url="http://127.0.0.1:80000000") as lock:
        lock.set_url(None)
        assert json.loads((tmp_path / "lock").read_text())["url"] is None


def test_an_owner_without_a_name_yet(tmp_path: Path) -> None:
    with StoreLock(tmp_path):
        (tmp_path / "lock").write_text("")
        with pytest.raises(StoreLocked, match="another process"):
            StoreLock(tmp_path)


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot open the store"):
        StoreLock(tmp_path / "file")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_does_not_hold_on(tmp_path: Path) -> None:
    """The parent's lock ends with the parent's release, whatever its children do."""
    script = """
import os, sys, time
from pathlib import Path
from eachwise.adapters.lock import StoreLock
path = Path(sys.argv[1])
lock = StoreLock(path)
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
time.sleep(0.2)
lock.release()
StoreLock(path).release()
os.kill(child, 9)
os.waitpid(child, 0)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=30)
