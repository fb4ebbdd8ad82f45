"""The server process: its address, its clean stop, and what happens where it cannot listen."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.service.server import bound

SCRIPT = """
from contextlib import closing, contextmanager
from eachwise.contracts.keys import Keys
from eachwise.service import run_server
from eachwise.settings import Settings
from tests.unit.service.memory_core import MemoryCore

@contextmanager
def opened():
    with closing(MemoryCore()) as core:
        yield core
    print("closed", flush=True)

run_server(
    opened, keys=Keys(write="wk", secret="sk"), settings=Settings(), host="127.0.0.1", port=0,
    announce=lambda url: print(url, flush=True),
)
print("done", flush=True)
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_stops_cleanly(stop: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    with process, process.stdout as output:
        url = output.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        with httpx.Client() as http:
            assert http.get(url + "/healthz").json() == {"status": "ok"}
            headers = {"Authorization": "Bearer wk"}
            large = http.post(url + "/v1/batch", content=bytes(10_000_000), headers=headers)
            assert large.status_code == 413
            assert http.get(url + "/v1/status", headers=headers).status_code == 401
        process.send_signal(stop)
        assert output.read().split() == ["closed", "done"]
    assert process.returncode == 0


def test_an_address_in_use_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"127.0.0.1:{port}"), bound("127.0.0.1", port):
            pass


def test_a_host_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(InvalidInput, match=r"no-such-host\.invalid"),
        bound("no-such-host.invalid", 0),
    ):
        pass


def test_keys_are_made_by_the_first_start_that_serves(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "eachwise", "serve", "--store", str(tmp_path / "store")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EACHWISE_")}
    keys = tmp_path / "store" / "keys.json"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        failed = subprocess.run(
            [*command, "--port", port],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
    assert (failed.returncode, failed.stdout) == (1, "")
    assert not keys.exists()
    for lines in (4, 1):
        process = subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        with process, process.stdout as output:
            said = [output.readline() for _ in range(lines)]
            process.send_signal(signal.SIGTERM)
            assert output.read() == ""
        assert said[0].startswith("eachwise serves")
        if lines > 1:
            assert json.loads(keys.read_text())["secret"] in said[2]
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
