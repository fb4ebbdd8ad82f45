"""A real server process for tests: started on a free port, stopped or killed at will."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eachwise.adapters.remote import RemoteEngine

WRITE_KEY = "wk_test"
SECRET_KEY = "sk_test"
START_TIMEOUT_S = 30.0
# Settings under which what is best is certain: without it one decision in a hundred or so is silence, for learning.
CERTAIN = "[decide]\nexplorations_per_day = 0\n"


class Server:
    """One ``eachwise serve`` process."""

    def __init__(self, store: Path, *options: str, port: int = 0) -> None:
        self.store = store
        self.process = subprocess.Popen(
            [sys.executable, "-m", "eachwise", "serve", "--store", str(store), "--port", str(port),
             "--write-key", WRITE_KEY, "--secret-key", SECRET_KEY, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        self.output: list[str] = []
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.url = ""
        self._reader.start()
        if not self._started.wait(START_TIMEOUT_S) or not self.url:
            self.kill()
            raise AssertionError("the server did not start:\n" + "".join(self.output))

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            found = re.search(r"http://\S+", line)
            if found and not self.url:
                self.url = found.group().rstrip("/.,")
                self._started.set()
        self._started.set()

    def engine(self, key: str = SECRET_KEY) -> RemoteEngine:
        """A client of this server."""
        return RemoteEngine(self.url, key)

    def stop(self) -> int:
        """SIGTERM, and wait for a clean end."""
        self.process.terminate()
        return self._wait()

    def kill(self) -> int:
        """SIGKILL: nothing is flushed, nothing is said."""
        self.process.kill()
        return self._wait()

    def _wait(self) -> int:
        code = self.process.wait(timeout=30)
        self._reader.join(timeout=5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@contextmanager
def serving(store: Path, *options: str) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(store, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
