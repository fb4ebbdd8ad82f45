"""Child processes: started with one BLAS thread, watched from outside, never left behind."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from eachwise.adapters.remote import RemoteEngine
from eachwise.bench.machine import cpus
from eachwise.bench.wire import HOST, WRITE_KEY
from eachwise.contracts.errors import Unavailable

SECRET_KEY = "sk_bench"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.002

# Numpy's products are small here: a second BLAS thread only steals from what is measured.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


class Process:
    """A child process, and what the system says of it."""

    def __init__(self, command: Sequence[str], *, log: Path, cpu: int | None = None) -> None:
        """Start a command; stdout and stderr go to a file. ``cpu`` pins it to one processor (Linux)."""
        self._log = log
        if cpu is not None:
            command = [sys.executable, "-c", _PIN, str(cpu), *command]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | ONE_THREAD,
            )

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def output(self) -> str:
        """The end of what it has said."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def stop(self) -> None:
        """Ask it to end, and end it where it does not."""
        if self.alive():
            self._process.terminate()
        try:
            self._process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def rss_bytes(self) -> int:
        """Resident memory."""
        status = Path(f"/proc/{self._process.pid}/status")
        if status.is_file():
            for line in status.read_text(encoding="utf-8").splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        said = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self._process.pid)], capture_output=True, check=True
        )
        return int(said.stdout) * 1024

    def cpu_s(self) -> float:
        """Processor time used so far, all threads, user and system; 0 where the system does not say."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        if not stat.is_file():
            return 0.0
        # The name in brackets may hold blanks; utime and stime are fields 14 and 15.
        fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Pinned before anything is imported, so that every thread inherits it.
_PIN = (
    "import os, sys\n"
    "getattr(os, 'sched_setaffinity', lambda *_: None)(0, {int(sys.argv[1])})\n"
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


class Server(Process):
    """A child process that answers HTTP on this machine."""

    def __init__(
        self, command: Sequence[str], *, port: int, log: Path, cpu: int | None = None
    ) -> None:
        super().__init__(command, log=log, cpu=cpu)
        self.port = port
        self.url = f"http://{HOST}:{port}"

    @contextmanager
    def engine(self) -> Iterator[RemoteEngine]:
        """A client with the secret key."""
        with closing(RemoteEngine(self.url, SECRET_KEY)) as engine:
            yield engine

    def logged(self) -> int:
        """How many events the log holds."""
        with self.engine() as engine:
            return int(engine.status()["counts"]["events"])

    def first_answer(self, method: str, path: str, body: bytes | None, key: str) -> bytes:
        """Ask until the answer is 200. Raises ``Unavailable`` when the process ends or time is over."""
        deadline = time.monotonic() + START_TIMEOUT_S
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        while time.monotonic() < deadline and self.alive():
            connection = http.client.HTTPConnection(HOST, self.port, timeout=START_TIMEOUT_S)
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                content = response.read()
                if response.status == 200:
                    return content
                if response.status != 503:
                    raise Unavailable(f"{path} answered {response.status}: {content[:500]!r}")
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(POLL_S)
        raise Unavailable(f"the server did not answer {path}:\n{self.output()}")


@contextmanager
def serving(store: Path, *, settings: str = "", cpu: int | None = None) -> Iterator[Server]:
    """``eachwise serve`` over a store, as a process of its own, for the length of a block."""
    server = start_serving(store, settings=settings, cpu=cpu)
    try:
        server.first_answer("GET", "/v1/status", None, SECRET_KEY)
        yield server
    finally:
        server.stop()


def start_serving(store: Path, *, settings: str = "", cpu: int | None = None) -> Server:
    """Start ``eachwise serve``, with settings as TOML, and do not wait for it; the caller stops it."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "eachwise",
        "serve",
        "--store",
        str(store),
        "--port",
        str(port),
    ]
    command += ["--write-key", WRITE_KEY, "--secret-key", SECRET_KEY]
    if settings:
        file = store.with_name(store.name + ".toml")
        file.write_text(settings, encoding="utf-8")
        command += ["--settings", str(file)]
    return Server(command, port=port, log=store.with_name(store.name + ".log"), cpu=cpu)


@contextmanager
def bare_serving(app: str, folder: Path, *, cpu: int | None = None) -> Iterator[Server]:
    """A server of the same stack that does next to nothing (see ``bare``), for the length of a block."""
    port = free_port()
    command = [sys.executable, "-m", "eachwise.bench.bare", app, str(port)]
    server = Server(command, port=port, log=folder / f"bare-{app}.log", cpu=cpu)
    try:
        server.first_answer("POST", "/", b"{}", WRITE_KEY)
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def two_cpus() -> tuple[int | None, int | None]:
    """A processor for the server and another for the load; (None, None) where there are not two."""
    found = cpus()
    return (found[0], found[1]) if len(found) > 1 else (None, None)
