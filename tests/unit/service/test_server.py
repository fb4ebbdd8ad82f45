"""The server process: its address, its clean stop, and what happens where it cannot listen."""

import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.service.server import bound

SCRIPT = """
from contextlib import contextmanager
from eachwise.contracts.keys import Keys
from eachwise.service import run_server
from eachwise.settings import Settings
from tests.unit.service.memory_core import MemoryCore

@contextmanager
def opened():
    yield MemoryCore()
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
