"""One process owns an embedded store: a lock that the system lets go of when its holder dies."""

from __future__ import annotations

import json
import os
import sys
import weakref
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from eachwise.contracts.errors import StoreError, StoreLocked

if sys.platform != "win32":
    import fcntl

FILE_NAME = "lock"

# A forked child shares the open file, and with it the lock: it must not outlive its parent there.
_held: weakref.WeakSet[StoreLock] = weakref.WeakSet()


class StoreLock:
    """The lock on a store's directory, held from construction until ``release``.

    The file ``lock`` says who holds it: ``{pid, host, command, url, since}``. It is left behind,
    empty on release and with its old contents after a kill; neither keeps the next owner out.
    """

    def __init__(self, path: Path, *, command: str = "", url: str | None = None) -> None:
        """Take the lock. Raises ``StoreLocked``, naming the owner, when another holds it."""
        self._path = path
        self._info: dict[str, str | int | None] = {
            "pid": os.getpid(),
            "host": os.uname().nodename if sys.platform != "win32" else "",
            "command": command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]),
            "url": url,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._descriptor: int | None = None
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"cannot open the store at {path}: {error.strerror}") from error
        try:
            if not _try_lock(descriptor):
                raise StoreLocked(_refusal(path, descriptor))
            self._descriptor = descriptor
            self._write()
        except BaseException:
            self._descriptor = None
            os.close(descriptor)
            raise
        _held.add(self)

    def set_url(self, url: str | None) -> None:
        """Say where the owner serves, for whoever is refused."""
        self._info["url"] = url
        self._write()

    def release(self) -> None:
        """Let the next owner in. Releasing twice does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _held.discard(self)
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _write(self) -> None:
        if self._descriptor is None:
            raise StoreError(f"the lock on {self._path} was released")
        text = json.dumps(self._info).encode() + b"\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def _leave_to_parent(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        raise StoreError(
            "the embedded store needs flock, which this system lacks; run it under Linux or macOS"
        )
    else:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise StoreError(f"the store's file system has no locks: {error.strerror}") from error
        return True


def _refusal(path: Path, descriptor: int) -> str:
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        url = owner["url"]
        who = f"process {owner['pid']} on {owner['host']} ({owner['command']})"
        since = f", since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        # The owner has the lock and has not written its name yet.
        return f"the store at {path} is in use by another process; stop it or try again"
    if url:
        return (
            f"the store at {path} is in use by {who}, serving at {url}{since}; "
            f"use --url {url}, or stop that process"
        )
    return f"the store at {path} is in use by {who}{since}; wait for it to end, or stop it"


def _leave_to_parent() -> None:
    for lock in list(_held):
        lock._leave_to_parent()
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_leave_to_parent)
