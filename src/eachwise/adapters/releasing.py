"""Releasing what a forgotten engine held, when the garbage collector finds it."""

from __future__ import annotations

import _thread
from contextlib import ExitStack

# What the collector interrupted goes on after this, whether or not all is released by then.
WAIT_S_MAX = 1.0


def release_aside(stack: ExitStack) -> None:
    """Close a stack on a thread of its own, and wait a second at most.

    The collector runs wherever memory is asked for, also while the interrupted code starts a thread and holds locks of
    ``threading`` or ``concurrent.futures``. Whoever joins a thread from there waits for a lock that only the
    interrupted code could give back. A raw thread needs none of these locks to start, and may wait for them.
    """
    done = _thread.allocate_lock()
    done.acquire()

    def close() -> None:
        try:
            stack.close()
        finally:
            done.release()

    _thread.start_new_thread(close, ())
    done.acquire(timeout=WAIT_S_MAX)
