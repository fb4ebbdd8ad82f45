"""The driver's process: started once the server answers, watched while it lives, ended with its own children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import msgspec

from eachwise.demo.messages import DriverOptions

# A driver that ends because the server is stopping is no news: wait this long for the stop to be known.
STOP_NOTICE_S = 1.0
END_S_MAX = 5.0


class Child:
    """A context in which the driver may run. ``ended`` is told why, should it end by itself."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None

    def start(self, options: DriverOptions) -> None:
        """Start the driver in a session of its own, so that the terminal's Ctrl-C reaches only its parent."""
        process = subprocess.Popen(
            [sys.executable, "-m", "eachwise.demo.driver"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=() if options.mail_fd is None else (options.mail_fd,),
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        self._process = process
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(options) + b"\n")
        process.stdin.flush()
        self._watcher = threading.Thread(target=self._watch, args=(process,), daemon=True)
        self._watcher.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the driver and what it started."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_S_MAX)
        if self._watcher is not None:
            self._watcher.join(END_S_MAX)
        for stream in (process.stdin, process.stderr):
            if stream is not None:
                stream.close()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        complaint = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        status = process.wait()
        if self._stopping.wait(STOP_NOTICE_S):
            return
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        words = f"The driver {how}{': ' + complaint[-1] if complaint else ''}."
        print(
            f"  {words} The shop goes on without simulated visitors.", file=sys.stderr, flush=True
        )
        self._ended(words)
